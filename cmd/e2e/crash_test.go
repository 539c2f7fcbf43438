//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// crash is one rotation in whose midst the daemon is killed.
type crash struct {
	*stage

	mu     sync.Mutex
	seen   progress
	struck bool
}

// progress is how far a rotation has come, as AWS saw it.
type progress struct {
	new         string // access key id, once it was made
	goodRounds  int    // of proving
	deactivated bool
	deleted     bool
}

func (p *progress) follow(m awstest.Moment, c awstest.Call) {
	switch {
	case m == awstest.Executed && c.Action == "CreateAccessKey":
		p.new = c.Target
	case m == awstest.Executed && c.Action == "UpdateAccessKey":
		p.deactivated = true
	case m == awstest.Executed && c.Action == "DeleteAccessKey":
		p.deleted = true
	case m == awstest.Answering && c.Action == "ListAccessKeys" && c.KeyID == p.new && c.Status == http.StatusOK:
		p.goodRounds++
	}
}

// strike kills the daemon with SIGKILL at p, starts it again, and sees whether
// all ends well.
func (p point) strike(t *testing.T, h *home, store string) {
	c := &crash{stage: newStage(t, h, store, swift)}
	c.d = h.start()
	h.mustAdd("work", c.old, c.secret)

	reached := make(chan awstest.Call, 1)
	c.aws.SetScript(awstest.Rules(p.faults...))
	c.aws.SetHook(func(_ context.Context, m awstest.Moment, call awstest.Call) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen.follow(m, call)
		if c.struck || !p.here(m, call, c.seen) {
			return
		}
		c.struck = true
		if p.instead != nil {
			p.instead(c)
		} else {
			c.d.kill()
		}
		reached <- call
	})
	stop := c.useAllTheWhile()
	defer stop()
	h.do("rotate", "work")
	select {
	case call := <-reached:
		t.Logf("killed upon %s of %s, signed with %s", call.Action, call.Client, short(call.KeyID))
	case <-time.After(runLimit):
		k, err := h.key("work")
		t.Fatalf("the point was not reached; the key is %s (%v)", k.Phase, err)
	}
	if p.then != nil {
		p.then(c)
	}
	c.d.kill() // unless it is dead already

	c.d = h.start()
	h.works(c.aws, "work")
	missing := within(90*time.Second, func() string {
		k, err := h.key("work")
		left := c.aws.Keys("alice")
		if err != nil || k.Phase != "steady" || k.AccessKeyID == c.old || len(left) != 1 {
			return fmt.Sprintf("the key is %s as %s (%v), IAM has %v", k.Phase, short(k.AccessKeyID), err, left)
		}
		return ""
	})
	if missing != "" {
		t.Fatalf("the rotation did not end well: %s", missing)
	}
	c.oneKey()
	stop()
	if c.signed.Load() == 0 {
		t.Error("no client has signed anything, and none could be refused")
	}
	c.check(false)
	h.do("status")
	c.d.stop()
}

// noted waits until the id of the key just made stands in the state folder,
// which is written before the store is tried.
func (c *crash) noted() {
	c.t.Helper()
	eventually(c.t, runLimit, func() string {
		text, _ := os.ReadFile(c.h.path(".local/state/awskeyd/created"))
		if c.mu.Lock(); !strings.Contains(string(text), c.seen.new) {
			defer c.mu.Unlock()
			return "the id of the new key was not noted"
		}
		c.mu.Unlock()
		return ""
	})
}

// kill -9 at each point, with the daemon built under the race detector where
// there is a C compiler.
func TestKilledAtAnyPointItGoesOn(t *testing.T) {
	t.Parallel()
	program := programs
	if hasC() {
		program = racing
	}
	bin := must(t)(program())
	fourAtATime(t, points(), func(p point) string { return p.name }, func(t *testing.T, p point) {
		h := newHome(t, bin)
		p.strike(t, h, h.fileStore())
	})
	t.Logf("%d points", len(points()))
}

// fourAtATime runs a subtest for each, as most of a rotation is waiting.
func fourAtATime[T any](t *testing.T, list []T, name func(T) string, do func(*testing.T, T)) {
	var all sync.WaitGroup
	atOnce := make(chan struct{}, 4)
	for _, one := range list {
		all.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			t.Run(strings.ReplaceAll(name(one), " ", "_"), func(t *testing.T) { do(t, one) })
		})
	}
	all.Wait()
}

// The same over a real keyring that is locked when the new key is to be stored.
func TestKilledWhileTheKeyringIsLockedItGoesOn(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	keyring := gnomeKeyring(t, h)
	point{
		name:    "answered and not stored",
		here:    upon("CreateAccessKey", awstest.Answering),
		instead: func(*crash) { keyring.Lock() },
		then: func(c *crash) {
			c.noted()
			c.d.kill()
			keyring.Unlock()
		},
	}.strike(t, h, keyringStore)
}
