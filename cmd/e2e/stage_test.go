//go:build linux

package e2e

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// swift is a rotation in a few seconds, begun by hand.
const swift = `[rotation]
every = "24h"
ttl = "1s"
prove = "700ms"
settle = "500ms"
grace = "1s"
imported_grace = "1s"
monitor = "300ms"
`

// quickReplicas see a change within a third of a second.
func quickReplicas() map[awstest.Service][]time.Duration {
	few := []time.Duration{0, 150 * time.Millisecond, 300 * time.Millisecond}
	return map[awstest.Service][]time.Duration{awstest.IAM: few, awstest.STS: few, awstest.SNS: few}
}

// stage is one home with an emulated AWS, in which something goes wrong: alice
// has one key, which may be taken in as work, and a bystander has two.
type stage struct {
	t       *testing.T
	h       *home
	aws     *awstest.Server
	d       *daemon
	old     string // alice's key at the beginning
	secret  string
	foreign []awstest.Key
	allowed []string // further ids that a person has told the daemon to end
	profile string   // under which the key is served in the end

	signed atomic.Int64 // requests of the client that signs all the while

	rule string      // what a failpoint is to do
	calm atomic.Bool // the trouble is over

	told       sync.Once // that it is to end, the daemon
	rolledBack bool      // a rollback has come to its end
	cut        bool      // what a person typed was killed
	checks     int       // how many proofs of the version in use there are to be
	wasLocked  bool      // a lock was confirmed
}

// newStage makes the home, still without a daemon.
func newStage(t *testing.T, h *home, settings ...string) *stage {
	t.Helper()
	h.onFailure(t)
	s := &stage{t: t, h: h, profile: "work", aws: newAWS(t, awstest.Options{Replicas: quickReplicas()})}
	h.configure(append([]string{awsSettings(s.aws)}, settings...)...)
	s.aws.CreateUser("alice", "", awstest.Watcher())
	s.old, s.secret = s.aws.IssueKey("alice")
	s.aws.CreateUser("bystander", "", awstest.Rotator())
	s.aws.IssueKey("bystander")
	idle, _ := s.aws.IssueKey("bystander")
	s.aws.SetStatus(idle, awstest.Inactive)
	s.foreign = s.aws.Keys("bystander")
	return s
}

// useAllTheWhile is a client that asks for a lease and signs at once. While
// there is no daemon it has none, and it is never refused.
func (s *stage) useAllTheWhile() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			if r := s.h.helper("work"); r.exit == exitDone {
				if l, err := readLease(r.stdout); err != nil {
					s.t.Error(err)
				} else if time.Now().Before(l.Expiration) {
					s.signed.Add(1)
					_, _ = send(ctx, s.aws.URL, whoAmI, l) // AWS counts
				}
			}
			rest(ctx, 50*time.Millisecond)
		}
	})
	return func() { cancel(); all.Wait() }
}

// oneKey sees that alice has one key in IAM, and that it is the one served.
func (s *stage) oneKey() {
	s.t.Helper()
	now, left := s.h.works(s.aws, s.profile), s.aws.Keys("alice")
	if len(left) != 1 || left[0].ID != now || left[0].Status != awstest.Active {
		s.t.Errorf("%s is served, and IAM has %v", now, left)
	}
}

// check looks at all that AWS saw. Clients are refused only where a person
// wanted the old key to end at once.
func (s *stage) check(refusals bool) {
	s.t.Helper()
	if now := s.aws.Keys("bystander"); !slices.Equal(now, s.foreign) {
		s.t.Errorf("another user's keys were %v and are %v", s.foreign, now)
	}
	ours := append([]string{s.old}, s.allowed...)
	used := 0
	for _, call := range s.aws.Calls() {
		if call.Executed && call.Action == "CreateAccessKey" {
			ours = append(ours, call.Target)
		}
		if victim := call.Params.Get("AccessKeyId"); call.ByDaemon() && changes(call.Action) && !slices.Contains(ours, victim) {
			s.t.Errorf("%s was sent for %s, which is not ours", call.Action, victim)
		}
		if !call.ByDaemon() && call.Status == http.StatusForbidden && !refusals {
			s.t.Errorf("a client was refused at %s: %s signed with %s", call.Time.Format("15:04:05.000"), call.Action, short(call.KeyID))
		}
		if !call.ByDaemon() && call.Status == http.StatusOK {
			used++
		}
	}
	s.t.Logf("%d access keys of ours in all, %d requests of clients taken, %d of them meanwhile", len(ours), used, s.signed.Load())
}

// changes tells whether an action changes a key that is there.
func changes(action string) bool {
	return action == "UpdateAccessKey" || action == "DeleteAccessKey"
}
