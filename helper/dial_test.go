//go:build unix

package helper

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

func soon() Moment { return Now() + minute }

func hangUp(fd uintptr) { _ = syscall.Close(int(fd)) }

func TestDialNoDaemon(t *testing.T) {
	dir := short(t)
	dead := filepath.Join(dir, "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "missing"), "/nonexistent/folder/socket", dead, file, "/" + strings.Repeat("x", MaxSocketPath)} {
		conn, err := Dial(only(path), soon())
		if !errors.Is(err, ErrNoDaemon) {
			t.Errorf("%.40s: %v, %v", path, conn, err)
		}
		if e, _ := errors.AsType[*Error](err); e == nil || e.Exit != ExitNoDaemon {
			t.Errorf("%.40s: %#v", path, err)
		}
	}
	if _, err := Dial(only("relative/socket"), soon()); err == nil || errors.Is(err, ErrNoDaemon) {
		t.Errorf("relative address: %v", err)
	}
}

// TestDialTakesTheNextPlace: what is unusable at one address does not keep a
// client from the daemon at the next.
func TestDialTakesTheNextPlace(t *testing.T) {
	state := filepath.Dir(scripted(t, func(conn net.Conn) {}))
	runtime := short(t)
	env := func(name string) string {
		return map[string]string{"XDG_RUNTIME_DIR": runtime, "AWSKEYD_STATE": state}[name]
	}
	folder := filepath.Join(runtime, "awskeyd")
	for _, prepare := range []func() error{
		func() error { return nil },
		func() error { return os.Mkdir(folder, 0o700) },
		func() error { return os.WriteFile(filepath.Join(folder, "socket"), nil, 0o600) },
		func() error { return os.Chmod(folder, 0o755) }, // unsafe, but not what we end up with
	} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		conn, err := Dial(env, soon())
		if err != nil {
			t.Fatal(err)
		}
		hangUp(conn)
	}
	// With nobody anywhere else, the unsafe place is what the person must hear of.
	state = short(t)
	if _, err := Dial(env, soon()); !errors.Is(err, ErrUnsafe) {
		t.Errorf("unsafe folder and no daemon elsewhere: %v", err)
	}
}

func TestDialUnsafeFolder(t *testing.T) {
	path := scripted(t, func(conn net.Conn) { readRequest(conn); conn.Write([]byte(good(""))) })
	dir := filepath.Dir(path)
	for _, mode := range []os.FileMode{0o701, 0o710, 0o750, 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		exit, stdout, stderr := try(t, minute, only(path), "work")
		mustFail(t, exit, stdout, stderr, ExitRefused, "chmod 700 "+dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if exit, _, stderr := try(t, minute, only(path), "work"); exit != ExitOK {
		t.Errorf("a closed folder is refused: %s", stderr)
	}
}

// TestDialForeignFolder needs a folder of another user with a socket in it:
// root makes one, anybody else takes what the system has.
func TestDialForeignFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		if err := CheckFolder("/"); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "belongs to uid 0") {
			t.Errorf("root's folder: %v", err)
		}
		return
	}
	path := scripted(t, func(conn net.Conn) {})
	if err := os.Chown(filepath.Dir(path), nobody, nobody); err != nil {
		t.Fatal(err)
	}
	exit, stdout, stderr := try(t, minute, only(path), "work")
	mustFail(t, exit, stdout, stderr, ExitRefused, "belongs to uid 65534")
}

// TestDialForeignServer puts another user's server behind a socket in our own
// closed folder. Only root can become another user; for anybody else the
// kernel's word about ourselves is all that can be checked.
func TestDialForeignServer(t *testing.T) {
	path := scripted(t, func(conn net.Conn) {})
	conn, err := Dial(only(path), soon())
	if err != nil {
		t.Fatal(err)
	}
	if uid, err := PeerUID(conn); err != nil || uid != os.Geteuid() {
		t.Errorf("our own server has uid %d, %v", uid, err)
	}
	hangUp(conn)
	if os.Geteuid() != 0 {
		return
	}
	dir := short(t)
	path = filepath.Join(dir, "socket")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(readable(t))
	cmd.Env = []string{"HELPER_TEST_LISTEN_AT=" + path}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	end, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer end.Close()
	if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	exit, stdout, stderr := try(t, minute, only(path), "work")
	mustFail(t, exit, stdout, stderr, ExitRefused, "is served by uid 65534, not by you (uid 0)")
}

// listenAt is the other user's server: it would hand out anything.
func listenAt(path string) int {
	l, err := net.Listen("unix", path)
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte(good("")))
			conn.Close()
		}
	}()
	os.Stdout.WriteString("r")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// readable returns a copy of the test binary that any user may run.
func readable(t *testing.T) string {
	t.Helper()
	dir := short(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "server")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDialWaitsForAFullQueue: a listener that is slow to accept is busy, not
// absent.
func TestDialWaitsForAFullQueue(t *testing.T) {
	path := filepath.Join(short(t), "socket")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), path)
	l, err := net.FileListener(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var held []uintptr
	defer func() {
		for _, c := range held {
			hangUp(c)
		}
	}()
	for {
		conn, err := Dial(only(path), Now())
		if err != nil {
			if errors.Is(err, ErrNoDaemon) && bytes.Contains([]byte(err.Error()), []byte("no daemon")) && len(held) > 0 {
				return // this system refuses instead of making us wait
			}
			break
		}
		held = append(held, conn)
	}
	go func() {
		for range len(held) + 1 {
			if conn, err := l.Accept(); err == nil {
				conn.Close()
			}
		}
	}()
	conn, err := Dial(only(path), soon())
	if err != nil {
		t.Fatal(err)
	}
	hangUp(conn)
}
