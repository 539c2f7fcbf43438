// Package helper is what credential_process runs: one round trip to the daemon
// whose answer goes to standard output byte for byte. It also knows where the
// daemon lives (socket, state, configuration), how to be sure that it is ours,
// and how to start it, for the other two programs to share.
//
// Every AWS command waits for this program to start. What it costs beside an
// empty program is above all new pages of memory, so it links neither net, fmt
// nor encoding/json, on Linux not even os, time and bytes, which begin before
// main does, and has no init. Where os is missed, files.go and process_linux.go
// stand in; for time, clock.go. It must never ask a person, never wait longer than four seconds, never
// write to standard output before a whole good answer is here, and never put a
// byte of that answer into a message: SDKs copy standard error into logs.
package helper

import (
	"errors"
	"syscall"
)

const usage = "usage: awskey-helper PROFILE (as credential_process in the AWS config file)"

// The limits of one run. SDKs give up after as little as 5 s (the identity
// cache of the Rust SDK); we promise 4 s, of which starting the process and
// writing the line take a part.
const (
	answerWithin = 3800 * millisecond // from the first line of Main to the last byte of the answer
	startWithin  = 3 * second         // of these, for a daemon that has to be started
	endWithin    = 3900 * millisecond // then Main ends even if a file system hangs
)

// Env looks up an environment variable; os.Getenv in programs. A variable that
// is set to nothing counts as unset.
type Env func(name string) string

// Run is the whole program: [Main] with what the process was given. It returns
// the exit code.
func Run() int {
	space := make([]byte, answerSpace)
	args, err := arguments(space) // before NoDumps, which may close /proc to us
	_ = NoDumps()                 // where the system refuses, it holds a secret for a moment all the same
	stdout, stderr := uintptr(syscall.Stdout), uintptr(syscall.Stderr)
	if err != nil {
		return fail(stderr, err, Now()+endWithin)
	}
	return newRun(getenv, space).main(args, stdout, stderr)
}

func getenv(name string) string {
	value, _ := syscall.Getenv(name)
	return value
}

// Main runs `awskey-helper PROFILE` and returns its exit code. On success
// standard output holds the daemon's answer and standard error nothing (the
// C++ SDK reads both as one); on failure standard output holds nothing and
// standard error one line. Both are descriptors, as of os.File.Fd.
func Main(args []string, env Env, stdout, stderr uintptr) int {
	return newRun(env, make([]byte, answerSpace)).main(args, stdout, stderr)
}

// run is one run of the helper with all that it takes from the process.
type run struct {
	env                Env
	environ            func() []string
	program            func() (string, error)
	answer, start, end Moment
	space              []byte // for request and answer: new memory takes time
}

// answerSpace has room for nearly every answer.
const answerSpace = 4 << 10

func newRun(env Env, space []byte) run {
	return run{env: env, environ: syscall.Environ, program: executable, answer: answerWithin, start: startWithin, end: endWithin, space: space}
}

func (r run) main(args []string, stdout, stderr uintptr) int {
	now := Now()
	end := now + r.end
	body, err := r.answered(args, now)
	if err == nil {
		if e := writeAll(stdout, body, end); e != nil {
			err = &Error{Exit: ExitFailed, Code: "output", Message: "cannot write to standard output: " + e.Error()}
		}
	}
	if err != nil {
		return fail(stderr, err, end)
	}
	return ExitOK
}

// answered returns what belongs on standard output.
func (r run) answered(args []string, now Moment) ([]byte, error) {
	if len(args) != 1 {
		return nil, &Error{Exit: ExitUsage, Code: "usage", Message: usage}
	}
	if !ValidName(args[0]) {
		return nil, &Error{Exit: ExitUsage, Code: "usage", Message: "a profile's name is up to 64 letters, digits, '.', '_' and '-'; " + usage}
	}
	if body, err := r.quick(args[0], now+r.answer); body != nil || err != nil {
		return body, err
	}

	// The work has its own deadline. It outlives that only where the system gives
	// no time limit, such as a home on a dead network mount.
	return within(now+r.end, func() ([]byte, error) { return r.fetch(args[0], now) })
}

// fetch asks the daemon, started if need be.
func (r run) fetch(profile string, now Moment) ([]byte, error) {
	deadline := now + r.answer
	fd, err := Dial(r.env, deadline)
	if errors.Is(err, ErrNoDaemon) {
		fd, err = start(r.env, r.environ(), r.program, now+r.start)
	}
	if err != nil {
		return nil, err
	}
	return ask(fd, profile, deadline, nil)
}

// fail writes the one line and returns the exit code that goes with it.
func fail(stderr uintptr, err error, end Moment) int {
	exit := ExitFailed
	if e, ok := errors.AsType[*Error](err); ok {
		exit = e.Exit
	}
	// Nobody is left to tell when standard error itself is gone.
	_ = writeAll(stderr, []byte(Line("awskey-helper: "+err.Error())+"\n"), end)
	return exit
}

// writeAll writes everything. What another program handed us may be
// non-blocking, and then a reader that is slow to take it is no failure yet.
func writeAll(to uintptr, b []byte, deadline Moment) error {
	for len(b) > 0 {
		switch n, err := write(to, b); {
		case n > 0:
			b = b[n:]
		case err == syscall.EINTR:
		case err == syscall.EAGAIN && Now() < deadline:
			sleep(millisecond)
		case err != nil:
			return err
		default: // or it would go on for ever
			return syscall.EIO
		}
	}
	return nil
}
