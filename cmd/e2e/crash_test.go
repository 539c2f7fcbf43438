//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// swift is a rotation in a few seconds, begun by hand.
const swift = `[rotation]
every = "24h"
ttl = "1s"
prove = "700ms"
settle = "300ms"
grace = "1s"
imported_grace = "1s"
monitor = "300ms"
`

// quickReplicas see a change within a third of a second.
func quickReplicas() map[awstest.Service][]time.Duration {
	few := []time.Duration{0, 150 * time.Millisecond, 300 * time.Millisecond}
	return map[awstest.Service][]time.Duration{awstest.IAM: few, awstest.STS: few, awstest.SNS: few}
}

// crash is one rotation in whose midst the daemon is killed.
type crash struct {
	t   *testing.T
	h   *home
	aws *awstest.Server
	d   *daemon

	mu     sync.Mutex
	seen   progress
	struck bool
}

// progress is how far a rotation has come, as AWS saw it.
type progress struct {
	old, new    string // access key ids; new once it was made
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
	c := &crash{t: t, h: h}
	h.onFailure(t)
	c.aws = newAWS(t, awstest.Options{Replicas: quickReplicas()})
	h.configure(store, awsSettings(c.aws), swift)
	c.d = h.start()
	c.aws.CreateUser("alice", "", awstest.Rotator())
	id, secret := c.aws.IssueKey("alice")
	c.seen.old = id
	h.mustAdd("work", id, secret)
	c.aws.CreateUser("bystander", "", awstest.Rotator())
	c.aws.IssueKey("bystander")
	idle, _ := c.aws.IssueKey("bystander")
	c.aws.SetStatus(idle, awstest.Inactive)
	foreign := c.aws.Keys("bystander")

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
		if err != nil || k.Phase != "steady" || k.AccessKeyID == id || len(left) != 1 {
			return fmt.Sprintf("the key is %s as %s (%v), IAM has %v", k.Phase, short(k.AccessKeyID), err, left)
		}
		return ""
	})
	if missing != "" {
		t.Fatalf("the rotation did not end well: %s", missing)
	}
	if now, left := h.works(c.aws, "work"), c.aws.Keys("alice"); left[0].ID != now || left[0].Status != awstest.Active {
		t.Errorf("%s is served, and IAM has %v", now, left)
	}
	stop()
	c.check(foreign)
	h.do("status")
	c.d.stop()
}

// useAllTheWhile is a client that asks for a lease and signs at once. While
// there is no daemon it has none, and it is never refused.
func (c *crash) useAllTheWhile() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			if r := c.h.helper("work"); r.exit == exitDone {
				if l, err := readLease(r.stdout); err != nil {
					c.t.Error(err)
				} else {
					_, _ = send(ctx, c.aws.URL, whoAmI, l) // AWS counts
				}
			}
			rest(ctx, 50*time.Millisecond)
		}
	})
	return func() { cancel(); all.Wait() }
}

// check looks at all that AWS saw.
func (c *crash) check(foreign []awstest.Key) {
	c.t.Helper()
	if now := c.aws.Keys("bystander"); !slices.Equal(now, foreign) {
		c.t.Errorf("another user's keys were %v and are %v", foreign, now)
	}
	ours := []string{c.seen.old}
	used := 0
	for _, call := range c.aws.Calls() {
		if call.Executed && call.Action == "CreateAccessKey" {
			ours = append(ours, call.Target)
		}
		if victim := call.Params.Get("AccessKeyId"); call.ByDaemon() && victim != "" && !slices.Contains(ours, victim) {
			c.t.Errorf("%s was sent for %s, which is not ours", call.Action, victim)
		}
		if !call.ByDaemon() && call.Status == http.StatusForbidden {
			c.t.Errorf("a client was refused: %s signed with %s", call.Action, short(call.KeyID))
		}
		if !call.ByDaemon() && call.Status == http.StatusOK {
			used++
		}
	}
	c.t.Logf("%d access keys of ours in all, %d requests of clients, none refused", len(ours), used)
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
	var all sync.WaitGroup
	atOnce := make(chan struct{}, 4)
	for _, p := range points() {
		all.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			t.Run(strings.ReplaceAll(p.name, " ", "_"), func(t *testing.T) {
				h := newHome(t, bin)
				p.strike(t, h, h.fileStore())
			})
		})
	}
	all.Wait()
	t.Logf("%d points", len(points()))
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
