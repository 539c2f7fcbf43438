package keys_test

import (
	"context"
	"errors"
	"maps"
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

// eject gives the key work out, and sees that what came is what works and what
// is handed out.
func (r *rig) eject() api.Ejected {
	r.t.Helper()
	began := time.Now()
	out, err := r.set.Eject(context.Background(), "work")
	if err != nil {
		r.t.Fatal(err)
	}
	if took := time.Since(began); took > 40*time.Second {
		r.t.Errorf("it took %s", took)
	}
	if !out.Key.Paused || out.Key.Name != "work" {
		r.t.Errorf("the key stands as %+v", out.Key)
	}
	if !r.aws.sign(out.AccessKeyID, out.SecretAccessKey) {
		r.t.Errorf("%s was given out, which does not work", out.AccessKeyID)
	}
	if l := r.lease(); l.AccessKeyId != out.AccessKeyID || l.SecretAccessKey != out.SecretAccessKey {
		r.t.Errorf("%s is handed out and %s was given out", l.AccessKeyId, out.AccessKeyID)
	}
	return out
}

// In every phase: the current version comes out, what nobody was given is
// deleted, all other ids are named, and from then on nothing in IAM changes, not
// under another process either.
func TestEjectInEveryPhase(t *testing.T) {
	away := func(a rotation.Action) *rotation.Outcome {
		return &rotation.Outcome{Result: rotation.NotSent, Text: "no network"}
	}
	for name, c := range map[string]struct {
		reach   func(r *rig)
		current string
		left    []string
		iam     map[string]bool // active or not
		phase   string
	}{
		"steady": {func(*rig) {}, first, nil, map[string]bool{first: true}, "steady"},
		"asked for, without network": {func(r *rig) {
			r.aws.meddle(away)
			if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
				r.t.Fatal(err)
			}
		}, first, nil, map[string]bool{first: true}, "steady"},
		"paused by a person": {func(r *rig) {
			if _, err := r.set.Pause(context.Background(), "work"); err != nil {
				r.t.Fatal(err)
			}
		}, first, nil, map[string]bool{first: true}, "steady"},
		"creating":                      {func(r *rig) { r.rotate("began") }, first, nil, map[string]bool{first: true}, "steady"},
		"proving":                       {func(r *rig) { r.rotate("created") }, first, nil, map[string]bool{first: true}, "steady"},
		"proving, without network":      {func(r *rig) { r.rotate("created"); r.aws.meddle(away) }, first, []string{second}, map[string]bool{first: true, second: true}, "deleting"},
		"proving, and paused":           {func(r *rig) { r.rotate("created"); must(r.set.Pause(context.Background(), "work")) }, first, []string{second}, map[string]bool{first: true, second: true}, "proving"},
		"stopped while it was proved":   {func(r *rig) { r.rotate("created"); r.rollback() }, first, nil, map[string]bool{first: true}, "steady"},
		"draining":                      {func(r *rig) { r.rotate("switched") }, second, []string{first}, map[string]bool{first: true, second: true}, "draining"},
		"monitoring":                    {func(r *rig) { r.rotate("deactivated") }, second, []string{first}, map[string]bool{first: false, second: true}, "monitoring"},
		"going back":                    {func(r *rig) { r.rotate("deactivated"); time.Sleep(time.Hour); r.rollback(); r.await("rolling-back") }, second, []string{first}, nil, "proving"},
		"back":                          {func(r *rig) { r.rotate("switched"); time.Sleep(time.Hour); r.rollback(); r.await("rolled-back") }, first, []string{second}, map[string]bool{first: true, second: true}, "held"},
		"steady with a made key":        {func(r *rig) { r.rotate("deleted") }, second, nil, map[string]bool{second: true}, "steady"},
		"held, since policy forbids it": {func(r *rig) { r.rotate("created"); r.aws.meddle(denied); r.rollbackTo("keep"); r.await("held") }, first, []string{second}, map[string]bool{first: true, second: true}, "held"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				c.reach(r)
				out := r.eject()
				slices.Sort(out.LeftInIAM)
				if out.AccessKeyID != c.current || !slices.Equal(out.LeftInIAM, c.left) || out.Key.Phase != c.phase {
					t.Errorf("%s came out in %s, and %v are left", out.AccessKeyID, out.Key.Phase, out.LeftInIAM)
				}
				r.aws.meddle(nil)
				stands := r.aws.active()
				if c.iam != nil && !maps.Equal(stands, c.iam) {
					t.Errorf("IAM has %v", stands)
				}
				for range 2 {
					if again := r.eject(); again.AccessKeyID != out.AccessKeyID || again.SecretAccessKey != out.SecretAccessKey {
						t.Errorf("asked again, %s comes out", again.AccessKeyID)
					}
					time.Sleep(20 * 24 * time.Hour)
					if now := r.aws.active(); !maps.Equal(now, stands) {
						t.Errorf("after twenty days IAM has %v, and had %v", now, stands)
					}
					r.end()
					r.start()
				}
				gone, err := r.set.Remove(context.Background(), "work", api.RemoveRequest{Force: true})
				if err != nil || !slices.Contains(gone.LeftInIAM, out.AccessKeyID) || len(gone.LeftInIAM) != 1+len(c.left) {
					t.Errorf("removed: %v %v", gone, err)
				}
			})
		})
	}
}

// denied is what AWS says where a policy forbids all that changes IAM.
func denied(a rotation.Action) *rotation.Outcome {
	if a.Do == rotation.Prove || a.Do == rotation.Check {
		return nil
	}
	return &rotation.Outcome{Result: rotation.Denied, Text: "not authorized"}
}

func must(_ api.Key, err error) {
	if err != nil {
		panic(err)
	}
}

func (r *rig) rollbackTo(choice string) {
	r.rollback()
	r.resolve(choice)
}

// Should the key stay after all, the version that was given out is spared like an
// imported one.
func TestAnEjectedVersionHasTheGraceOfAnImportedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.rotate("deleted")
		if out := r.eject(); out.AccessKeyID != second {
			t.Fatal(out.AccessKeyID)
		}
		r.end()
		r.start()
		must(r.set.Resume(context.Background(), "work"))
		r.rotate("switched")
		if p := r.key("work").Previous; p == nil || p.AccessKeyID != second || p.DeactivateAt.Before(time.Now().Add(defaults.ImportedGrace-time.Hour)) {
			t.Errorf("on its way out: %+v", p)
		}
		r.await("deleted")
		r.ends(map[string]bool{third: true})
	})
}

// A record that cannot be written gives nothing out, and one whose secret was
// just made is stored first.
func TestEjectGivesNothingOutUnwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		refused := func(exit int, word string) {
			t.Helper()
			out, err := r.set.Eject(context.Background(), "work")
			e, ok := errors.AsType[*api.Error](err)
			if !ok || e.Exit != exit || !strings.Contains(e.Error(), word) || out.SecretAccessKey != "" {
				t.Errorf("%v, want exit %d and %q", err, exit, word)
			}
		}
		r.items.Down(store.ErrLocked)
		refused(helper.ExitLocked, "locked")
		if r.key("work").Paused {
			t.Error("it is paused all the same")
		}
		r.items.Down(nil)
		answer := r.withholdCreation()
		r.rotate("began")
		p := plan(func(op storetest.Op, item string) storetest.Fault {
			if op == storetest.Set {
				return storetest.Refused
			}
			return storetest.OK
		})
		r.plan.Store(&p)
		answer()
		time.Sleep(time.Second)
		refused(helper.ExitHeld, "in the middle of a step")
		r.plan.Store(nil)
		time.Sleep(time.Minute)
		if out := r.eject(); out.AccessKeyID != first || len(out.LeftInIAM) > 0 {
			t.Errorf("%+v", out.LeftInIAM)
		}
		r.ends(map[string]bool{first: true})
	})
}

// A key whose first version is still being made has nothing to give, and one that
// another machine may be rotating waits for a person's word.
func TestEjectRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newOffice(t)
		defer func() { r.end() }()
		r.addBoss("boss")
		r.aws.user("carol", "")
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			if a.Do == rotation.Create {
				return &rotation.Outcome{Result: rotation.NotSent, Text: "no network"}
			}
			return nil
		})
		if _, err := r.set.Add(context.Background(), "carol", api.AddRequest{Create: &api.CreateRequest{User: "carol", With: "boss"}}); err != nil {
			t.Fatal(err)
		}
		var e *api.Error
		if _, err := r.set.Eject(context.Background(), "carol"); !errors.As(err, &e) || e.Exit != helper.ExitHeld || !strings.Contains(e.Message, "first access key") {
			t.Errorf("an unborn key: %v", err)
		}
		if _, err := r.set.Eject(context.Background(), "nobody"); !errors.As(err, &e) || e.Exit != helper.ExitUnknown {
			t.Errorf("no key: %v", err)
		}
		r.end()
		elsewhere := store.New(r.items, store.Identity{Machine: "elsewhere", Instance: "other"})
		rec, err := elsewhere.Load(context.Background(), "work")
		if err == nil {
			err = elsewhere.TakeOver(context.Background(), "work", rec.Payload)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.start()
		if out, err := r.set.Eject(context.Background(), "work"); !errors.As(err, &e) || e.Exit != helper.ExitHeld || !strings.Contains(e.Message, "another machine") || out.SecretAccessKey != "" {
			t.Errorf("another machine's: %v", err)
		}
	})
}
