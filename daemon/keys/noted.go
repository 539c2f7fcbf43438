package keys

import (
	"bufio"
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/awskeyd/awskeyd/store/failpoint"
)

// noted remembers the ids (never the secrets) of access keys that
// CreateAccessKey told, so that one whose secret was lost on its way into the
// store is known to be ours. It is a file of lines in the state folder, forced
// to disk before the store is even tried.
type noted struct {
	path string

	mu   sync.Mutex
	list []string
}

// remembered bounds the file: only ids of unfinished creations matter.
const remembered = 64

func openNoted(stateDir string, log *slog.Logger) *noted {
	n := &noted{path: filepath.Join(stateDir, "created")}
	f, err := os.Open(n.path)
	if err != nil {
		if !os.IsNotExist(err) {
			log.Warn("cannot read the ids of created access keys", "error", err)
		}
		return n
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if id := strings.TrimSpace(lines.Text()); id != "" {
			n.list = append(n.list, id)
		}
	}
	if len(n.list) > remembered {
		n.list = slices.Clone(n.list[len(n.list)-remembered:])
	}
	return n
}

func (n *noted) ids() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.list // only ever appended to: a reader's view stays as it was
}

// add appends an id and forces it to disk. The id is remembered by this
// process in any case.
func (n *noted) add(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(slices.Clip(n.list), id)
	f, err := os.OpenFile(n.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	failpoint.At("note.created")
	// A line of its own, also after one that a crash has cut short.
	if _, err := f.WriteString("\n" + id + "\n"); err != nil {
		return err
	}
	failpoint.At("note.written")
	if err := cmp.Or(f.Sync(), failpoint.Err("note.synced")); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(n.path))
}

// syncFolder makes a new name in a folder durable. Where folders cannot be
// synced (Windows) the system does it by itself.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !isWindows {
		return err
	}
	return nil
}
