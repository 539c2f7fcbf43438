package keys_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
)

// second and third are the ids of the access keys that the daemon makes.
const (
	second = "AKIAMADE000000000001"
	third  = "AKIAMADE000000000002"
)

// TestRollback goes back to the earlier version from the phases in which it is
// there, active or not, under a client that trusts every Expiration; then a
// person keeps it, or goes forward again.
func TestRollback(t *testing.T) {
	for _, from := range []string{"switched", "deactivated"} {
		for choice, left := range map[string]string{"keep": first, "forward": second} {
			t.Run(from+", then "+choice, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					defer func() { r.end() }()
					r.add()
					stop := r.client()
					r.rotate(from)
					time.Sleep(3 * time.Hour)

					k, err := r.set.Rollback(context.Background(), "work")
					if err != nil || k.Phase != "proving" || !k.Back || k.Next == nil || k.Next.AccessKeyID != first || k.AccessKeyID != second {
						t.Fatalf("going back: %+v %v", k, err)
					}
					if l := r.lease(); l.AccessKeyId != second {
						t.Errorf("before the earlier one is proved, %s is handed out", l.AccessKeyId)
					}
					if e := r.await("rolled-back"); e.AccessKeyID != first {
						t.Errorf("told: %+v", e)
					}
					if c := r.held("work", "rolled-back"); !slices.Equal(c, []string{"keep", "forward"}) {
						t.Errorf("choices: %v", c)
					}
					time.Sleep(100 * 24 * time.Hour) // no timer runs, and nothing is due
					r.held("work", "rolled-back")
					if p := r.key("work").Previous; p == nil || p.AccessKeyID != second || p.Status != "Active" || p.DeactivateAt != nil {
						t.Errorf("beside it: %+v", p)
					}
					r.ends(map[string]bool{first: true, second: true})

					r.resolve(choice)
					counted := time.Now()
					r.await("deleted")
					r.ends(map[string]bool{left: true})
					if due := r.key("work").DueAt; due == nil || due.Before(counted.Add(defaults.Every)) {
						t.Errorf("the next rotation is due %v, %s was chosen %s", due, choice, counted)
					}
					if stop() == 0 || r.aws.refused > 0 {
						t.Error("the client was not served to the last")
					}
				})
			})
		}
	}
}

// TestRollbackWhileProving leaves the new version alone: it was never handed out.
func TestRollbackWhileProving(t *testing.T) {
	for choice, left := range map[string]string{"keep": first, "forward": second} {
		t.Run(choice, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				r.rotate("created")
				r.rollback()
				r.held("work", "rolled-back")
				time.Sleep(30 * 24 * time.Hour)
				r.ends(map[string]bool{first: true, second: true})
				if l := r.lease(); l.AccessKeyId != first {
					t.Errorf("%s is handed out", l.AccessKeyId)
				}
				var e *api.Error
				if _, err := r.set.Rollback(context.Background(), "work"); !errors.As(err, &e) || e.Exit != helper.ExitHeld {
					t.Errorf("rolled back twice: %v", err)
				}
				r.resolve(choice)
				r.await("deleted")
				r.ends(map[string]bool{left: true})
			})
		})
	}
}

// TestARollbackForwardCanBeTurned rolls back once more while the newer version
// is on its way to be handed out again.
func TestARollbackForwardCanBeTurned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.rotate("switched")
		r.rollback()
		r.await("rolled-back")
		r.resolve("forward")
		if k := r.key("work"); k.Phase != "proving" || k.Next.AccessKeyID != second {
			t.Fatalf("going forward: %+v", k)
		}
		r.rollback()
		r.held("work", "rolled-back")
		if l := r.lease(); l.AccessKeyId != first {
			t.Errorf("%s is handed out", l.AccessKeyId)
		}
		r.resolve("keep")
		r.await("deleted")
		r.ends(map[string]bool{first: true})
	})
}

// TestNoWayBack refuses a rollback where there is nothing to go back to.
func TestNoWayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		refused := func(when string) {
			t.Helper()
			var e *api.Error
			if _, err := r.set.Rollback(context.Background(), "work"); !errors.As(err, &e) || e.Exit != helper.ExitHeld || e.Remedy == "" {
				t.Errorf("%s: %v", when, err)
			}
		}
		refused("steady")
		r.rotate("switched")
		r.rollback()
		refused("already going back")
		r.await("rolled-back")
		refused("already back")
		r.resolve("keep")
		r.await("deleted")
		refused("steady again")
		if _, err := r.set.Pause(context.Background(), "work"); err != nil {
			t.Fatal(err)
		}
		refused("paused")
	})
}

// TestTheEarlierVersionIsNoMore: AWS refuses it for good, or has deleted it. The
// newer one is handed out throughout.
func TestTheEarlierVersionIsNoMore(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"refused": func(r *rig) {
			r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
				if a.Signer.ID != first {
					return nil
				}
				return &rotation.Outcome{Result: rotation.Refused, Text: "InvalidClientTokenId", Date: time.Now()}
			})
		},
		"deleted": func(r *rig) { r.aws.drop(first) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				stop := r.client()
				r.rotate("deactivated")
				end(r)
				r.rollback()
				r.await("held")
				if c := r.held("work", "never-proves"); !slices.Equal(c, []string{"retry"}) {
					t.Errorf("choices: %v", c)
				}
				if l := r.lease(); l.AccessKeyId != second {
					t.Errorf("%s is handed out", l.AccessKeyId)
				}
				r.aws.meddle(nil)
				r.resolve("retry")
				for r.key("work").Phase != "steady" {
					time.Sleep(time.Hour)
				}
				r.ends(map[string]bool{second: true})
				if stop() == 0 {
					t.Error("the client has signed nothing")
				}
			})
		})
	}
}

// TestACrashDuringARollback ends the daemon after each call to AWS that a
// rollback makes, forgetting all but the record.
func TestACrashDuringARollback(t *testing.T) {
	for _, from := range []string{"switched", "deactivated"} {
		crashed := 0
		for at := 1; at == crashed+1; at++ {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				stop := r.client()
				r.rotate(from)
				var calls atomic.Int64
				r.aws.meddle(func(rotation.Action) *rotation.Outcome { calls.Add(1); return nil })
				r.rollback()
				for r.key("work").Phase == "proving" {
					if crashed < at && calls.Load() >= int64(at) {
						r.end()
						r.start()
						synctest.Wait()
						crashed = at
					}
					time.Sleep(100 * time.Millisecond)
				}
				r.held("work", "rolled-back")
				r.ends(map[string]bool{first: true, second: true})
				if l := r.lease(); l.AccessKeyId != first {
					t.Errorf("call %d after %s: %s is handed out", at, from, l.AccessKeyId)
				}
				stop()
			})
		}
		if crashed < 5 || crashed > 1000 {
			t.Errorf("from %s a rollback made %d calls", from, crashed)
		}
	}
}
