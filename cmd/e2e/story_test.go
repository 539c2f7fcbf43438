//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// ledger is all that AWS has answered, however long a test runs.
type ledger struct {
	mu      sync.Mutex
	calls   []awstest.Call
	deleted int
}

// enter is the emulator's hook.
func (l *ledger) enter(_ context.Context, m awstest.Moment, c awstest.Call) {
	if m != awstest.Answering {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
	if c.Executed && c.Action == "DeleteAccessKey" {
		l.deleted++
	}
}

func (l *ledger) all() []awstest.Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

func (l *ledger) deletions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deleted
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
// history and AWS's record. A story without an end has no deleted.
func stories(key, first string, history []api.Event, calls []awstest.Call) []story {
	var list []story
	current := first
	for _, e := range history {
		if e.Event != "switched" || e.AccessKeyID == current {
			continue
		}
		s := story{key: key, old: current, new: e.AccessKeyID, switched: e.Time}
		for _, c := range calls {
			if c.Executed && c.Target == s.old && c.Action == "UpdateAccessKey" && s.deactivated.IsZero() {
				s.deactivated = c.Time
			}
			if c.Executed && c.Target == s.old && c.Action == "DeleteAccessKey" {
				s.deleted = c.Time
			}
		}
		for _, c := range calls {
			if !c.ByDaemon() && c.KeyID == s.old && c.Status == http.StatusOK && c.Time.After(s.switched) && c.Time.Before(s.deactivated) {
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
func refusals(list []story, calls []awstest.Call) (refused []awstest.Call, proving int) {
	proved := map[string]time.Time{}
	for _, s := range list {
		proved[s.new] = s.switched
	}
	for _, c := range calls {
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

// signed counts AWS's accepted requests by client.
func signed(calls []awstest.Call) map[string]int {
	counts := map[string]int{}
	for _, c := range calls {
		if c.Status != http.StatusOK || c.ByDaemon() {
			continue
		}
		name := c.Client
		for client, agent := range clientAgents {
			if strings.HasPrefix(c.Client, agent) {
				name = client
			}
		}
		counts[name]++
	}
	return counts
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
