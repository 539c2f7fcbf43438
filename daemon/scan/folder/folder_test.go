package folder

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/scan"
)

func key(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 2))
	b := []byte("AKIA")
	for range 16 {
		b = append(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[r.IntN(32)])
	}
	return string(b)
}

// tree makes files, by path and text.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// walked is what a walk of root says, in words.
func walked(t *testing.T, root string, change func(*Walk)) (found, trouble []string, err error) {
	t.Helper()
	var files, bytes atomic.Int64
	w := &Walk{Workers: 3, Files: &files, Bytes: &bytes,
		Found: func(path string, f scan.Found) {
			found = append(found, fmt.Sprintf("%s:%d:%s", path, f.Line, f.AccessKeyID))
		},
		Trouble:    func(path string, err error) { trouble = append(trouble, path+": "+err.Error()) },
		Repository: func(path string) { found = append(found, path+" is a repository") },
	}
	if change != nil {
		change(w)
	}
	err = w.Run(t.Context(), root)
	slices.Sort(found)
	slices.Sort(trouble)
	return found, trouble, err
}

func TestWalk(t *testing.T) {
	root := tree(t, map[string]string{
		"a": key(1), "b/c/d": "\n\n" + key(2), ".hidden/x": key(3), ".git/config": key(4), "sub/.git": "gitdir: ../x " + key(5), "sub/file": key(5), "deep/er/.git/config": "", "deep/er/x": key(5),
		"b/nothing": "AKIA", "empty": "", "huge": strings.Repeat("x\n", 3<<20) + key(6),
	})
	found, trouble, err := walked(t, root, nil)
	if want := []string{".hidden/x:1:" + key(3), "a:1:" + key(1), "b/c/d:3:" + key(2), "deep/er is a repository", "huge:3145729:" + key(6), "sub is a repository"}; err != nil || len(trouble) > 0 || !slices.Equal(found, want) {
		t.Errorf("%q, %q, %v", found, trouble, err)
	}
	found, _, err = walked(t, root, func(w *Walk) {
		w.Only = func(file func(string)) error { file("a"); file("is gone"); file("sub/"); return nil }
	})
	if err != nil || !slices.Equal(found, []string{"a:1:" + key(1), "sub is a repository"}) {
		t.Errorf("a and sub alone: %q, %v", found, err)
	}
	if found, _, err = walked(t, filepath.Join(root, "a"), nil); err != nil || !slices.Equal(found, []string{"a:1:" + key(1)}) {
		t.Errorf("a file: %q, %v", found, err)
	}
	if _, _, err = walked(t, filepath.Join(root, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestItEndsEarly(t *testing.T) {
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprint(i)] = key(uint64(i))
	}
	root := tree(t, files)
	before := runtime.NumGoroutine()
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	var count atomic.Int64
	w := &Walk{Workers: 2, Files: &count, Bytes: &count, Trouble: func(p string, err error) { t.Error(p, err) }, Found: func(string, scan.Found) {
		if n++; n == 10 {
			stop()
		}
	}}
	if err := w.Run(ctx, root); !errors.Is(err, context.Canceled) || n > 20 {
		t.Errorf("%d files, %v", n, err)
	}
	for runtime.NumGoroutine() > before { // each was waited for, and is about to end
		runtime.Gosched()
	}
}
