//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// daemon is a running awskeyd of a home.
type daemon struct {
	h      *home
	cmd    *exec.Cmd
	wrote  *buffer
	done   chan struct{} // closed when it has ended
	ending sync.Once
}

// buffer takes what a process writes while it runs.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// launch starts awskeyd without waiting for its socket. The test's end ends it.
func (h *home) launch() *daemon {
	h.t.Helper()
	cmd := exec.Command(filepath.Join(h.bin, "awskeyd"), "run", "--debug")
	cmd.Env = h.environ()
	return h.launchAs(cmd)
}

// launchAs is launch with another command that becomes awskeyd.
func (h *home) launchAs(cmd *exec.Cmd) *daemon {
	h.t.Helper()
	d := &daemon{h: h, cmd: cmd, wrote: &buffer{}, done: make(chan struct{})}
	d.cmd.Dir = h.dir
	d.cmd.Stdout, d.cmd.Stderr = d.wrote, d.wrote
	d.cmd.WaitDelay = 5 * time.Second // for whoever holds its output beyond its end
	if err := d.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		defer close(d.done)
		_ = d.cmd.Wait() // how it ended stands in ProcessState
	}()
	h.t.Cleanup(d.kill)
	return d
}

// start starts awskeyd and waits until it answers.
func (h *home) start() *daemon {
	h.t.Helper()
	d := h.launch()
	d.answers()
	return d
}

func (d *daemon) answers() {
	d.h.t.Helper()
	eventually(d.h.t, 20*time.Second, func() string {
		select {
		case <-d.done:
			d.h.t.Fatalf("awskeyd ended: %v, having said %q", d.cmd.ProcessState, d.wrote)
		default:
		}
		s, err := ask(d.h, func(ctx context.Context, c *api.Client) (api.Status, error) { return c.Status(ctx) })
		switch {
		case err != nil:
			return err.Error()
		case s.Daemon.PID != d.pid():
			return fmt.Sprintf("process %d answers in place of %d", s.Daemon.PID, d.pid())
		}
		return ""
	})
}

// over tells whether the process has ended.
func (d *daemon) over() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// killed tells whether a SIGKILL has ended it.
func (d *daemon) killed() bool {
	if !d.over() {
		return false
	}
	status, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (d *daemon) pid() int { return d.cmd.Process.Pid }

// signal is for those that the process does not outlive to answer.
func (d *daemon) signal(s syscall.Signal) { _ = d.cmd.Process.Signal(s) }

// kill ends the daemon as a power cut would, and waits until it is gone. It
// may be called from anywhere, and again.
func (d *daemon) kill() {
	d.signal(syscall.SIGKILL)
	d.ended()
}

// stop ends the daemon as a person would.
func (d *daemon) stop() {
	d.h.t.Helper()
	d.signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(40 * time.Second): // it may wait 30 s for a created key to be stored
		d.h.t.Fatalf("awskeyd did not end upon SIGTERM, having said %q", d.wrote)
	}
	d.ended()
	if code := d.cmd.ProcessState.ExitCode(); code != exitDone {
		d.h.t.Errorf("awskeyd ended with %v upon SIGTERM, having said %q", d.cmd.ProcessState, d.wrote)
	}
}

// ended waits for the end and keeps what was written.
func (d *daemon) ended() {
	<-d.done
	d.ending.Do(func() {
		text := d.wrote.String()
		d.h.keep("awskeyd run", text)
		if strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
			d.h.t.Errorf("awskeyd said:\n%s", text)
		}
	})
}

// log is the daemon's log in the state folder.
func (h *home) log() string {
	text, err := os.ReadFile(h.path(".local/state/awskeyd/awskeyd.log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// onFailure shows the end of the log where a test failed.
func (h *home) onFailure(t *testing.T) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		lines := strings.Split(h.log(), "\n")
		t.Logf("the end of the daemon's log:\n%s", strings.Join(lines[max(0, len(lines)-40):], "\n"))
	})
}
