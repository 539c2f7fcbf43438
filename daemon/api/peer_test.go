//go:build unix

package api

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUnknownPeer: a connection of which the kernel says nothing is refused.
func TestUnknownPeer(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if d := newDoorman(newPipes(), quiet()); d.ours(a) {
		t.Error("a pipe is let in")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// On loopback some kernels name a uid even here; it must not be a wrong yes
	// by default.
	if uid, err := peerUID(conn); err == nil && uid == os.Geteuid() && os.Geteuid() != 0 {
		t.Errorf("a TCP connection has uid %d", uid)
	}
}

// TestForeignClient connects as another user through the real kernel, past a
// socket that stands open to all. Only root can become another user; the
// decision itself is tested above for everybody.
func TestForeignClient(t *testing.T) {
	dir := short(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, f, quiet()) }()
	defer func() { cancel(); <-ended }()
	if got := exchange(t, path, honest); !strings.HasSuffix(got, credentials) {
		t.Errorf("we ourselves are answered with %q", got)
	}
	f.took()
	if os.Geteuid() != 0 {
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "client")
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = []string{"API_TEST_KNOCK_AT=" + path}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if calls := f.took(); len(calls) != 0 {
		t.Errorf("the service was asked: %q", fmt.Sprint(calls))
	}
}
