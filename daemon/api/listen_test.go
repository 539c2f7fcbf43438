//go:build unix

package api

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/awskeyd/awskeyd/helper"
)

func TestListen(t *testing.T) {
	// A umask that would open the socket to all, or close it even to us.
	for _, mask := range []int{0, 0o777} {
		old := syscall.Umask(0o022)
		folder := filepath.Join(short(t), "awskeyd")
		path := filepath.Join(folder, "socket")
		syscall.Umask(mask)
		l, err := Listen(path)
		syscall.Umask(old)
		if mask == 0o777 && os.Geteuid() != 0 {
			// Not even our own folder can be entered then: a clear error will do.
			if err == nil {
				l.Close()
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("umask %o: the socket is %v, %v", mask, info.Mode(), err)
		}
		if mask == 0 {
			if info, err := os.Stat(folder); err != nil || info.Mode() != fs.ModeDir|0o700 {
				t.Errorf("umask %o: the folder is %v, %v", mask, info.Mode(), err)
			}
		}
		l.Close()
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Error("the socket was left behind")
		}
	}
}

func TestListenRefuses(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string) (path string)
		exit    int
		say     string
	}{
		{"relative", func(t *testing.T, dir string) string { return "socket" }, helper.ExitUsage, "absolute path"},
		{"too long", func(t *testing.T, dir string) string { return filepath.Join(dir, strings.Repeat("x", 120)) }, helper.ExitRefused, "bytes, and this system takes"},
		{"nowhere", func(t *testing.T, dir string) string { return filepath.Join(dir, "a/b/socket") }, helper.ExitRefused, "there is no folder"},
		{"open folder", func(t *testing.T, dir string) string {
			must(t, os.Chmod(dir, 0o750))
			return filepath.Join(dir, "socket")
		}, helper.ExitRefused, "chmod 700 "},
		{"folder is a file", func(t *testing.T, dir string) string {
			must(t, os.WriteFile(filepath.Join(dir, "f"), nil, 0o600))
			return filepath.Join(dir, "f", "socket")
		}, helper.ExitRefused, "is not a folder"},
		{"a file in the way", func(t *testing.T, dir string) string {
			must(t, os.WriteFile(filepath.Join(dir, "socket"), []byte("keep me"), 0o600))
			return filepath.Join(dir, "socket")
		}, helper.ExitRefused, "is in the way"},
		{"a link in the way", func(t *testing.T, dir string) string {
			must(t, os.Symlink("/dev/null", filepath.Join(dir, "socket")))
			return filepath.Join(dir, "socket")
		}, helper.ExitRefused, "is in the way"},
		{"another daemon, silent", func(t *testing.T, dir string) string {
			l, err := net.Listen("unix", filepath.Join(dir, "socket"))
			must(t, err)
			t.Cleanup(func() { l.Close() })
			return filepath.Join(dir, "socket")
		}, helper.ExitHeld, "another awskeyd is running"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := short(t)
			path := tt.prepare(t, dir)
			before, _ := os.Lstat(path)
			l, err := Listen(path)
			if err == nil {
				l.Close()
			}
			if e, ok := errors.AsType[*Error](err); !ok || e.Exit != tt.exit || !strings.Contains(e.Error(), tt.say) {
				t.Errorf("%v, want exit %d and %q", err, tt.exit, tt.say)
			}
			if after, _ := os.Lstat(path); (before == nil) != (after == nil) || before != nil && !os.SameFile(before, after) {
				t.Error("what was in the way was touched")
			}
		})
	}
}

func TestListenForeign(t *testing.T) {
	if os.Geteuid() != 0 {
		// Root's own folders are another user's to us.
		if _, err := Listen("/etc/socket"); err == nil || !strings.Contains(err.Error(), "belongs to uid 0") {
			t.Error(err)
		}
		return
	}
	dir := short(t)
	must(t, os.Chown(dir, 65534, 65534))
	for path, say := range map[string]string{"socket": "the socket's folder " + dir + " belongs to uid 65534", "awskeyd/socket": dir + " belongs to uid 65534"} {
		if _, err := Listen(filepath.Join(dir, path)); asError(err).Code != codeNoPlace || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %v", path, err)
		}
	}
	must(t, os.Chown(dir, 0, 0))
	path := filepath.Join(dir, "socket")
	stale(t, path)
	must(t, os.Chown(path, 65534, 65534))
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "no socket of yours") {
		t.Error(err)
	}
}

func TestListenAfterACrash(t *testing.T) {
	path := filepath.Join(short(t), "socket")
	stale(t, path)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// stale leaves a socket as a killed daemon does.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	must(t, err)
	l.SetUnlinkOnClose(false)
	must(t, l.Close())
}

// TestListenFirst: the next place is taken only for a place that cannot be
// ours, and clients look at the same list in the same order.
func TestListenFirst(t *testing.T) {
	dir, open := short(t), short(t)
	must(t, os.Chmod(open, 0o755))
	last := filepath.Join(dir, "socket")
	l, err := ListenFirst([]string{"/nonexistent/awskeyd/socket", filepath.Join(dir, strings.Repeat("x", 120)), last})
	if err != nil || l.Addr().String() != last {
		t.Fatal(l, err)
	}
	l.Close()
	if _, err := ListenFirst([]string{filepath.Join(open, "socket"), last}); asError(err).Code != "unsafe-socket" {
		t.Errorf("an open folder is passed over: %v", err)
	}
	if _, err := ListenFirst([]string{"/nonexistent/a/socket"}); asError(err).Code != codeNoPlace {
		t.Error(err)
	}
	if _, err := ListenFirst(nil); asError(err).Exit != helper.ExitUsage {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	state := filepath.Join(short(t), "a", "awskeyd")
	release, err := Lock(state)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(state); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the state folder is %v, %v", info.Mode(), err)
	}
	_, err = Lock(state)
	if e := asError(err); e.Exit != helper.ExitHeld || e.Code != "second-daemon" || !strings.Contains(e.Message, "another awskeyd is running") {
		t.Errorf("%#v", err)
	}
	must(t, release())
	if release, err = Lock(state); err != nil {
		t.Fatal(err)
	}
	must(t, release())

	must(t, os.Chmod(state, 0o770))
	if _, err := Lock(state); asError(err).Exit != helper.ExitRefused || !strings.Contains(err.Error(), "chmod 700 ") {
		t.Error(err)
	}
	foreign := "/"
	if os.Geteuid() == 0 {
		foreign = short(t)
		must(t, os.Chown(foreign, 65534, 65534))
	}
	if _, err := Lock(foreign); asError(err).Exit != helper.ExitRefused || !strings.Contains(err.Error(), "belongs to uid") {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
