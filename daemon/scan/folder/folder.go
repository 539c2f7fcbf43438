// Package folder finds access keys in working files.
//
// It must never follow a link, open what is no regular file, or write.
package folder

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/awskeyd/awskeyd/daemon/scan"
)

// Walk is one search of the files below a path.
type Walk struct {
	Workers int
	// Only, if not nil, names the files to read, in place of all below Root.
	Only func(file func(path string)) error
	// These are called by one goroutine at a time, with the path below Root: Repository
	// for each folder that has a .git of its own, and that is left out; Trouble for a
	// file or folder that could not be read.
	Repository func(path string)
	Found      func(path string, f scan.Found)
	Trouble    func(path string, err error)
	// Files and Bytes count what was read so far.
	Files, Bytes *atomic.Int64
}

// Run searches root, a folder or a single file. It fails if root itself cannot be
// read, and with the context's error when that ends first. Memory does not grow
// with the files.
func (w *Walk) Run(ctx context.Context, root string) error {
	root, err := filepath.EvalSymlinks(root) // a link that a person names is meant
	if err != nil {
		return err
	}
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return errors.New(root + " is no file and no folder")
		}
		w.read(ctx, &sync.Mutex{}, root, filepath.Base(root))
		return ctx.Err()
	}
	files := make(chan string)
	var readers sync.WaitGroup
	var one sync.Mutex
	for range max(1, w.Workers) {
		readers.Go(func() {
			for path := range files {
				if ctx.Err() == nil {
					w.read(ctx, &one, filepath.Join(root, path), path)
				}
			}
		})
	}
	names := w.Only
	if names == nil {
		names = func(file func(string)) error { return w.below(ctx, &one, root, file) }
	}
	err = names(func(path string) {
		if isRepository(filepath.Join(root, path)) { // git lists one within another as if it were a file
			one.Lock()
			defer one.Unlock()
			w.Repository(filepath.Clean(path))
		} else {
			files <- path
		}
	})
	close(files)
	readers.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// below names every regular file, but those of git itself: what they hold is
// searched as history.
func (w *Walk) below(ctx context.Context, one *sync.Mutex, root string, file func(string)) error {
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		below, relErr := filepath.Rel(root, path)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case relErr != nil:
			return relErr
		case err != nil && below == ".":
			return err
		case err != nil:
			w.trouble(one, below, err)
			return nil
		case e.Name() == ".git" && below != ".":
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir() && below != "." && isRepository(path):
			file(below)
			return fs.SkipDir
		case e.Type().IsRegular():
			file(below)
		}
		return nil
	})
}

// isRepository reports whether a folder looks like a repository's, a submodule's or
// a linked worktree's.
func isRepository(path string) bool {
	if info, err := os.Lstat(path); err != nil || !info.IsDir() {
		return false
	}
	_, err := os.Lstat(filepath.Join(path, ".git"))
	return err == nil
}

func (w *Walk) read(ctx context.Context, one *sync.Mutex, path, below string) {
	f, err := open(path)
	if err != nil {
		w.trouble(one, below, err)
		return
	}
	if f == nil {
		return
	}
	defer f.Close()
	w.Files.Add(1)
	err = scan.Text(&counted{ctx, f, w.Bytes}, func(found scan.Found) {
		one.Lock()
		defer one.Unlock()
		w.Found(below, found)
	})
	if err != nil && ctx.Err() == nil {
		w.trouble(one, below, err)
	}
}

func (w *Walk) trouble(one *sync.Mutex, below string, err error) {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // the path is said by whoever shows it
	}
	one.Lock()
	defer one.Unlock()
	w.Trouble(below, err)
}

// open opens a regular file, and nothing that has taken its place meanwhile: a
// pipe would be waited for. It returns nil for anything else.
func open(path string) (*os.File, error) {
	before, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) { // in git's index and not there
		return nil, nil
	}
	if err != nil || !before.Mode().IsRegular() {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// counted counts what is read, and ends with its context.
type counted struct {
	ctx context.Context
	r   io.Reader
	n   *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
