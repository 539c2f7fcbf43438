//go:build unix

package soak

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
)

// pipes is a listener whose connections are pipes in memory: under a fake clock
// a real socket would never be known to be idle.
type pipes struct {
	came chan net.Conn
	gone chan struct{}
	once sync.Once
}

func newPipes() *pipes { return &pipes{came: make(chan net.Conn), gone: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.came:
		return c, nil
	case <-p.gone:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.gone) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// dial is the other end of the next connection.
func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.came <- own{theirs}:
		return ours, nil
	case <-p.gone:
		return nil, errors.New("nobody listens")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// own is a pipe that the server may ask who is at its other end.
type own struct{ net.Conn }

func (own) SyscallConn() (syscall.RawConn, error) { return me.SyscallConn() }

// me is a socket of which the kernel says that this user is at its other end.
var me, other *os.File

func openMe() error {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		me, other = os.NewFile(uintptr(pair[0]), "me"), os.NewFile(uintptr(pair[1]), "other")
	}
	return err
}
