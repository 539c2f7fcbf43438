//go:build unix && !darwin

package helper

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// inRuntimeFolder is an environment whose runtime folder holds the socket.
func inRuntimeFolder(t *testing.T, talk func(net.Conn)) Env {
	t.Helper()
	path := scripted(t, talk)
	dir := filepath.Join(filepath.Dir(path), "awskeyd")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, filepath.Join(dir, "socket")); err != nil {
		t.Fatal(err)
	}
	return func(name string) string {
		if name == "XDG_RUNTIME_DIR" || name == "HOME" {
			return filepath.Dir(path)
		}
		return ""
	}
}

// TestQuick: what the socket in the runtime folder says goes the short way, and
// is as good as on the long one.
func TestQuick(t *testing.T) {
	tests := []struct {
		name, answer string
		pieces       int
		wait         time.Duration
		exit         int
		say          string
	}{
		{"whole", good(""), 1, 0, ExitOK, ""},
		{"in pieces", good(""), 7, time.Millisecond, ExitOK, ""},
		{"refused", "HTTP/1.0 423 Locked\r\nAwskey-Exit: 4\r\nAwskey-Message: locked; type: awskey unlock\r\n\r\n", 1, 0, ExitLocked, "locked; type: awskey unlock"},
		{"nothing", "", 1, 0, ExitFailed, "is empty"},
		{"silence", "", 1, time.Second, ExitFailed, "did not answer in time"},
		{"ever more", good(""), len(good("")), 10 * time.Millisecond, ExitFailed, "did not answer in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := inRuntimeFolder(t, func(conn net.Conn) {
				if got := readRequest(conn); got != "GET /v1/credentials/work HTTP/1.0\r\n\r\n" {
					t.Errorf("request %q", got)
				}
				size := (len(tt.answer) + tt.pieces - 1) / tt.pieces
				for text := tt.answer; ; {
					time.Sleep(tt.wait)
					n := min(size, len(text))
					if _, err := conn.Write([]byte(text[:n])); err != nil || n == len(text) {
						return
					}
					text = text[n:]
				}
			})
			limit := minute
			if strings.Contains(tt.say, "in time") {
				limit = 200 * millisecond
			}
			exit, stdout, stderr := try(t, limit, env, "work")
			if tt.exit != ExitOK {
				mustFail(t, exit, stdout, stderr, tt.exit, tt.say)
			} else if exit != ExitOK || stdout != goodBody || stderr != "" {
				t.Errorf("exit %d, output %q, error %q", exit, stdout, stderr)
			}
		})
	}
}

// TestQuickNeedsNoOtherWay: it answers where the long way has no time left at all.
func TestQuickNeedsNoOtherWay(t *testing.T) {
	env := inRuntimeFolder(t, func(conn net.Conn) {
		readRequest(conn)
		_, _ = conn.Write([]byte(good("")))
	})
	r := newRun(env, make([]byte, answerSpace))
	body, err := r.quick("work", Now()+minute)
	if err != nil || string(body) != goodBody {
		t.Errorf("%q, %v", body, err)
	}
}

// TestQuickAsksOursAlone: where the quick way may not go, the other one says why.
func TestQuickAsksOursAlone(t *testing.T) {
	var asked atomic.Bool
	env := inRuntimeFolder(t, func(conn net.Conn) { asked.Store(true) })
	if err := os.Chmod(filepath.Join(env("XDG_RUNTIME_DIR"), "awskeyd"), 0o755); err != nil {
		t.Fatal(err)
	}
	exit, stdout, stderr := try(t, minute, env, "work")
	mustFail(t, exit, stdout, stderr, ExitRefused, "is open to other users")
	if asked.Load() {
		t.Error("it asked")
	}
}
