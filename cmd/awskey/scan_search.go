package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/scan"
	"github.com/awskeyd/awskeyd/daemon/scan/folder"
	"github.com/awskeyd/awskeyd/daemon/scan/repository"
	"github.com/awskeyd/awskeyd/store/secret"
)

// finding is one access key at one path: in a file as it is now, or only in the
// history.
type finding struct {
	path   string // as a person would type it; empty: the message of a commit or tag
	line   int    // in the working file, else as Commit has it
	id     string // empty: a secret by itself
	paired bool
	print  string // tells this key from others
	now    bool   // it stands in a working file, or in the index
	staged bool   // in the index, and in no commit yet

	commit string // the first that has it there; empty: none has
	author time.Time
	last   string // the last that has it
	still  bool   // and that is a tip

	name, state string // of ours: the key, and how its access key stands at AWS
	account     string // that AWS has told
	user        string // and whose it is there
	asked       string // what AWS told in place of a state
	remedy      string
}

// search collects findings. Secrets are wiped as soon as their shape is known.
type search struct {
	noHistory, gitignore bool
	keep                 bool // the secrets, to be asked for
	workers              int
	trouble              func(path string, err error)

	mu             sync.Mutex
	found          map[[2]string]*finding  // by path and fingerprint
	secrets        map[string]secret.Value // by fingerprint, of those with an id
	files, objects atomic.Int64
	bytes          atomic.Int64
}

// place is one key in an object, without its secret.
type place struct {
	line   int
	id     string
	paired bool
	print  string
}

func (s *search) placed(f scan.Found) place {
	p := place{line: f.Line, id: f.AccessKeyID, paired: !f.Secret.IsZero(), print: f.Fingerprint()}
	if !s.keep || p.id == "" || !p.paired {
		f.Secret.Wipe()
		return p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secrets == nil {
		s.secrets = map[string]secret.Value{}
	}
	s.secrets[p.print] = f.Secret
	return p
}

// extent says how much was read.
func (s *search) extent() string {
	n := s.files.Load()
	text := fmt.Sprintf("%d file%s", n, plural(int(n)))
	if n := s.objects.Load(); n > 0 {
		text += fmt.Sprintf(" and %d object%s of git", n, plural(int(n)))
	}
	if mb := s.bytes.Load() / 1_000_000; mb > 0 {
		text += fmt.Sprintf(", %d MB", mb)
	}
	return text
}

func (s *search) add(path string, p place) *finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == nil {
		s.found = map[[2]string]*finding{}
	}
	f := s.found[[2]string{path, p.print}]
	if f == nil {
		f = &finding{path: path, line: p.line, id: p.id, paired: p.paired, print: p.print}
		s.found[[2]string{path, p.print}] = f
	}
	return f
}

// findings are all of them, by path and line.
func (s *search) findings() []*finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*finding
	for _, f := range s.found {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *finding) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.line, b.line), cmp.Compare(a.commit, b.commit), cmp.Compare(a.print, b.print))
	})
	return all
}

// paths searches each path, and the history of each repository once.
func (s *search) paths(ctx context.Context, paths []string) error {
	history := map[string]map[string][]place{}
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return err
		}
		repo, err := repository.Open(ctx, path)
		if errors.Is(err, repository.ErrNone) || errors.Is(err, repository.ErrNoGit) && s.noHistory {
			repo, err = nil, nil
		}
		if err != nil {
			return err
		}
		if err := s.path(ctx, repo, path, history); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) path(ctx context.Context, repo *repository.Repo, path string, history map[string]map[string][]place) error {
	top := path
	if repo != nil {
		top = repo.Top
	}
	allow, err := readAllow(top)
	if err != nil {
		return err
	}
	if repo == nil || !repo.Bare {
		if err := s.folder(ctx, repo, path, allow); err != nil {
			return err
		}
	}
	if repo == nil || s.noHistory {
		return nil
	}
	if history[repo.Top] == nil {
		objects := map[string][]place{}
		err := repo.Objects(ctx, s.workers, func(n int64) { s.objects.Add(1); s.bytes.Add(n) }, func(object string, f scan.Found) {
			objects[object] = append(objects[object], s.placed(f))
		})
		if err != nil {
			return err
		}
		history[repo.Top] = objects
	}
	return s.history(ctx, repo, path, allow, history[repo.Top])
}

// folder searches working files.
func (s *search) folder(ctx context.Context, repo *repository.Repo, path string, allow *allowed) error {
	w := &folder.Walk{
		Workers: s.workers,
		Found: func(below string, f scan.Found) {
			p, at := s.placed(f), shown(path, below)
			if !allow.has(within(allow.top, at), p.id) {
				s.add(at, p).now = true
			}
		},
		Trouble: func(below string, err error) { s.trouble(shown(path, below), err) },
		Files:   &s.files, Bytes: &s.bytes,
	}
	if s.gitignore && repo != nil {
		w.Only = func(file func(string)) error { return repo.Files(ctx, path, file) }
	}
	return w.Run(ctx, path)
}

// shown is a file as a person would type it.
func shown(root, below string) string {
	if info, err := os.Stat(root); err == nil && !info.IsDir() {
		return root
	}
	return filepath.Join(root, below)
}

// within is a path below a folder, with slashes, wherever links lead to.
func within(folder, path string) string {
	real := func(p string) string {
		if abs, err := filepath.Abs(p); err == nil {
			p = abs
		}
		if resolved, err := filepath.EvalSymlinks(p); err == nil {
			p = resolved
		}
		return p
	}
	below, err := filepath.Rel(real(folder), real(path))
	if err != nil {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(below)
}

// history joins what the objects hold with where they stood below path.
func (s *search) history(ctx context.Context, repo *repository.Repo, path string, allow *allowed, objects map[string][]place) error {
	wanted := map[string]bool{}
	for object := range objects {
		wanted[object] = true
	}
	under := ""
	if !repo.Bare {
		under = within(repo.Top, path)
	}
	places, err := repo.Places(ctx, wanted, under)
	if err != nil {
		return err
	}
	first, last := map[*finding]*repository.Place{}, map[*finding]*repository.Place{}
	for _, at := range places {
		for _, p := range objects[at.Object] {
			if allow.has(at.Path, p.id) {
				continue
			}
			name := ""
			if at.Path != "" {
				name = typed(repo, path, under, at.Path)
			}
			f := s.add(name, p)
			if was := first[f]; was == nil || at.Older(was) {
				first[f], f.commit, f.author = at, at.Commit, at.Author
				if !f.now {
					f.line, f.paired = p.line, p.paired
				}
			}
			if was := last[f]; was == nil || at.Newer(was) {
				last[f], f.last, f.still = at, at.Last, at.Present
			}
		}
	}
	return nil
}

// typed is a file of the history as a person would type it, had it stayed.
func typed(repo *repository.Repo, path, under, file string) string {
	if repo.Bare {
		return file
	}
	if file == under {
		return path
	}
	if under != "." {
		file = strings.TrimPrefix(file, under+"/")
	}
	return filepath.Join(path, filepath.FromSlash(file))
}

// index searches what is about to be committed.
func (s *search) index(ctx context.Context) error {
	repo, err := repository.OpenHere(ctx)
	if err != nil {
		return err
	}
	allow, err := readAllow(repo.Top)
	if err != nil {
		return err
	}
	staged, err := repo.Staged(ctx)
	if err != nil {
		return err
	}
	for _, k := range staged {
		if p := s.placed(k.Found); !allow.has(k.Path, p.id) {
			f := s.add(filepath.FromSlash(k.Path), p)
			f.now, f.staged = true, true
		}
	}
	return nil
}
