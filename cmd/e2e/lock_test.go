//go:build linux

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// A real keyring, locked and unlocked behind the daemon, and the daemon's own
// lock around it, which a killed process leaves in force.
func TestLockAndUnlockOverAKeyring(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	h.onFailure(t)
	k := gnomeKeyring(t, h)
	aws := newAWS(t, awstest.Options{})
	aws.CreateUser("alice", "", awstest.Rotator())
	id, secret := aws.IssueKey("alice")
	h.configure(keyringStore, awsSettings(aws), strings.ReplaceAll(swift, `every = "24h"`, `every = "1s"`))
	d := h.start()
	h.mustAdd("work", id, secret)

	h.do("lock")
	calls := len(aws.Calls())
	d.kill()
	delete(h.vars, "AWSKEYD_SOCKET") // so that the helper starts the next one
	r := h.helper("work")
	if r.exit != exitLocked || r.stderr != "awskey-helper: locked; type: awskey unlock\n" || r.took > 4*time.Second {
		t.Errorf("a helper that starts the next daemon: exit %d after %v, %q", r.exit, r.took, r.stderr)
	}
	if r := h.awskey("rotate", "work"); r.exit != exitLocked {
		t.Errorf("rotate while it is locked: exit %d, %q", r.exit, r.stderr)
	}
	k.Lock()
	h.do("status")
	k.Unlock()
	if now := len(aws.Calls()); now != calls {
		t.Errorf("AWS was asked %d times while the store was locked", now-calls)
	}
	h.unlock()
	if r := h.helper("work"); r.exit != exitDone {
		t.Errorf("after unlock: exit %d, %q", r.exit, r.stderr)
	}
	eventually(t, 20*time.Second, func() string {
		if len(aws.Calls()) == calls {
			return "the rotation does not go on"
		}
		return ""
	})
	h.run("", "/bin/sh", "-c", "kill $0", strings.Fields(h.awskeyd(t))[0])
	eventually(t, 40*time.Second, func() string { return strings.Join(h.processes(), ", ") })

	// The keyring is locked when the daemon begins, and a person opens it.
	k.Lock()
	d = h.start()
	if r := h.helper("work"); r.exit != exitLocked || !strings.Contains(r.stderr, "awskey unlock") {
		t.Errorf("behind a locked keyring: exit %d, %q", r.exit, r.stderr)
	}
	k.Unlock()
	if r := h.unlock("--json"); !strings.Contains(r.stdout, `"state": "ready"`) {
		t.Errorf("unlock says %s", r.stdout)
	}
	if r := h.helper("work"); r.exit != exitDone {
		t.Errorf("at once after unlock: exit %d, %q", r.exit, r.stderr)
	}
	d.stop()
}

// awskeyd is the one daemon of the home, as processes tells it.
func (h *home) awskeyd(t *testing.T) string {
	t.Helper()
	for _, p := range h.processes() {
		if strings.Contains(p, filepath.Join(h.bin, "awskeyd")) {
			return p
		}
	}
	t.Fatalf("there is no daemon, only %q", h.processes())
	return ""
}
