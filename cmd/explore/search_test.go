package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// built is the command, without the race detector: it would make a search ten
// times as long.
func built(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "explore")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// TestQuickSearchFindsNothing is the shorter of the two searches.
func TestQuickSearchFindsNothing(t *testing.T) {
	out, err := exec.Command(built(t), "-quick").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "violations: 0") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestProgress is one line every ten seconds where nobody sees it change.
func TestProgress(t *testing.T) {
	at := time.Unix(0, 0)
	var b strings.Builder
	tell := progress(&b, false, func() time.Time { return at })
	for range 25 {
		at = at.Add(time.Second)
		tell(3, 4, 1000)
	}
	if want := "3 of 7 branches, 1000 schedules, 10s\n3 of 7 branches, 1000 schedules, 20s\n"; b.String() != want {
		t.Errorf("%q, and not %q", b.String(), want)
	}
}

// TestReplayTellsALife step by step, to its end.
func TestReplayTellsALife(t *testing.T) {
	bin := built(t)
	out, err := exec.Command(bin, "replay", "loopback 20=crash-after @30=pause").Output()
	for _, want := range []string{"effect 20: sync in creating: crash-after", "a process begins", "point 30: pause", "it ends with paused"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"nobody 1=late", "plain 1=nothing", "plain @1=nothing", "plain late"} {
		var exit *exec.ExitError
		if _, err := exec.Command(bin, "replay", wrong).Output(); !errors.As(err, &exit) || exit.ExitCode() != 2 || len(exit.Stderr) == 0 {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
