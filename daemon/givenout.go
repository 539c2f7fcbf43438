package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/awskeyd/awskeyd/daemon/atomicfile"
)

// givenOut remembers the ids (never the secrets) of the access keys that a person
// has moved out, in the state folder: they stand in plaintext because that was
// wanted, and must not be taken in again by whoever watches the AWS files.
type givenOut struct {
	path string

	mu   sync.Mutex
	list []string // lines that begin with an id
}

// mostGivenOut bounds the file.
const mostGivenOut = 64

func openGivenOut(stateDir string) (*givenOut, error) {
	g := &givenOut{path: filepath.Join(stateDir, "given-out")}
	text, err := os.ReadFile(g.path)
	if err != nil && !os.IsNotExist(err) {
		return g, err
	}
	// By lines: what a newer awskeyd may write behind an id is kept.
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			g.list = append(g.list, line)
		}
	}
	return g, nil
}

func (g *givenOut) has(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.list, of(id))
}

// of tells the line of an id.
func of(id string) func(line string) bool {
	return func(line string) bool {
		first, _, _ := strings.Cut(line, " ")
		return first == id
	}
}

// add and drop are done when they are on disk.
func (g *givenOut) add(id string) error {
	return g.change(func(list []string) []string {
		if slices.ContainsFunc(list, of(id)) {
			return list
		}
		list = append(list, id)
		return list[max(0, len(list)-mostGivenOut):]
	})
}

func (g *givenOut) drop(id string) error {
	return g.change(func(list []string) []string {
		return slices.DeleteFunc(list, of(id))
	})
}

func (g *givenOut) change(to func([]string) []string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := to(slices.Clone(g.list))
	if slices.Equal(next, g.list) {
		return nil
	}
	if err := atomicfile.Write(g.path, []byte(strings.Join(next, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	g.list = next
	return nil
}
