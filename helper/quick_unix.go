//go:build unix

package helper

import (
	"runtime"
	"syscall"
)

// quick is the way of nearly every run: the socket lies in the runtime folder,
// and the daemon listens. It asks in the calling goroutine: a second one and a
// timer would wake threads, for which an AWS command waits. It returns nothing
// at all where the daemon was not asked.
//
// It looks into no home, which may lie on a mount that hangs: the system ends no
// such wait, so that it takes a goroutine to outlive it. A runtime folder lies on a
// local file system (XDG base directory specification).
func (r run) quick(profile string, deadline Moment) ([]byte, error) {
	if r.env("AWSKEYD_SOCKET") != "" {
		return nil, nil
	}
	path, _ := runtimeSockets(runtime.GOOS, r.env, userID())
	if path == "" {
		return nil, nil
	}
	fd, err := connect(path, deadline)
	if err != nil {
		return nil, nil
	}
	return ask(uintptr(fd), profile, deadline, r.space)
}

// ask sends the request over a new connection, reads the answer and closes it.
// Its calls block, and the kernel ends them in time: Go's poller would make more
// of them, at each of which an AWS command waits.
func ask(fd uintptr, profile string, deadline Moment, space []byte) ([]byte, error) {
	defer syscall.Close(int(fd))
	// A daemon that refuses early may have closed already: what it said counts,
	// so a failed write shows as an answer that is missing. So few bytes are
	// written at once or not at all, the latter when a signal comes: a socket with a
	// time limit is not restarted (signal(7)).
	_ = again(func() error {
		_, err := write(fd, request(space[:0], profile))
		return err
	})
	return readAnswer(timed{int(fd), deadline}, space[:0])
}

// request appends the request to b.
func request(b []byte, profile string) []byte {
	return append(append(append(b, "GET /v1/credentials/"...), profile...), " HTTP/1.0\r\n\r\n"...)
}

var errLate = &Error{Exit: ExitFailed, Code: "timeout", Message: "the daemon did not answer in time",
	Remedy: "if this goes on, stop awskeyd and type: awskeyd run"}

// readAnswer reads one answer to its end and returns the body for standard
// output.
func readAnswer(conn timed, data []byte) ([]byte, error) {
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := conn.read(data[len(data):cap(data)])
		if err == errLate {
			return nil, err
		}
		if err != nil {
			return nil, &Error{Exit: ExitFailed, Code: "socket", Message: "cannot read the daemon's answer: " + err.Error()}
		}
		data = data[:len(data)+n]
		if n == 0 || len(data) > maxHeader+maxBody {
			return parseAnswer(data)
		}
	}
}

// timed reads a blocking socket until a deadline: nothing at its end.
type timed struct {
	fd       int
	deadline Moment
}

func (t timed) read(b []byte) (int, error) {
	for {
		left := t.deadline - Now()
		if left < leastLimit {
			return 0, errLate
		}
		if err := limit(t.fd, syscall.SO_RCVTIMEO, left); err != nil {
			return 0, err
		}
		switch n, err := syscall.Read(t.fd, b); {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return 0, errLate
		case err != nil:
			return 0, err
		default:
			return n, nil
		}
	}
}

// leastLimit is more than nothing, which would mean for ever.
const leastLimit = millisecond

// limit bounds the next call of a socket.
func limit(fd, option int, left Moment) error {
	limit := syscall.NsecToTimeval(int64(left))
	return syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, option, &limit)
}

func write(to uintptr, b []byte) (int, error) { return syscall.Write(int(to), b) }

type result struct {
	body []byte
	err  error
}

// within returns what the work returns, or that it is late. A goroutine does it,
// and this one waits in the kernel, for the end of a connection.
func within(end Moment, work func() ([]byte, error)) ([]byte, error) {
	syscall.ForkLock.RLock()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, &Error{Exit: ExitFailed, Code: "process", Message: "cannot limit the time of the request: " + err.Error()}
	}
	defer syscall.Close(pair[0])
	done := make(chan result, 1)
	go func() {
		body, err := work()
		done <- result{body, err}
		_ = syscall.Close(pair[1])
	}()
	if _, err := (timed{pair[0], end}).read(make([]byte, 1)); err == errLate {
		return nil, err
	}
	got := <-done
	return got.body, got.err
}
