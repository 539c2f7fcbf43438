package daemon_test

import (
	"context"
	"sync/atomic"
	"testing"
)

// A keychain that goes away under a daemon that rests is looked for at once.
func TestAKeychainThatIsLostIsLookedFor(t *testing.T) {
	h, g, _ := lockable(t, slow)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	lost, asked := make(chan struct{}, 1), make(chan struct{}, 8)
	var away atomic.Bool
	ks := g.keychains()
	ks.Lost, ks.Away = lost, away.Load
	ks.Stale = func(context.Context) bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		return false
	}
	h.runWith(ks)
	defer h.stop()
	h.until("serves", h.serves)
	away.Store(true)
	lost <- struct{}{}
	h.until("looked for", func() bool { return len(asked) > 0 })
}
