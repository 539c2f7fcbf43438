//go:build unix

package helper

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play the programs that some tests need; see
// the files that start them.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "awskeyd" {
		os.Exit(fakeDaemon())
	}
	if path := os.Getenv("HELPER_TEST_LISTEN_AT"); path != "" {
		os.Exit(listenAt(path))
	}
	os.Exit(m.Run())
}

const minute = 60 * second

// short is a folder like t.TempDir, 0700 and with a path that leaves room for
// a socket whatever the test is called.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "awsk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// scripted serves every connection with talk and returns the socket's path.
func scripted(t *testing.T, talk func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(short(t), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			talk(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-over })
	return path
}

// readRequest reads up to the end of the request's head.
func readRequest(conn net.Conn) string {
	var got strings.Builder
	b := make([]byte, 1)
	for !strings.HasSuffix(got.String(), "\r\n\r\n") {
		if _, err := conn.Read(b); err != nil {
			break
		}
		got.Write(b)
	}
	return got.String()
}

// try runs the helper in this process against an environment, with a deadline
// that tests of slowness can bear to wait for.
func try(t *testing.T, answer Moment, env Env, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	errs, err := os.Create(filepath.Join(dir, "err"))
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	r := run{
		env:     env,
		environ: func() []string { return []string{"AWSKEYD_TEST=1"} },
		program: func() (string, error) { return "/nonexistent/awskey-helper", nil },
		answer:  answer, start: answer, end: answer + minute,
	}
	exit = r.main(args, out.Fd(), errs.Fd())
	o, _ := os.ReadFile(out.Name())
	e, _ := os.ReadFile(errs.Name())
	return exit, string(o), string(e)
}

// only is an environment of AWSKEYD_SOCKET alone.
func only(path string) Env {
	return func(name string) string {
		if name == "AWSKEYD_SOCKET" {
			return path
		}
		return ""
	}
}

// mustFail checks the promise for every failure: nothing on standard output,
// one line on standard error that holds want and no secret.
func mustFail(t *testing.T, exit int, stdout, stderr string, wantExit int, want string) {
	t.Helper()
	if exit != wantExit {
		t.Errorf("exit code %d, want %d", exit, wantExit)
	}
	if stdout != "" {
		t.Errorf("standard output holds %q", stdout)
	}
	if !strings.HasPrefix(stderr, "awskey-helper: ") || strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") || len(stderr) > maxLine+1 {
		t.Errorf("not one short line on standard error: %q", stderr)
	}
	if !strings.Contains(stderr, want) {
		t.Errorf("standard error %q does not say %q", stderr, want)
	}
	if strings.Contains(stderr, "CANARY") {
		t.Errorf("standard error quotes the answer: %q", stderr)
	}
}

func TestMainServes(t *testing.T) {
	requests := make(chan string, 1)
	path := scripted(t, func(conn net.Conn) {
		requests <- readRequest(conn)
		conn.Write([]byte(good("")))
	})
	exit, stdout, stderr := try(t, minute, only(path), "work")
	if exit != ExitOK || stdout != goodBody || stderr != "" {
		t.Errorf("exit %d, output %q, error %q", exit, stdout, stderr)
	}
	if got := <-requests; got != "GET /v1/credentials/work HTTP/1.0\r\n\r\n" {
		t.Errorf("request %q", got)
	}
}

func TestMainUsage(t *testing.T) {
	for _, args := range [][]string{nil, {""}, {"a", "b"}, {"--help"}, {"../status"}, {"a b"}, {"a\r\nX: y"}, {strings.Repeat("a", 65)}} {
		exit, stdout, stderr := try(t, minute, only("/nonexistent/socket"), args...)
		mustFail(t, exit, stdout, stderr, ExitUsage, "usage: awskey-helper PROFILE")
	}
}

// TestMainFaults drives Main against servers that get it wrong. The form of
// answers has its own test; these are the ones that need a live connection.
func TestMainFaults(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	send := func(text string) func(net.Conn) {
		return func(conn net.Conn) { readRequest(conn); conn.Write([]byte(text)) }
	}
	silent := func(conn net.Conn) {
		// Until the helper gives up.
		b := make([]byte, 1<<10)
		for {
			if _, err := conn.Read(b); err != nil {
				return
			}
		}
	}
	tests := []struct {
		name  string
		talk  func(net.Conn)
		exit  int
		say   string
		quick bool // with a deadline that is waited for
	}{
		{"refused", send("HTTP/1.0 423 Locked\r\nAwskey-Exit: 4\r\nAwskey-Message: the keychain is locked; type: awskey unlock\r\nContent-Length: 6\r\n\r\nCANARY"),
			ExitLocked, "the keychain is locked; type: awskey unlock", false},
		{"refused at length", send("HTTP/1.0 500 x\r\nAwskey-Message: " + strings.Repeat("m", 2000) + "\r\n\r\n"), ExitFailed, "mmm...", false},
		{"refused before it was asked", func(conn net.Conn) {
			conn.Write([]byte("HTTP/1.0 403 x\r\nAwskey-Exit: 6\r\nAwskey-Message: not you\r\n\r\n"))
			readRequest(conn)
		}, ExitRefused, "not you", false},
		{"closed at once", func(conn net.Conn) { readRequest(conn) }, ExitFailed, "is empty", false},
		{"reset", func(conn net.Conn) {}, ExitFailed, "the daemon's answer", false},
		{"half an answer", send(good("")[:len(good(""))-20]), ExitFailed, "ended early", false},
		{"two answers", send(good("") + good("")), ExitFailed, "longer than it says", false},
		{"endless answer", func(conn net.Conn) {
			readRequest(conn)
			conn.Write([]byte("HTTP/1.0 200 OK\r\nContent-Length: 69\r\n\r\n"))
			for {
				if _, err := conn.Write([]byte(goodBody)); err != nil {
					return
				}
			}
		}, ExitFailed, "is too long", false},
		{"silence", silent, ExitFailed, "did not answer in time", true},
		{"a whole answer, never ended", func(conn net.Conn) {
			conn.Write([]byte(good("")))
			silent(conn)
		}, ExitFailed, "did not answer in time", true},
		{"a byte now and then", func(conn net.Conn) {
			conn.Write([]byte("HTTP/1.0 200 OK\r\nX: "))
			for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
				if _, err := conn.Write([]byte("x")); err != nil {
					tick.Stop()
					return
				}
			}
		}, ExitFailed, "did not answer in time", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := minute
			if tt.quick {
				answer = 100 * millisecond
			}
			exit, stdout, stderr := try(t, answer, only(scripted(t, tt.talk)), "work")
			if tt.name == "reset" && strings.Contains(stderr, "cannot read") {
				tt.say = "cannot read" // by what the kernel saw first
			}
			mustFail(t, exit, stdout, stderr, tt.exit, tt.say)
		})
	}
}

// TestMainEndsWithoutTheSystem holds that Main ends even where a call has no
// time limit of its own.
func TestMainEndsWithoutTheSystem(t *testing.T) {
	hang := make(chan struct{})
	over := make(chan struct{})
	dir := t.TempDir()
	out, _ := os.Create(filepath.Join(dir, "out"))
	errs, _ := os.Create(filepath.Join(dir, "err"))
	defer out.Close()
	defer errs.Close()
	r := run{answer: minute, start: minute, end: 50 * millisecond,
		env:     only("/nonexistent/socket"),
		environ: func() []string { <-hang; close(over); return []string{"AWSKEYD_TEST=1"} },
		program: executable,
	}
	exit := r.main([]string{"work"}, out.Fd(), errs.Fd())
	close(hang)
	<-over // the work that was left behind is done before the files go
	o, _ := os.ReadFile(out.Name())
	e, _ := os.ReadFile(errs.Name())
	mustFail(t, exit, string(o), string(e), ExitFailed, "did not answer in time")
}

func TestMainOutputFails(t *testing.T) {
	full, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	r, unread, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	r.Close()
	for say, stdout := range map[string]*os.File{"": full, ": broken pipe": unread} {
		errs, _ := os.Create(filepath.Join(t.TempDir(), "err"))
		defer errs.Close()
		r := run{env: only(scripted(t, func(conn net.Conn) { conn.Write([]byte(good(""))); readRequest(conn) })),
			answer: minute, start: minute, end: minute}
		exit := r.main([]string{"work"}, stdout.Fd(), errs.Fd())
		e, _ := os.ReadFile(errs.Name())
		mustFail(t, exit, "", string(e), ExitFailed, "cannot write to standard output"+say)
	}
}
