package daemon_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon"
)

// TestASlowWakeStillHoldsUpTheNextSleep: opening the store may take longer than
// a question to logind may.
func TestASlowWakeStillHoldsUpTheNextSleep(t *testing.T) {
	address := systemBus(t)
	l := newLogind(t, address)
	settings := strings.Replace(slow, "[store]\n", "[store]\nlock_on = [\"sleep\"]\n", 1)
	h, g, _ := lockableOn(t, settings, address)
	var delay atomic.Int64
	ks := g.keychains()
	open := ks.Open
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	ks.Open = func(ctx context.Context, b string, o daemon.KeychainOptions) (daemon.Keychain, error) {
		time.Sleep(time.Duration(delay.Load()))
		return open(ctx, b, o)
	}
	before := l.held()
	h.runWith(ks)
	h.until("held up", func() bool { return l.held() == before+1 })
	h.until("serves", h.serves)
	l.sleeps()
	delay.Store(int64(6 * time.Second))
	l.emit(loginPath, "org.freedesktop.login1.Manager.PrepareForSleep", false)
	h.until("open again", h.serves)
	time.Sleep(time.Second)
	if l.held() != before+2 {
		t.Error("the next sleep is not held up")
	}
	_ = h.stop()
}
