package keys_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// TestAYearUnderClientsThatTrustExpiration lets clients sign with each lease
// until the last moment, through every rotation of a year and a daemon that is
// restarted every nine days.
func TestAYearUnderClientsThatTrustExpiration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		end := time.Now().Add(365 * 24 * time.Hour)
		held, used := r.lease(), map[string]bool{}
		for i := 0; time.Now().Before(end); i++ {
			time.Sleep(7 * time.Minute)
			if left := time.Until(held.Expiration); left < 7*time.Minute {
				time.Sleep(left - 10*time.Millisecond)
				if !r.aws.sign(held.AccessKeyId, held.SecretAccessKey) {
					t.Fatalf("refused with %s, 10 ms before its Expiration", held.AccessKeyId)
				}
				held = r.lease()
			}
			if !r.aws.sign(held.AccessKeyId, held.SecretAccessKey) {
				t.Fatalf("refused with %s: %+v", held.AccessKeyId, r.set.List())
			}
			used[held.AccessKeyId] = true
			if i%1851 == 1850 {
				r.end()
				r.start()
			}
		}
		if len(used) < 4 || r.aws.refused != 0 {
			t.Errorf("%d versions were used in a year, %d requests refused", len(used), r.aws.refused)
		}
		if k := r.set.List()[0]; k.Phase != "steady" && k.Phase != "draining" && k.Phase != "monitoring" {
			t.Errorf("the year ends in %s", k.Phase)
		}
		r.end()
	})
}

// TestALockedStoreStopsRotationNotServing locks the keychain before the switch.
func TestALockedStoreStopsRotationNotServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		r.await("created")
		r.items.Down(store.ErrLocked)
		time.Sleep(30 * time.Minute)
		if l := r.lease(); l.AccessKeyId != first {
			t.Errorf("with a locked store %s is handed out", l.AccessKeyId)
		}
		if w := r.set.Warnings(); len(w) == 0 || !strings.Contains(w[0].Text, "locked") {
			t.Errorf("nobody is told that the store is locked: %+v", w)
		}
		var e *api.Error
		if _, err := r.set.Pause(context.Background(), "work"); !errors.As(err, &e) || e.Exit != helper.ExitLocked {
			t.Errorf("a request that must be written down is answered with %v", err)
		}
		r.items.Down(nil)
		r.await("switched")
		if l := r.lease(); l.AccessKeyId == first {
			t.Error("after the switch the old version is handed out")
		}
		r.await("deleted")
		if ids := r.aws.ids(); len(ids) != 1 || ids[0] == first {
			t.Errorf("IAM has %v", ids)
		}
	})
}

// TestAStopDuringCreate stops the daemon while CreateAccessKey is under way:
// what it tells is stored all the same.
func TestAStopDuringCreate(t *testing.T) {
	for name, locked := range map[string]bool{"stored": false, "deleted again": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.add()
				r.aws.block = make(chan struct{})
				if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
					t.Fatal(err)
				}
				r.await("began")
				synctest.Wait()
				if locked {
					r.items.Down(store.ErrLocked)
				}
				done := make(chan struct{})
				go func() { r.end(); close(done) }()
				synctest.Wait()
				close(r.aws.block)
				<-done
				r.items.Down(nil)
				if ids := r.aws.ids(); locked && !slices.Equal(ids, []string{first}) {
					t.Errorf("an access key whose secret is forgotten stays in IAM: %v", ids)
				}
				r.start()
				defer func() { r.end() }()
				r.await("deleted")
				if ids := r.aws.ids(); len(ids) != 1 || ids[0] == first {
					t.Errorf("IAM ends with %v", ids)
				}
			})
		})
	}
}

// TestAnUnknownWriteIsSettledFirst loses the answer of each write in turn.
func TestAnUnknownWriteIsSettledFirst(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.Lost, storetest.Landed, storetest.Torn} {
		for at := range 12 {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				n := 0
				r.plan.Store(new(plan(func(op storetest.Op, _ string) storetest.Fault {
					if n++; n == at+1 {
						return fault
					}
					return storetest.OK
				})))
				for { // the request itself may meet the fault
					if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err == nil {
						break
					}
					time.Sleep(time.Minute)
					if r.set.List()[0].Phase != "steady" {
						break
					}
				}
				r.await("deleted")
				if ids := r.aws.ids(); len(ids) != 1 || ids[0] == first || !r.aws.sign(r.lease().AccessKeyId, r.lease().SecretAccessKey) {
					t.Errorf("fault %v at write %d: IAM ends with %v", fault, at, ids)
				}
			})
		}
	}
}

func TestWhatAddRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		const good = "the first secret of bob"
		refusing := func(result rotation.Result) func(rotation.Action) *rotation.Outcome {
			return func(rotation.Action) *rotation.Outcome { return &rotation.Outcome{Result: result, Text: "AWS's words"} }
		}
		root := func(rotation.Action) *rotation.Outcome {
			return &rotation.Outcome{Result: rotation.OK, ARN: "arn:aws:iam::123456789012:root"}
		}
		for _, c := range []struct {
			name, id, secret string
			fail             func(rotation.Action) *rotation.Outcome
			exit             int
			code             string
		}{
			{"../work", first, good, nil, helper.ExitUsage, "bad-name"},
			{"work", "AKIA", good, nil, helper.ExitUsage, "bad-access-key-id"},
			{"work", "ASIAFIRST00000000000", good, nil, helper.ExitRefused, "temporary-key"},
			{"work", first, "short", nil, helper.ExitUsage, "bad-secret"},
			{"work", first, "some other secret of bob", nil, helper.ExitAWS, "key-refused"},
			{"work", first, good, root, helper.ExitRefused, "root-key"},
			{"work", first, good, refusing(rotation.NotSent), helper.ExitFailed, "aws-unreachable"},
			{"work", first, good, refusing(rotation.Ambiguous), helper.ExitFailed, "aws-unreachable"},
		} {
			r.aws.fail = c.fail
			_, err := r.set.Add(context.Background(), c.name, api.AddRequest{AccessKeyID: c.id, SecretAccessKey: c.secret})
			var e *api.Error
			if !errors.As(err, &e) || e.Exit != c.exit || e.Code != c.code || e.Remedy == "" {
				t.Errorf("%s: %v, want %s", c.code, err, c.code)
			}
			if err != nil && strings.Contains(err.Error(), c.secret) {
				t.Errorf("%s: the error shows the secret", c.code)
			}
		}
		r.aws.fail = nil
		if len(r.set.List()) != 0 {
			t.Fatalf("something was kept: %+v", r.set.List())
		}
		r.add()
		again, err := r.set.Add(context.Background(), "WORK", api.AddRequest{AccessKeyID: first, SecretAccessKey: good})
		if err != nil || !again.Already {
			t.Errorf("the same key again: %+v %v", again, err)
		}
		var e *api.Error
		if _, err := r.set.Add(context.Background(), "other", api.AddRequest{AccessKeyID: first, SecretAccessKey: good}); !errors.As(err, &e) || e.Code != "id-held" || !strings.Contains(e.Message, "work") {
			t.Errorf("the same id under another name: %v", err)
		}
		r.aws.keys["AKIASECOND0000000000"] = &row{"the second secret of bob", true, time.Now().Add(-time.Hour)}
		for _, name := range []string{"other", "work"} {
			if _, err := r.set.Add(context.Background(), name, api.AddRequest{AccessKeyID: "AKIASECOND0000000000", SecretAccessKey: "the second secret of bob"}); !errors.As(err, &e) || e.Exit != helper.ExitRefused {
				t.Errorf("a user already held, as %s: %v", name, err)
			}
		}
	})
}

// TestAUserWithoutThePolicyIsTakenIn serves what cannot be rotated, and says so.
func TestAUserWithoutThePolicyIsTakenIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.aws.fail = func(a rotation.Action) *rotation.Outcome {
			if a.Do == rotation.List {
				return &rotation.Outcome{Result: rotation.Denied, Text: "not authorized to perform iam:ListAccessKeys"}
			}
			return nil
		}
		r.add()
		k := r.set.List()[0]
		if k.Phase != "held" || k.Hold == nil || k.Hold.Code != "access-denied" || !slices.Equal(k.Hold.Choices, []string{"retry"}) {
			t.Fatalf("the key is %+v", k)
		}
		if r.lease().AccessKeyId != first {
			t.Error("it is not handed out")
		}
		r.aws.fail = nil
		if _, err := r.set.Resolve(context.Background(), "work", api.ResolveRequest{Choice: "retry"}); err != nil {
			t.Fatal(err)
		}
		r.await("deleted")
	})
}

func TestRenameAndRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		ctx := context.Background()
		r.add()
		if k, err := r.set.Rename(ctx, "work", api.RenameRequest{NewName: "home"}); err != nil || k.Name != "home" {
			t.Fatalf("%+v %v", k, err)
		}
		var e *api.Error
		if _, err := r.set.Credentials("work"); !errors.As(err, &e) || e.Exit != helper.ExitUnknown {
			t.Errorf("the old name: %v", err)
		}
		if b, err := r.set.Credentials("home"); err != nil || !strings.Contains(string(b), first) {
			t.Errorf("the new name: %v", err)
		}
		if _, err := r.set.Rotate(ctx, "home", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		r.await("switched")
		if _, err := r.set.Rotate(ctx, "home", api.RotateRequest{}); !errors.As(err, &e) || e.Exit != helper.ExitHeld {
			t.Errorf("a rotation under way and another asked for: %v", err)
		}
		if _, err := r.set.Remove(ctx, "home", api.RemoveRequest{}); !errors.As(err, &e) || e.Exit != helper.ExitHeld {
			t.Errorf("removed while it drains: %v", err)
		}
		left, err := r.set.Remove(ctx, "home", api.RemoveRequest{Force: true})
		if err != nil || len(left.LeftInIAM) != 2 {
			t.Errorf("%+v %v", left, err)
		}
		if len(r.set.List()) != 0 {
			t.Error("it is still there")
		}
		r.end()
		r.start()
		if len(r.set.List()) != 0 {
			t.Error("it is back after a restart")
		}
	})
}

// TestTTLIsTakenIntoForce raises and lowers the ttl of leases in a running
// daemon. A larger one is written into the record before it is handed out.
func TestTTLIsTakenIntoForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		for _, ttl := range []time.Duration{3 * time.Hour, 30 * time.Minute} {
			r.ttl.Store(int64(ttl))
			r.set.Reconfigure()
			synctest.Wait()
			if got := time.Until(r.lease().Expiration); got > ttl || got < ttl-2*time.Second {
				t.Errorf("leases last %s, want %s", got, ttl)
			}
		}
		r.items.Down(store.ErrLocked)
		r.ttl.Store(int64(12 * time.Hour))
		r.set.Reconfigure()
		synctest.Wait()
		if got := time.Until(r.lease().Expiration); got > 3*time.Hour {
			t.Errorf("a ttl that could not be written down is handed out: %s", got)
		}
	})
}
