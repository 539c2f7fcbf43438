//go:build linux && long

package e2e

import (
	"testing"
	"time"
)

// Hundreds of rotations, without one refused request.
func TestHundredsOfRotationsGoUnnoticed(t *testing.T) {
	h := newHome(t, binaries(t))
	h.onFailure(t)
	gnomeKeyring(t, h)
	e := play{
		keys: []string{"work", "home", "lab", "shop"}, rotations: 240,
		everybody: true, limit: 30 * time.Minute,
	}.run(t, h, keyringStore)
	e.report(t)
	for _, fault := range e.faults() {
		t.Error(fault)
	}
}
