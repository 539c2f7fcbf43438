//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// The times of these tests: an hour is two seconds.
const ttl = 2 * time.Second

// unrest rotates a key as soon as it can be rotated again. Proving takes longer
// than the slowest replica, as it does with AWS.
const unrest = `[rotation]
every = "3s"
ttl = "2s"
prove = "2s"
settle = "1s"
grace = "3s"
imported_grace = "3s"
monitor = "500ms"
`

// slowReplicas see a change after up to 1.8 seconds, each at its own time.
func slowReplicas() map[awstest.Service][]time.Duration {
	ms := func(n ...time.Duration) []time.Duration {
		for i := range n {
			n[i] *= time.Millisecond
		}
		return n
	}
	return map[awstest.Service][]time.Duration{
		awstest.IAM: ms(0, 900, 1600),
		awstest.STS: ms(0, 1000, 1700),
		awstest.SNS: ms(0, 1100, 1800),
	}
}

// play is a run of the whole with clients that sign all the while.
type play struct {
	keys      []string
	rotations int  // in all, before it ends
	everybody bool // the AWS CLI and boto3 too
	tillFirst bool // it ends with the first refusal
	faulty    int  // so many of a hundred calls of the daemon go wrong
	limit     time.Duration
}

// ending is what AWS and the daemon say of a play.
type ending struct {
	play
	stories []story
	refused []awstest.Call
	proving int
	signed  map[string]int
	left    map[string][]awstest.Key // by key
	faulted map[string]int           // by fault
	took    time.Duration            // from the first rotation to the last
	crowd   *crowd
}

// run plays in a home whose store is configured.
func (p play) run(t *testing.T, h *home, storeSettings string) ending {
	t.Helper()
	aws := newAWS(t, awstest.Options{Replicas: slowReplicas()})
	seen := newLedger()
	aws.SetHook(seen.enter)
	configure := func(rotation string) { h.configure(storeSettings, awsSettings(aws), rotation) }
	// Nothing is due before everybody is there.
	calm := strings.Replace(unrest, `every = "3s"`, `every = "24h"`, 1)
	configure(calm)
	h.start()
	first := map[string]string{}
	for _, name := range p.keys {
		aws.CreateUser(name+"-user", "", awstest.Watcher())
		id, secret := aws.IssueKey(name + "-user")
		h.mustAdd(name, id, secret)
		first[name] = id
	}

	c, ctx := newCrowd(h, aws, p.keys)
	for _, name := range p.keys {
		c.signUntilEnd(ctx, name)
		c.raw(ctx, name)
		c.goSDK(ctx, name)
	}
	if p.everybody {
		c.boto3(ctx, ttl)
		c.cli(ctx)
		eventually(t, runLimit, func() string {
			counts := seen.heard()
			for client := range clientAgents {
				if counts[client] == 0 {
					return "no request of " + client + " has arrived"
				}
			}
			return ""
		})
	}
	faulted := map[string]int{}
	aws.SetScript(p.faults(faulted))
	configure(unrest)
	began, told := time.Now(), time.Now()
	missing := within(p.limit, func() string {
		if _, clients := aws.Counts(); p.tillFirst && clients.Refused > 0 {
			return ""
		}
		if over := seen.over(); over < p.rotations {
			if time.Since(told) > time.Minute {
				told = time.Now()
				t.Logf("after %v %d of %d rotations are over", time.Since(began).Round(time.Second), over, p.rotations)
			}
			return fmt.Sprintf("%d of %d rotations are over", over, p.rotations)
		}
		return ""
	})
	if missing != "" {
		t.Errorf("after %v: %s", p.limit, missing)
	}
	took := time.Since(began)
	configure(calm)
	aws.SetScript(nil)
	missing = within(runLimit, func() string {
		for _, name := range p.keys {
			k, err := h.key(name)
			if err == nil && k.Hold != nil {
				return fmt.Sprintf("key %s is held: %s", name, k.Hold.Text)
			}
			if err != nil || k.Phase != "steady" {
				return fmt.Sprintf("key %s is %s, not steady (%v)", name, k.Phase, err)
			}
		}
		return ""
	})
	if missing != "" {
		t.Errorf("at the end %s", missing)
	}
	c.leave()

	e := ending{play: p, crowd: c, left: map[string][]awstest.Key{}, faulted: faulted}
	for _, name := range p.keys {
		e.stories = append(e.stories, seen.stories(name, first[name], h.history(name))...)
		e.left[name] = aws.Keys(name + "-user")
	}
	e.refused, e.proving = seen.refusals(e.stories)
	// The emulator's own count, in which nothing is sorted out.
	if daemon, clients := aws.Counts(); daemon.Refused+clients.Refused != len(e.refused)+e.proving {
		t.Errorf("AWS counts %d refusals, this test %d", daemon.Refused+clients.Refused, len(e.refused)+e.proving)
	}
	e.signed, e.took = seen.heard(), took
	return e
}

// faults lets some of the daemon's calls go wrong, of all kinds that AWS and
// networks know, and counts them. The same calls in the same order go the same
// way.
func (p play) faults(count map[string]int) awstest.Script {
	if p.faulty == 0 {
		return nil
	}
	kinds := []awstest.Fault{
		awstest.Throttle(), awstest.Fail(http.StatusInternalServerError), awstest.Fail(http.StatusServiceUnavailable),
		awstest.FailAfter(http.StatusInternalServerError), awstest.LoseReply(), awstest.Drop(),
	}
	dice := rand.New(rand.NewPCG(1, 2))
	return func(c awstest.Call) awstest.Fault {
		if !c.ByDaemon() || dice.IntN(100) >= p.faulty {
			return awstest.Fault{}
		}
		f := kinds[dice.IntN(len(kinds))]
		count[f.Name]++
		return f
	}
}

// report prints what was counted.
func (e ending) report(t *testing.T) {
	least, most, sum := 0, 0, 0
	for i, s := range e.stories {
		if len(e.stories) <= 50 || s.signedByOld == 0 || s.deleted.IsZero() {
			t.Log(s)
		}
		if i == 0 || s.signedByOld < least {
			least = s.signedByOld
		}
		most, sum = max(most, s.signedByOld), sum+s.signedByOld
	}
	for _, c := range e.refused {
		t.Log("refused: ", describe(c, e.stories))
	}
	t.Logf("%d keys, %d rotations in %v, %d requests refused beside %d that proved a next version", len(e.keys), len(e.stories), e.took.Round(time.Second), len(e.refused), e.proving)
	t.Logf("signed by the old key after the switch, in a rotation: %d at the least, %d at the most, %d in all", least, most, sum)
	t.Logf("calls of the daemon that went wrong: %v", e.faulted)
	for client := range clientAgents {
		t.Logf("%-11s %7d requests signed, %5d runs of the helper", client, e.signed[client], e.crowd.runs(client))
	}
	t.Logf("%d requests were signed 10 ms before the end of a lease", e.crowd.lastMoment.Load())
}

// flaws are what a rotation that nobody may notice must not show.
func (e ending) flaws() (found []string) {
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if len(e.refused) > 0 {
		add("AWS refused %d requests", len(e.refused))
	}
	if len(e.stories) < e.rotations {
		add("only %d of %d rotations", len(e.stories), e.rotations)
	}
	for _, s := range e.stories {
		if s.signedByOld == 0 {
			add("a rotation proves nothing, as nobody used the old key after the switch: %v", s)
		}
		if s.deleted.IsZero() {
			add("a rotation did not end: %v", s)
		}
	}
	for name, keys := range e.left {
		if len(keys) != 1 || keys[0].Status != awstest.Active {
			add("IAM has %v for %s, not one active key", keys, name)
		}
	}
	if e.faulty > 0 && len(e.faulted) < 6 {
		add("only these faults happened: %v", e.faulted)
	}
	if e.crowd.lastMoment.Load() == 0 {
		add("no request was signed at a lease's end")
	}
	for client := range clientAgents {
		if client == "boto3" && 2*e.crowd.runs(client) > e.signed[client] {
			add("boto3 ran the helper %d times for %d requests: it kept no lease", e.crowd.runs(client), e.signed[client])
		}
		if e.everybody && e.signed[client] == 0 {
			add("%s has signed nothing", client)
		}
	}
	for client, errors := range e.crowd.errors {
		add("%d errors of %s, the first: %s", len(errors), client, errors[0])
	}
	return found
}

// Real programs, real clients, a real keychain: keys are replaced on schedule,
// over and over, without one refused request.
func TestRotationsGoUnnoticed(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	h.onFailure(t)
	gnomeKeyring(t, h)
	e := play{
		keys: []string{"work", "home", "lab"}, rotations: 21,
		everybody: true, limit: 3 * time.Minute,
	}.run(t, h, keyringStore)
	e.report(t)
	for _, flaw := range e.flaws() {
		t.Error(flaw)
	}
}
