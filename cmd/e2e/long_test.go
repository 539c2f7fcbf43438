//go:build linux && long

package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// A thousand rotations under clients of every kind, while AWS is slow to tell
// its own replicas of changes and one call of the daemon in twenty goes wrong:
// not one request of a client is refused. Two daemons share the work; the one
// with a keyring waits for it most of the time.
func TestAThousandRotations(t *testing.T) {
	bin := binaries(t)
	for store, rotations := range map[string]int{"file": 900, "keyring": 100} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			h := newHomeAt(t, bin, memory())
			h.onFailure(t)
			settings := h.fileStore()
			if store == "keyring" {
				gnomeKeyring(t, h)
				settings = keyringStore
			}
			p := play{rotations: rotations, everybody: true, faulty: 5, limit: 40 * time.Minute}
			for i := range 12 {
				p.keys = append(p.keys, fmt.Sprintf("key%02d", i))
			}
			e := p.run(t, h, settings)
			e.report(t)
			for _, flaw := range e.flaws() {
				t.Error(flaw)
			}
		})
	}
}

// memory is a folder that needs no disk, or /tmp: how durable a write is other
// tests find out, and this one would mostly wait for it.
func memory() string {
	if dir, err := os.MkdirTemp("/dev/shm", "awskeyd-e2e-"); err == nil {
		os.Remove(dir)
		return "/dev/shm"
	}
	return "/tmp"
}
