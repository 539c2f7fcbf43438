//go:build !windows

package awsfiles

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets this very program be the one that is killed in the midst of an edit.
func TestMain(m *testing.M) {
	step, config := os.Getenv("AWSFILES_KILL"), os.Getenv("AWSFILES_CONFIG")
	if step == "" {
		os.Exit(m.Run())
	}
	testOnlyStep = func(at string) {
		if at == step {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // what fails is seen by our not ending
			select {}
		}
	}
	_, _ = Files{Config: config, Credentials: os.DevNull}.Point("work", helperLine, Static{}) // likewise
	os.Exit(0)
}

// A kill between any two steps leaves the file as it was or as it was to be. The
// next edit does not wait for the dead, and leaves nothing of them.
func TestEditKilledAtAnyStep(t *testing.T) {
	const old = "[profile work]\nregion = x\naws_secret_access_key_of_mine = canary+0123456789\n"
	for step, written := range map[string]bool{"locked": false, "kept": false, "written": true} {
		f := files(t, old, "-")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "AWSFILES_KILL="+step, "AWSFILES_CONFIG="+f.Config)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%s: it ended with %v: %s", step, err, out)
		}
		if is := text(t, f.Config); (is != old) != written || !strings.HasPrefix(is, old) {
			t.Errorf("%s: the config became %q", step, is)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(f.Config), lockName)); err != nil {
			t.Errorf("%s: the kill left no lock's file, so this proves nothing: %v", step, err)
		}
		// As if the kill had come a little later, within the replacement.
		left := filepath.Join(filepath.Dir(f.Config), ".config.awskey-4711.tmp")
		if err := os.WriteFile(left, []byte("canary"), 0o600); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		changes, err := f.Point("work", helperLine, Static{})
		if err != nil || (len(changes) == 0) != written {
			t.Errorf("%s: again: %v, %v", step, changes, err)
		}
		if took := time.Since(begun); took > lockWait/2 {
			t.Errorf("%s: the next edit waited %s for a lock that nobody holds", step, took)
		}
		entries, err := os.ReadDir(filepath.Dir(f.Config))
		if err != nil || len(entries) != 2 || entries[0].Name() != "config" || entries[1].Name() != "config"+backupEnd {
			t.Errorf("%s: the folder holds %v, %v", step, entries, err)
		}
	}
}
