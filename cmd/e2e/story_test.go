//go:build linux

package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// ledger is all that matters of what AWS has answered, however long a test runs.
type ledger struct {
	mu        sync.Mutex
	calls     []awstest.Call         // of the daemon, and whatever was refused
	uses      map[string][]time.Time // by access key id: the clients' requests that AWS took
	signed    map[string]int         // the same by client
	rotations int                    // versions deleted that clients had used
}

func newLedger() *ledger {
	return &ledger{uses: map[string][]time.Time{}, signed: map[string]int{}}
}

// enter is the emulator's hook.
func (l *ledger) enter(_ context.Context, m awstest.Moment, c awstest.Call) {
	// An answer that is lost on its way has no other moment.
	if m == awstest.Seen || m == awstest.Executed && c.Fault == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.ByDaemon() && c.Status == http.StatusOK {
		l.uses[c.KeyID] = append(l.uses[c.KeyID], c.Time)
		l.signed[clientOf(c.Client)]++
		return
	}
	if m == awstest.Answering && c.Fault != "" && c.Executed {
		return // it was entered when it was executed
	}
	c.Params = nil // these are many, and nobody looks at them
	l.calls = append(l.calls, c)
	if c.Executed && c.Action == "DeleteAccessKey" && len(l.uses[c.Target]) > 0 {
		l.rotations++
	}
}

// clientOf gives a User-Agent its client's name.
func clientOf(agent string) string {
	for client, begin := range clientAgents {
		if strings.HasPrefix(agent, begin) {
			return client
		}
	}
	return agent
}

// over is how many rotations are.
func (l *ledger) over() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rotations
}

// heard are the clients of which AWS has taken a request.
func (l *ledger) heard() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.signed)
}

// story is one rotation of one key: what the daemon wrote down of it and what
// AWS saw.
type story struct {
	key, old, new                  string
	switched, deactivated, deleted time.Time
	signedByOld                    int // requests of clients between switch and deactivation that AWS accepted
}

func (s story) String() string {
	return fmt.Sprintf("%s: %s → %s, old one signed %d requests after the switch, deactivated %.1fs, deleted %.1fs after it",
		s.key, short(s.old), short(s.new), s.signedByOld, s.deactivated.Sub(s.switched).Seconds(), s.deleted.Sub(s.switched).Seconds())
}

func short(id string) string { return id[max(0, len(id)-4):] }

// stories reads the rotations of a key, which began as first, out of its
// history and AWS's record. A story without an end has no deleted. The daemon may
// go on asking AWS meanwhile.
func (l *ledger) stories(key, first string, history []api.Event) []story {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []story
	current := first
	for _, e := range history {
		if e.Event != "switched" || e.AccessKeyID == current {
			continue
		}
		s := story{key: key, old: current, new: e.AccessKeyID, switched: e.Time}
		for _, c := range l.calls {
			if c.Executed && c.Target == s.old && c.Action == "UpdateAccessKey" && s.deactivated.IsZero() {
				s.deactivated = c.Time
			}
			if c.Executed && c.Target == s.old && c.Action == "DeleteAccessKey" {
				s.deleted = c.Time
			}
		}
		for _, at := range l.uses[s.old] {
			if at.After(s.switched) && at.Before(s.deactivated) {
				s.signedByOld++
			}
		}
		list = append(list, s)
		current = s.new
	}
	return list
}

// refusals are the requests that AWS refused, but for those that the daemon
// itself signed with a next version to learn whether it works everywhere yet.
// It returns how many these were.
func (l *ledger) refusals(list []story) (refused []awstest.Call, proving int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	proved := map[string]time.Time{}
	for _, s := range list {
		proved[s.new] = s.switched
	}
	for _, c := range l.calls {
		switch {
		case c.Status != http.StatusForbidden:
		case c.ByDaemon() && c.Time.Before(proved[c.KeyID]) && slices.Contains([]string{"GetCallerIdentity", "ListAccessKeys"}, c.Action):
			proving++
		default:
			refused = append(refused, c)
		}
	}
	return refused, proving
}

// describe tells of a refused request what is needed to find out why.
func describe(c awstest.Call, list []story) string {
	text := fmt.Sprintf("%s %s by %s signed with %s: %s", c.Time.Format("15:04:05.000"), c.Action, c.Client, short(c.KeyID), c.Code)
	for _, s := range list {
		if s.old == c.KeyID {
			text += fmt.Sprintf(" (%.3fs after the switch away from it, %.3fs after its deactivation)", c.Time.Sub(s.switched).Seconds(), c.Time.Sub(s.deactivated).Seconds())
		}
		if s.new == c.KeyID {
			text += fmt.Sprintf(" (%.3fs after the switch to it)", c.Time.Sub(s.switched).Seconds())
		}
	}
	return text
}
