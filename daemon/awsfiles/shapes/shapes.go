// Package shapes holds AWS files as people really have them, for tests: what the
// AWS CLI, Terraform's tutorials and a dozen login tools write, and what becomes of
// it under editors, merges and years.
//
// Each shape is a txtar archive in testdata. Its comment says in a sentence what it
// is; below that may stand "mode: FILE OCTAL" and "link: FILE TARGET". The files are
// config and credentials; what they must become is config.in and credentials.in
// after moving in, config.out and credentials.out after moving out again, each only
// where it is not what it was. The files in and out hold what must be said then.
package shapes

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed testdata/*.txtar
var archives embed.FS

// A Shape is one person's AWS files.
type Shape struct {
	Name  string
	About string
	mode  map[string]fs.FileMode
	link  map[string]string
	files map[string]string // with words in angle brackets, see Words
}

// fileNames are those of an archive, in its order.
var fileNames = []string{"config", "credentials", "in", "config.in", "credentials.in", "out", "config.out", "credentials.out"}

// All returns every shape, by name.
func All() ([]*Shape, error) {
	entries, err := archives.ReadDir("testdata")
	if err != nil {
		return nil, err
	}
	var all []*Shape
	for _, entry := range entries {
		data, err := archives.ReadFile("testdata/" + entry.Name())
		if err != nil {
			return nil, err
		}
		s, err := read(strings.TrimSuffix(entry.Name(), ".txtar"), data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		all = append(all, s)
	}
	return all, nil
}

func read(name string, data []byte) (*Shape, error) {
	archive := txtar.Parse(data)
	s := &Shape{Name: name, mode: map[string]fs.FileMode{}, link: map[string]string{}, files: map[string]string{}}
	about, settings, _ := strings.Cut(string(archive.Comment), "\n\n")
	s.About = about
	for text := range strings.Lines(settings) {
		words := strings.Fields(text)
		if len(words) != 3 {
			return nil, fmt.Errorf("%q is no setting", text)
		}
		switch words[0] {
		case "mode:":
			mode, err := strconv.ParseUint(words[2], 8, 9)
			if err != nil {
				return nil, err
			}
			s.mode[words[1]] = fs.FileMode(mode)
		case "link:":
			s.link[words[1]] = words[2]
		default:
			return nil, fmt.Errorf("%q is no setting", text)
		}
	}
	for _, f := range archive.Files {
		if !slices.Contains(fileNames, f.Name) {
			return nil, fmt.Errorf("%q is no file of a shape", f.Name)
		}
		s.files[f.Name] = string(f.Data)
	}
	return s, nil
}

// File returns a file of the archive with its words filled in, and whether it is
// there.
func (s *Shape) File(name string, w Words) (text string, ok bool) {
	text, ok = s.files[name]
	return w.Fill(text), ok
}

// Want is what config or credentials must be after the step "in" or "out".
func (s *Shape) Want(file, step string, w Words) (text string, ok bool) {
	if text, ok := s.File(file+"."+step, w); ok {
		return text, true
	}
	return s.File(file, w)
}

// Mode is the mode of a file, 0600 where the shape says nothing of it.
func (s *Shape) Mode(file string) fs.FileMode {
	if mode, ok := s.mode[file]; ok {
		return mode
	}
	return 0o600
}

// Link is where a file links to, "" for a plain one.
func (s *Shape) Link(file string) string { return s.link[file] }

// Lay writes the files of the shape into the folder .aws of a home.
func (s *Shape) Lay(home string, w Words) error {
	folder := filepath.Join(home, ".aws")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, name := range fileNames[:2] {
		text, ok := s.File(name, w)
		if !ok {
			continue
		}
		path := filepath.Join(folder, name)
		if to := s.link[name]; to != "" {
			if err := os.Symlink(to, path); err != nil {
				return err
			}
			path = filepath.Join(folder, to)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
		}
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, s.Mode(name))); err != nil {
			return err
		}
	}
	return nil
}

// Set makes text a file of the archive, as a test does that is asked to write down
// what came of it.
func (s *Shape) Set(name, text string, w Words) { s.files[name] = w.Hide(text) }

// Drop leaves a file out.
func (s *Shape) Drop(name string) { delete(s.files, name) }

// Archive is the shape as it stands in testdata.
func (s *Shape) Archive() []byte {
	out := &txtar.Archive{Comment: []byte(s.About)}
	settings := ""
	for _, name := range fileNames[:2] {
		if to := s.link[name]; to != "" {
			settings += fmt.Sprintf("link: %s %s\n", name, to)
		}
		if mode, ok := s.mode[name]; ok {
			settings += fmt.Sprintf("mode: %s %04o\n", name, mode)
		}
	}
	if settings != "" {
		out.Comment = append(out.Comment, "\n\n"+settings...)
	}
	for _, name := range fileNames {
		if text, ok := s.files[name]; ok {
			out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(text)})
		}
	}
	return txtar.Format(out)
}
