//go:build unix

package helper

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestMakeFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(dir, "linked")
	if err := os.Symlink(dir, linked); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want error
	}{
		{dir, nil},
		{dir + "/a", nil},
		{dir + "/b/c/d", nil},
		{dir + "/b/c/d", nil},
		{linked, nil},
		{linked + "/e/f", nil},
		{file, syscall.ENOTDIR},
		{file + "/g", syscall.ENOTDIR},
	} {
		if err := makeFolder(c.path, 0o700); err != c.want {
			t.Errorf("%s: %v, want %v", c.path, err, c.want)
		}
		if info, err := os.Stat(c.path); c.want == nil && (err != nil || !info.IsDir()) {
			t.Errorf("%s is not there: %v", c.path, err)
		}
	}
	for _, made := range []string{"a", "b", "b/c", "b/c/d"} {
		if info, err := os.Stat(filepath.Join(dir, made)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", made, info, err)
		}
	}
}

func TestReadlink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	for _, n := range []int{1, 255, 256, 257, 1000} {
		target := strings.Repeat("x", n)
		os.Remove(link)
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if got, err := readlink(link); got != target || err != nil {
			t.Errorf("%d: %q, %v", n, got, err)
		}
	}
	if _, err := readlink(filepath.Dir(link)); err != syscall.EINVAL {
		t.Errorf("a folder: %v", err)
	}
}
