//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demoRun starts the demo with a world of its own: whatever it leaves behind
// lies in dir, and nothing of the person's is in reach.
func demoRun(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries(t), "awskey"), append([]string{"demo"}, args...)...)
	cmd.Env = []string{"HOME=" + filepath.Join(dir, "home"), "TMPDIR=" + dir, "PATH="}
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	return cmd, &out, &complaint
}

func nothingIsLeft(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("the demo leaves %v behind (%v)", left, err)
	}
	procs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		if env, err := os.ReadFile(p); err == nil && bytes.Contains(env, []byte("HOME="+dir)) {
			t.Errorf("the demo leaves the process %s running", filepath.Dir(p))
		}
	}
}

// TestTheDemoRefusesNothing is the demo's promise, as the emulator counts it.
func TestTheDemoRefusesNothing(t *testing.T) {
	dir := t.TempDir()
	cmd, out, complaint := demoRun(t, dir, "--for", "20s", "--json")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s%s", err, out, complaint)
	}
	var sum struct{ Rotations, Signed, Refused int }
	if err := json.Unmarshal(out.Bytes(), &sum); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	t.Logf("%+v", sum)
	if sum.Rotations < 1 || sum.Signed < 100 || sum.Refused != 0 || complaint.Len() > 0 {
		t.Errorf("%+v, and on standard error %q", sum, complaint)
	}
	nothingIsLeft(t, dir)
}

// TestCtrlCEndsTheDemo is its ordinary end: a summary and exit 0.
func TestCtrlCEndsTheDemo(t *testing.T) {
	dir := t.TempDir()
	cmd, out, complaint := demoRun(t, dir)
	seen := &watched{want: "works and is handed out", seen: make(chan struct{})}
	cmd.Stdout = seen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-seen.seen:
	case <-time.After(60 * time.Second):
		t.Errorf("no switch within a minute: %s", seen.all.String())
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s%s", err, out, complaint)
	}
	if text := seen.all.String(); !strings.Contains(text, " 0 refused") || strings.Contains(text, "\x1b") {
		t.Errorf("it ends with:\n%s", text)
	}
	nothingIsLeft(t, dir)
}

// watched tells when a text has come by. Only the copying goroutine of exec
// writes, and it is over when Wait returns.
type watched struct {
	want string
	seen chan struct{}
	all  bytes.Buffer
	done bool
}

func (w *watched) Write(b []byte) (int, error) {
	w.all.Write(b)
	if !w.done && strings.Contains(w.all.String(), w.want) {
		w.done = true
		close(w.seen)
	}
	return len(b), nil
}

func TestTheDemoNeedsItsPrograms(t *testing.T) {
	dir := t.TempDir()
	alone := filepath.Join(dir, "awskey")
	if err := os.Link(filepath.Join(binaries(t), "awskey"), alone); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(alone, "demo")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	err := cmd.Run()
	if cmd.ProcessState.ExitCode() != 1 || strings.Count(complaint.String(), "\n") != 1 || !strings.Contains(complaint.String(), "make demo") {
		t.Errorf("%v: %s", err, &complaint)
	}
}
