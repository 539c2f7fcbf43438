//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"
)

// client asks over one connection with blocking calls, as the helper does: Go's
// poller would be measured with the daemon, and it takes as long.
type client struct {
	fd     int
	buffer [4096]byte
}

const (
	once = "GET /v1/credentials/work HTTP/1.0\r\n\r\n"
	more = "GET /v1/credentials/work HTTP/1.1\r\nHost: localhost\r\n\r\n"
)

func dial(socket string) (*client, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &client{fd: fd}
	limit := syscall.Timeval{Sec: 10}
	err = errors.Join(syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit), syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &limit))
	for late := time.Now().Add(4 * time.Second); err == nil; time.Sleep(5 * time.Millisecond) {
		if err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket}); err != syscall.EAGAIN && err != syscall.EINTR || time.Now().After(late) {
			break
		}
		err = nil // the queue is full
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *client) close() { _ = syscall.Close(c.fd) }

// ask returns the credentials that a request is answered with.
func (c *client) ask(request string) ([]byte, error) {
	if _, err := again(func() (int, error) { return syscall.Write(c.fd, []byte(request)) }); err != nil {
		return nil, err
	}
	for n := 0; ; {
		more, err := again(func() (int, error) { return syscall.Read(c.fd, c.buffer[n:]) })
		if err != nil || more == 0 {
			return nil, fmt.Errorf("an answer ended after %d bytes, %w", n, err)
		}
		n += more
		head, body, whole := bytes.Cut(c.buffer[:n], []byte("\r\n\r\n"))
		if !whole {
			continue
		}
		if !bytes.Contains(head[:min(len(head), 13)], []byte(" 200 ")) {
			return nil, fmt.Errorf("the socket answered %.60q", head)
		}
		_, rest, _ := bytes.Cut(head, []byte("Content-Length: "))
		length, _, _ := bytes.Cut(rest, []byte("\r\n"))
		if want, err := strconv.Atoi(string(length)); err != nil || len(body) >= want {
			return body, err
		}
	}
}

// again makes a call anew that a signal has ended: a socket with a time limit is not
// restarted (signal(7)), and Go's scheduler sends signals.
func again(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != syscall.EINTR {
			return n, err
		}
	}
}

// ends is what a connection says after its last answer.
func (c *client) ends() error {
	if n, err := again(func() (int, error) { return syscall.Read(c.fd, c.buffer[:1]) }); n != 0 || err != nil {
		return fmt.Errorf("the connection goes on: %d, %w", n, err)
	}
	return nil
}

// ask asks as a helper does; want is nil where any credentials will do.
func ask(socket string, want []byte) error {
	c, err := dial(socket)
	if err != nil {
		return err
	}
	defer c.close()
	got, err := c.ask(once)
	if err == nil && want != nil && !bytes.Equal(got, want) {
		err = errors.New("the socket answered with other credentials")
	}
	if err != nil {
		return err
	}
	return c.ends()
}
