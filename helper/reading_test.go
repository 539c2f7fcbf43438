//go:build unix

package helper

import (
	"errors"
	"syscall"
	"testing"
)

func init() {
	readings["whole"] = func(t *testing.T, data string) ([]byte, error) { return over(t, data, len(data), 0) }
	readings["byte a time"] = func(t *testing.T, data string) ([]byte, error) { return over(t, data, 1, 0) }
	readings["in a wide space"] = func(t *testing.T, data string) ([]byte, error) { return over(t, data, 100, 64<<10) }
}

// pair is two ends of one connection.
func pair(t *testing.T) (ours, theirs int) {
	t.Helper()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ends[0], ends[1]
}

// over reads data over a connection, which brings it in pieces.
func over(t *testing.T, data string, piece, space int) ([]byte, error) {
	ours, theirs := pair(t)
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer syscall.Close(theirs)
		for b := []byte(data); len(b) > 0; {
			n, err := syscall.Write(theirs, b[:min(piece, len(b))])
			if err != nil && err != syscall.EINTR {
				return // who reads has had enough
			}
			b = b[max(n, 0):]
		}
	}()
	body, err := readAnswer(timed{ours, soon()}, make([]byte, 0, space))
	syscall.Close(ours)
	<-over
	return body, err
}

// TestWriteAll: a pipe that takes no more for a while, and one that nobody reads
// any longer. Its other end is read only once the pipe is full.
func TestWriteAll(t *testing.T) {
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	r, w := ends[0], ends[1]
	defer syscall.Close(w)
	if err := syscall.SetNonblock(w, true); err != nil {
		t.Fatal(err)
	}
	full := 0
	for _, size := range []int{4096, 1} { // until not even one byte goes in
		for {
			n, err := syscall.Write(w, make([]byte, size))
			if err == syscall.EAGAIN {
				break
			}
			if err != nil && err != syscall.EINTR {
				t.Fatal(err)
			}
			full += max(n, 0)
		}
	}
	if err := writeAll(uintptr(w), []byte("late"), Now()); err != syscall.EAGAIN {
		t.Errorf("a full pipe past the deadline: %v", err)
	}
	type got struct {
		n   int
		err error
	}
	read := make(chan got)
	const more = 300_000
	go func() {
		n, b := 0, make([]byte, 5000)
		for n < full+more {
			m, err := syscall.Read(r, b)
			if err == syscall.EINTR {
				continue
			}
			if n += m; m <= 0 || err != nil {
				read <- got{n, err}
				return
			}
		}
		read <- got{n, nil}
	}()
	if err := writeAll(uintptr(w), make([]byte, more), soon()); err != nil {
		t.Error(err)
	}
	if g := <-read; g.n != full+more || g.err != nil {
		t.Errorf("%d of %d bytes came, %v", g.n, full+more, g.err)
	}
	syscall.Close(r)
	if err := writeAll(uintptr(w), []byte("x"), soon()); err != syscall.EPIPE {
		t.Errorf("nobody reads: %v", err)
	}
}

// TestWithin: work that ends is waited for, and its word counts.
func TestWithin(t *testing.T) {
	broken := errors.New("broken")
	body, err := within(soon(), func() ([]byte, error) { return []byte("b"), broken })
	if string(body) != "b" || err != broken {
		t.Errorf("%q, %v", body, err)
	}
	hang := make(chan struct{})
	over := make(chan struct{})
	if _, err := within(Now()+20*millisecond, func() ([]byte, error) { <-hang; close(over); return nil, nil }); err != errLate {
		t.Error(err)
	}
	close(hang)
	<-over
}
