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
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// TestFrozenKeysStandStill freezes a rotation at each of its events for half a
// day, in which nothing is written and nothing in IAM changes; then it goes on,
// over another store that holds the same records.
func TestFrozenKeysStandStill(t *testing.T) {
	for _, event := range []string{"asked", "began", "created", "switched", "deactivated"} {
		t.Run(event, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				stop := r.client()
				var changed, wrote atomic.Int32
				r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
					if slices.Contains(changes, a.Do) || a.Do == rotation.Activate {
						changed.Add(1)
					}
					return nil
				})
				r.plan.Store(new(plan(func(storetest.Op, string) storetest.Fault { wrote.Add(1); return storetest.OK })))
				if event == "asked" {
					r.rotate(event)
				} else {
					r.rotate("asked")
					r.await(event)
				}
				ctx := context.Background()
				if err := r.set.Freeze(ctx); err != nil {
					t.Fatal(err)
				}
				changed.Store(0)
				wrote.Store(0)
				time.Sleep(12 * time.Hour)
				for verb, ask := range map[string]func() error{
					"rotate":   func() error { _, err := r.set.Rotate(ctx, "work", api.RotateRequest{}); return err },
					"rollback": func() error { _, err := r.set.Rollback(ctx, "work"); return err },
					"pause":    func() error { _, err := r.set.Pause(ctx, "work"); return err },
					"resume":   func() error { _, err := r.set.Resume(ctx, "work"); return err },
					"resolve":  func() error { _, err := r.set.Resolve(ctx, "work", api.ResolveRequest{Choice: "retry"}); return err },
					"add":      func() error { _, err := r.set.Add(ctx, "other", api.AddRequest{}); return err },
					"rename":   func() error { _, err := r.set.Rename(ctx, "work", api.RenameRequest{NewName: "x"}); return err },
					"remove":   func() error { _, err := r.set.Remove(ctx, "work", api.RemoveRequest{Force: true}); return err },
					"freeze":   func() error { return r.set.Freeze(ctx) },
				} {
					var e *api.Error
					if err := ask(); !errors.As(err, &e) || e.Code != "busy" || e.Exit != helper.ExitHeld {
						t.Errorf("%s while frozen: %v", verb, err)
					}
				}
				if n, w := changed.Load(), wrote.Load(); n+w > 0 || r.key("work").Paused {
					t.Errorf("while frozen IAM was changed %d times, the store %d times; the key is %+v", n, w, r.key("work"))
				}
				move(t, r)
				r.set.Thaw()
				r.await("deleted")
				if stop() == 0 {
					t.Error("nobody signed")
				}
				if now := r.lease(); !r.aws.active()[now.AccessKeyId] {
					t.Errorf("%s is handed out, IAM has %v", now.AccessKeyId, r.aws.active())
				}
			})
		})
	}
}

// move takes the records of the frozen set to a new keychain.
func move(t *testing.T, r *rig) {
	t.Helper()
	r.plan.Store(nil)
	items := storetest.NewFaulty()
	to := store.New(items, store.Identity{Machine: "machine", Instance: "moved"})
	m := &store.Move{From: r.store, FromName: "file", To: to, ToName: "secret-service"}
	if _, err := m.Copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Switch(t.Context()), m.Arrive(t.Context())); err != nil {
		t.Fatal(err)
	}
	r.set.Swap(to)
	if err := m.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Load(t.Context(), "work"); !errors.Is(err, store.ErrMoved) {
		t.Errorf("the store that was left: %v", err)
	}
	r.store, r.items = to, items
}

// A created access key is stored, and a write of unknown outcome settled, before
// keys stand still; where that cannot be, they do not.
func TestAFreezeWaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		answer := r.withholdCreation()
		r.rotate("began")
		var broken atomic.Bool
		broken.Store(true)
		r.plan.Store(new(plan(func(op storetest.Op, _ string) storetest.Fault {
			if op == storetest.Set && broken.Load() {
				return storetest.Refused
			}
			return storetest.OK
		})))
		answer()
		synctest.Wait() // created, and it cannot be stored
		began := time.Now()
		var e *api.Error
		if err := r.set.Freeze(context.Background()); !errors.As(err, &e) || e.Code != "busy" || e.Exit != helper.ExitHeld {
			t.Fatalf("frozen with a created key that is not stored: %v; the key is %+v", err, r.key("work"))
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("that took %s", took)
		}
		time.AfterFunc(10*time.Second, func() { broken.Store(false) })
		if err := r.set.Freeze(context.Background()); err != nil {
			t.Fatal(err)
		}
		if k := r.key("work"); k.Phase != "proving" || k.Next == nil {
			t.Errorf("frozen as %+v", k)
		}
		move(t, r)
		r.set.Thaw()
		r.await("deleted")
	})
}

// What a person must decide first, or nobody can read, is named.
func TestAFreezeRefusesWhatCannotBeMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		r.end()
		var e *api.Error
		set, end := r.open(r.items, "another machine", nil)
		synctest.Wait()
		if err := set.Freeze(context.Background()); !errors.As(err, &e) || e.Code != "held" || e.Exit != helper.ExitHeld || e.Remedy != "awskey resolve work lists the choices" {
			t.Errorf("with a record of another machine: %v", err)
		}
		if _, err := set.Pause(context.Background(), "work"); errors.As(err, &e) && e.Code == "busy" {
			t.Errorf("it stayed frozen: %v", err)
		}
		end()
		d := &oneDown{Items: r.items, name: "work"}
		d.down.Store(true)
		set, end = r.open(d, "machine", nil)
		defer end()
		synctest.Wait()
		if err := set.Freeze(context.Background()); !errors.As(err, &e) || e.Code != "store-denied" || e.Exit != helper.ExitLocked {
			t.Errorf("with a record that cannot be read: %v", err)
		}
	})
}
