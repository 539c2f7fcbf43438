//go:build !windows

package atomicfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets this very program be the one that is killed.
func TestMain(m *testing.M) {
	step, path := os.Getenv("ATOMICFILE_KILL"), os.Getenv("ATOMICFILE_PATH")
	if step == "" {
		os.Exit(m.Run())
	}
	testOnlyStep = func(at string) {
		if at == step {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // what fails is seen by our not ending
			select {}
		}
	}
	_ = Edit(path, []byte("new"), 0o600) // likewise
	os.Exit(0)
}

// A kill between any two steps leaves the old file or the new one, and the next
// Sweep leaves nothing else.
func TestKilledAtAnyStep(t *testing.T) {
	for step, text := range map[string]string{"made": "old", "written": "old", "synced": "old", "renamed": "new"} {
		dir := t.TempDir()
		path, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
		put(t, path, "old", 0o640)
		other := filepath.Join(dir, ".real.other-1.tmp") // of another program
		put(t, other, "", 0o600)
		if err := os.Symlink("real", link); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ATOMICFILE_KILL="+step, "ATOMICFILE_PATH="+link)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%s: it ended with %v: %s", step, err, out)
		}
		want(t, path, text, 0o640)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if left := len(entries) > 3; left != (step != "renamed") {
			t.Errorf("%s: the folder holds %v", step, entries)
		}
		if err := Sweep(link); err != nil {
			t.Fatal(err)
		}
		alone(t, dir, ".real.other-1.tmp", "link", "real")
	}
	if err := Sweep(filepath.Join(t.TempDir(), "none", "x")); err != nil {
		t.Error(err)
	}
}
