package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
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
	paired bool   // with its secret,
	from   source // which stands there
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
	histories      map[string]*history     // by the folder of their objects
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

// at is the finding of a key at a path, a new one if need be.
func (s *search) at(path string, p place) *finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == nil {
		s.found = map[[2]string]*finding{}
	}
	f := s.found[[2]string{path, p.print}]
	if f == nil {
		f = &finding{path: path, line: p.line, id: p.id, print: p.print}
		s.found[[2]string{path, p.print}] = f
	}
	return f
}

// now takes in a key of a working file, or of the index. The line that has its
// secret is the one to tell, and before any of the history.
func (s *search) now(path string, p place) *finding {
	f := s.at(path, p)
	better := p.paired && (!f.paired || f.from.commit != "")
	if better {
		f.paired, f.from = true, source{file: path, line: p.line}
	}
	if better || !f.now {
		f.line = p.line
	}
	f.now = true
	return f
}

func (s *search) has(path string, p place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found[[2]string{path, p.print}] != nil
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

// paths searches each path, and reads the objects of each repository once.
func (s *search) paths(ctx context.Context, paths []string) error {
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
		if err := s.path(ctx, repo, path); err != nil {
			return err
		}
	}
	return nil
}

// path searches the files below a path, the history of their repository, and the
// repositories among them.
func (s *search) path(ctx context.Context, repo *repository.Repo, path string) error {
	top := path
	if repo != nil {
		top = repo.Top
	}
	allow, err := readAllow(top)
	if err != nil {
		return err
	}
	var nested []string
	if repo == nil || !repo.Bare || !filepath.IsLocal(within(top, path)) { // the files of git itself are none
		if nested, err = s.folder(ctx, repo, path, allow); err != nil {
			return err
		}
	}
	if repo != nil && !s.noHistory {
		if err := s.history(ctx, repo, path, allow); err != nil {
			return err
		}
	}
	for _, path := range nested {
		if err := s.nested(ctx, repo, path, allow); err != nil {
			return err
		}
	}
	return nil
}

// nested searches a folder that has a .git of its own: as a repository, if it is
// one, and else its files, as those of the repository around it. That one of many
// cannot be read must not keep from the others.
func (s *search) nested(ctx context.Context, around *repository.Repo, path string, allow *allowed) error {
	repo, err := repository.Open(ctx, path)
	switch {
	case err == nil && around != nil && repo.Top == around.Top, errors.Is(err, repository.ErrNone):
		err = nil // it only looks like one
	case err == nil && (repo.Bare || within(repo.Top, path) == "."):
		err = s.path(ctx, repo, path)
		if _, ofAllow := errors.AsType[*api.Error](err); err == nil || ofAllow || ctx.Err() != nil {
			return err
		}
		s.trouble(path+" as a whole", err)
		return nil
	case err == nil:
		err = fmt.Errorf("its working files are in %s", repo.Top)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if err != nil && !s.noHistory {
		s.trouble(path+"'s history", err)
	}
	if err != nil || repo == nil {
		around = nil // which does not tell what git ignores here
	}
	deeper, err := s.folder(ctx, around, path, allow)
	for _, path := range deeper {
		if err == nil {
			err = s.nested(ctx, around, path, allow)
		}
	}
	return err
}

// folder searches working files, and tells of folders that have a .git of their own.
func (s *search) folder(ctx context.Context, repo *repository.Repo, path string, allow *allowed) (nested []string, err error) {
	w := &folder.Walk{
		Workers:    s.workers,
		Repository: func(below string) { nested = append(nested, shown(path, below)) },
		Found: func(below string, f scan.Found) {
			p, at := s.placed(f), shown(path, below)
			if !allow.has(within(allow.top, at), p.id) {
				s.now(at, p)
			}
		},
		Trouble: func(below string, err error) { s.trouble(shown(path, below), err) },
		Files:   &s.files, Bytes: &s.bytes,
	}
	if s.gitignore && repo != nil {
		w.Only = func(file func(string)) error { return repo.Files(ctx, path, file) }
	}
	err = w.Run(ctx, path)
	return nested, err
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
			s.now(here(repo.Top, k.Path), p).staged = true
		}
	}
	return nil
}

// here is a path below a folder as one types it where one stands.
func here(top, file string) string {
	if path, err := filepath.Rel(filepath.FromSlash(within(top, ".")), filepath.FromSlash(file)); err == nil {
		return path
	}
	return filepath.Join(top, filepath.FromSlash(file))
}
