package keys_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// TestAKeyJustTakenInKeepsNobodyWaiting: it was looked at when it was taken in.
func TestAKeyJustTakenInKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.aws.manages = "bob"
		r.aws.user("carol", "")
		r.add()
		began := time.Now()
		_, err := r.set.Users(context.Background(), "work")
		_, err2 := r.set.Add(context.Background(), "carol", api.AddRequest{Create: &api.CreateRequest{User: "carol", With: "work"}})
		t.Log(err, err2)
		if d := time.Since(began); d > time.Second {
			t.Errorf("took %v", d)
		}
	})
}

// TestAFailedRetryLeavesTheKeyAsItIs: what a person asked for could not be read;
// the record in hand is as good as before.
func TestAFailedRetryLeavesTheKeyAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		// Somebody else writes both slots.
		other := store.New(r.items, store.Identity{Machine: "machine", Instance: "another"})
		rec, err := other.Load(context.Background(), "work")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Save(context.Background(), "work", rec.Payload); err != nil {
			t.Fatal(err)
		}
		_, err = r.set.Pause(context.Background(), "work")
		t.Log("pause:", err)
		r.held("work", "store-changed")
		r.items.Down(store.ErrLocked)
		_, err = r.set.Resolve(context.Background(), "work", api.ResolveRequest{Choice: "retry"})
		t.Log("resolve:", err)
		r.items.Down(nil)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		began := time.Now()
		if err := r.set.LookAgain(ctx); err != nil {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// TestWhoAsksForARenameMayLeave: at any write of it: the rename is seen through.
func TestWhoAsksForARenameMayLeave(t *testing.T) {
	for n := 1; n < 14; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				ctx, cancel := context.WithCancel(context.Background())
				i := 0
				r.plan.Store(new(plan(func(op storetest.Op, item string) storetest.Fault {
					if i++; i == n {
						cancel()
					}
					return storetest.OK
				})))
				_, err := r.set.Rename(ctx, "work", api.RenameRequest{NewName: "new"})
				r.plan.Store(nil)
				time.Sleep(time.Hour)
				names, _ := r.store.Names(context.Background())
				var have []string
				for _, k := range r.set.List() {
					have = append(have, k.Name)
					if k.Hold != nil {
						t.Errorf("%d: %v: hold %+v", n, err, k.Hold)
					}
				}
				if fmt.Sprint(names) != fmt.Sprint(have) {
					t.Errorf("%d: %v: store has %v, set has %v", n, err, names, have)
				}
			})
		})
	}
}

// TestWhoAddsAKeyMayLeave: at any write of it: the key is in the store and
// known, or neither.
func TestWhoAddsAKeyMayLeave(t *testing.T) {
	for n := 1; n < 12; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				ctx, cancel := context.WithCancel(context.Background())
				i := 0
				r.plan.Store(new(plan(func(op storetest.Op, item string) storetest.Fault {
					if i++; i == n {
						cancel()
					}
					return storetest.OK
				})))
				_, err := r.set.Add(ctx, "work", api.AddRequest{AccessKeyID: first, SecretAccessKey: "the first secret of bob"})
				r.plan.Store(nil)
				time.Sleep(time.Hour)
				names, _ := r.store.Names(context.Background())
				var have []string
				for _, k := range r.set.List() {
					have = append(have, k.Name)
				}
				if fmt.Sprint(names) != fmt.Sprint(have) {
					t.Errorf("%d: %v: store has %v, set has %v", n, err, names, have)
				}
			})
		})
	}
}

// TestAnUnstoredKeyBehindABarrierCanBeResolved: its id was noted, so that it is
// ended as an orphan.
func TestAnUnstoredKeyBehindABarrierCanBeResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		block := make(chan struct{})
		r.aws.block = block
		r.rotate("began")
		synctest.Wait()
		other := store.New(r.items, store.Identity{Machine: "machine", Instance: "another"})
		rec, err := other.Load(context.Background(), "work")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Save(context.Background(), "work", rec.Payload); err != nil {
			t.Fatal(err)
		}
		close(block)
		time.Sleep(time.Minute)
		r.held("work", "store-changed")
		_, err = r.set.Resolve(context.Background(), "work", api.ResolveRequest{Choice: "retry"})
		var e *api.Error
		if errors.As(err, &e) {
			t.Errorf("resolve: %s %s", e.Code, e.Error())
		}
		t.Log(r.aws.active())
		time.Sleep(20 * 24 * time.Hour)
		t.Log(r.aws.active(), r.key("work").Phase)
	})
}

// TestWhatCouldNotBeUndoneIsNotCalledUndone: at a stop AWS did not delete the
// key that could not be stored.
func TestWhatCouldNotBeUndoneIsNotCalledUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		block := make(chan struct{})
		r.aws.block = block
		r.rotate("began")
		synctest.Wait()
		r.items.Down(store.ErrLocked)
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			if a.Do == rotation.Delete {
				return &rotation.Outcome{Result: rotation.NotSent, Text: "no network"}
			}
			return nil
		})
		close(block)
		time.Sleep(time.Second)
		r.end()
		e := r.await("undone")
		if len(r.aws.active()) == 2 && strings.Contains(e.Text, "it was deleted again") {
			t.Errorf("IAM has %v, history says: %s", r.aws.active(), e.Text)
		}
	})
}
