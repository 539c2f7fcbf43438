//go:build !windows

package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func put(t *testing.T, path, text string, perm fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), perm); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, perm); err != nil { // umask
		t.Fatal(err)
	}
}

func want(t *testing.T, path, text string, perm fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != text {
		t.Errorf("%s holds %q, want %q", path, got, text)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != perm {
		t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), perm)
	}
}

// alone fails when anything but the named files is left in the folder.
func alone(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("folder holds %q, want %q", got, names)
	}
}

func TestWriteSetsModeAndReplacesLink(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "a-victim"), filepath.Join(dir, "file")
	put(t, victim, "keep", 0o644)
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, path, "new", 0o600)
	want(t, victim, "keep", 0o644)
	if err := Write(path, []byte("newer"), 0o640); err != nil {
		t.Fatal(err)
	}
	want(t, path, "newer", 0o640)
	alone(t, dir, "a-victim", "file")
}

func TestEditKeepsModeAndFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	// home/.aws -> ../dots/deep/aws, and in it config -> ../../real/config:
	// joined by text alone this would lead to home/real.
	for _, d := range []string{"home", "dots/deep/aws", "dots/real"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"home/.aws": "../dots/deep/aws", "dots/deep/aws/config": "../../real/config"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	path, target := filepath.Join(dir, "home/.aws/config"), filepath.Join(dir, "dots/real/config")
	if err := Edit(path, []byte("one"), 0o600); err != nil { // dangling link
		t.Fatal(err)
	}
	want(t, target, "one", 0o600)
	if err := os.Chmod(target, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Edit(path, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, target, "two", 0o644)
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is gone: %v %v", info, err)
	}
	alone(t, filepath.Join(dir, "dots/real"), "config")
}

func TestEditKeepsOwnerForRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: a file's owner cannot be changed, so there is nothing to keep")
		return
	}
	path := filepath.Join(t.TempDir(), "file")
	put(t, path, "old", 0o640)
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := Edit(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, path, "new", 0o640)
	info, _ := os.Stat(path)
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 65534 || s.Gid != 65534 {
		t.Errorf("owner is %d:%d", s.Uid, s.Gid)
	}
}

func TestRefusesWhatIsNoPlainFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	os.Symlink(a, b)
	os.Symlink(b, a)
	for name, err := range map[string]error{
		"write to fifo":   Write(fifo, nil, 0o600),
		"edit fifo":       Edit(fifo, nil, 0o600),
		"write to folder": Write(dir, nil, 0o600),
		"edit folder":     Edit(dir, nil, 0o600),
		"edit link loop":  Edit(a, nil, 0o600),
		"no folder":       Write(filepath.Join(dir, "none", "x"), nil, 0o600),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	alone(t, dir, "a", "b", "fifo")
}

// Whatever moment a reader chooses, it sees one writer's bytes whole.
func TestReadersSeeWholeFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	texts := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 200_000)}
	put(t, path, texts[0], 0o600)
	var writers sync.WaitGroup
	for _, text := range texts {
		writers.Go(func() {
			for range 30 {
				if err := Edit(path, []byte(text), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(got); s != texts[0] && s != texts[1] {
			t.Fatalf("torn file of %d bytes", len(s))
		}
	}
}
