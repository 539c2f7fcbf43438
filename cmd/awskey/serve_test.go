package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// serve answers for f at path, as the daemon does, until stop is called.
func serve(t *testing.T, f *fake, path string) (stop func()) {
	t.Helper()
	l, err := api.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- api.Serve(ctx, l, f, slog.New(slog.DiscardHandler)) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// run is awskey inside the test: what a script cannot do is to answer at the
// right moment, or to press Ctrl-C.
type inside struct {
	app    *app
	cancel context.CancelFunc
	ctx    context.Context
}

// newInside returns an awskey whose daemon is f and whose home is empty.
func newInside(t *testing.T, f *fake, stdin, stdout, stderr *os.File, vars map[string]string) *inside {
	t.Helper()
	dir, err := os.MkdirTemp("", "awskey") // short: a socket's path is at most 103 bytes long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	t.Cleanup(serve(t, f, socket))
	home := t.TempDir()
	env := func(name string) string {
		switch name {
		case "AWSKEYD_SOCKET":
			return socket
		case "HOME", "AWSKEYD_STATE":
			return home
		}
		return vars[name]
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return &inside{ctx: ctx, cancel: cancel, app: &app{
		stdin: stdin, stdout: stdout, stderr: stderr, env: env, now: testClock, executable: os.Executable,
	}}
}

// start runs one command line and delivers its exit code.
func (i *inside) start(args ...string) <-chan int {
	exit := make(chan int, 1)
	go func() { exit <- i.app.run(i.ctx, args) }()
	return exit
}
