// Package helper is what credential_process runs: one round trip to the daemon
// whose answer goes to standard output byte for byte. It also knows where the
// daemon lives (socket, state, configuration), how to be sure that it is ours,
// and how to start it, for the other two programs to share.
//
// Every AWS command waits for this program to start, so it links no net/http,
// no encoding/json, no fmt, not even net (0.7 ms of a 6 ms run), and has no
// init. It must never ask a person, never wait longer than four seconds, never
// write to standard output before a whole good answer is here, and never put a
// byte of that answer into a message: SDKs copy standard error into logs.
package helper

import (
	"errors"
	"os"
	"time"
)

const usage = "usage: awskey-helper PROFILE (as credential_process in the AWS config file)"

// The limits of one run. SDKs give up after as little as 5 s (the identity
// cache of the Rust SDK); we promise 4 s, of which starting the process and
// writing the line take a part.
const (
	answerWithin = 3800 * time.Millisecond // from the first line of Main to the last byte of the answer
	startWithin  = 3 * time.Second         // of these, for a daemon that has to be started
	endWithin    = 3900 * time.Millisecond // then Main ends even if a file system hangs
)

// Env looks up an environment variable; os.Getenv in programs. A variable that
// is set to nothing counts as unset.
type Env func(name string) string

// Main runs `awskey-helper PROFILE` and returns its exit code. On success
// standard output holds the daemon's answer and standard error nothing (the
// C++ SDK reads both as one); on failure standard output holds nothing and
// standard error one line.
func Main(args []string, env Env, stdout, stderr *os.File) int {
	r := run{env: env, environ: os.Environ, program: os.Executable, answer: answerWithin, start: startWithin, end: endWithin}
	return r.main(args, stdout, stderr)
}

// run is one run of the helper with all that it takes from the process.
type run struct {
	env                Env
	environ            func() []string
	program            func() (string, error)
	answer, start, end time.Duration
}

func (r run) main(args []string, stdout, stderr *os.File) int {
	if len(args) != 1 {
		return fail(stderr, &Error{Exit: ExitUsage, Code: "usage", Message: usage})
	}
	if !ValidName(args[0]) {
		return fail(stderr, &Error{Exit: ExitUsage, Code: "usage", Message: "a profile's name is up to 64 letters, digits, '.', '_' and '-'; " + usage})
	}

	now := time.Now()
	if body, err := r.quick(args[0], now.Add(r.answer)); body != nil || err != nil {
		return write(stdout, stderr, body, err)
	}

	type result struct {
		body []byte
		err  error
	}
	// The work has its own deadline. This goroutine outlives it only where the
	// system gives no time limit, such as a home on a dead network mount.
	done := make(chan result, 1)
	go func() {
		body, err := r.fetch(args[0], now)
		done <- result{body, err}
	}()
	late := time.NewTimer(r.end)
	defer late.Stop()

	var got result
	select {
	case got = <-done:
	case <-late.C:
		got.err = tooLate()
	}
	return write(stdout, stderr, got.body, got.err)
}

// write ends a run with the answer or with the error.
func write(stdout, stderr *os.File, body []byte, err error) int {
	if err == nil {
		if _, e := stdout.Write(body); e != nil {
			err = &Error{Exit: ExitFailed, Code: "output", Message: "cannot write to standard output: " + reason(e)}
		}
	}
	if err != nil {
		return fail(stderr, err)
	}
	return ExitOK
}

// fetch asks the daemon, started if need be, and returns what belongs on
// standard output.
func (r run) fetch(profile string, now time.Time) ([]byte, error) {
	deadline := now.Add(r.answer)
	conn, err := Dial(r.env, deadline)
	if errors.Is(err, ErrNoDaemon) {
		conn, err = start(r.env, r.environ(), r.program, now.Add(r.start))
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, &Error{Exit: ExitFailed, Code: "socket", Message: "cannot limit the time of the request: " + reason(err)}
	}
	// A daemon that refuses early may have closed already: what it said counts,
	// so a failed write shows as an answer that is missing.
	_, _ = conn.WriteString(request(profile))
	return readAnswer(conn)
}

func request(profile string) string { return "GET /v1/credentials/" + profile + " HTTP/1.0\r\n\r\n" }

func tooLate() error {
	return &Error{Exit: ExitFailed, Code: "timeout", Message: "the daemon did not answer in time",
		Remedy: "if this goes on, stop awskeyd and type: awskeyd run"}
}

// fail writes the one line and returns the exit code that goes with it.
func fail(stderr *os.File, err error) int {
	exit := ExitFailed
	if e, ok := errors.AsType[*Error](err); ok {
		exit = e.Exit
	}
	// Nobody is left to tell when standard error itself is gone.
	_, _ = stderr.WriteString(Line("awskey-helper: "+err.Error()) + "\n")
	return exit
}
