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
)

// newCarol is a rig with the key boss, whose user may make access keys for the
// user carol, who has none.
func newCarol(t *testing.T) *rig {
	r := newRig(t)
	r.aws.drop(first)
	r.aws.user("boss", bossID)
	r.aws.user("carol", "")
	r.aws.manages = "boss"
	r.addBoss("boss")
	return r
}

func (r *rig) create(name, user, with string) (api.AddResult, error) {
	return r.set.Add(context.Background(), name, api.AddRequest{Create: &api.CreateRequest{User: user, With: with}})
}

// born expects carol's key to be served with the one version that IAM has.
func (r *rig) born(ids ...string) {
	r.t.Helper()
	k := r.key("carol")
	if k.Phase != "steady" || k.AccessKeyID == "" || k.UserARN != "arn:aws:iam::123456789012:user/carol" || k.Next != nil || k.Previous != nil {
		r.t.Errorf("carol is %+v", k)
	}
	b, err := r.set.Credentials("carol")
	if err != nil || !strings.Contains(string(b), `"AccessKeyId":"`+k.AccessKeyID+`"`) || !strings.Contains(string(b), "the secret of "+k.AccessKeyID) {
		r.t.Errorf("handed out: %d bytes, %v", len(b), err)
	}
	if got := r.aws.ids(); !slices.Equal(got, append([]string{bossID}, ids...)) || !slices.Contains(ids, k.AccessKeyID) {
		r.t.Errorf("IAM has %v, and %s is current", got, k.AccessKeyID)
	}
}

// TestCreate makes a user's first access key straight into the store. Nothing is
// handed out before it is proved, and it then rotates like any other.
func TestCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCarol(t)
		defer func() { r.end() }()
		added, err := r.create("carol", "carol", "boss")
		if err != nil || added.Already || added.Key.AccessKeyID != "" || added.Key.UserARN == "" {
			t.Fatalf("%+v %v", added, err)
		}
		var e *api.Error
		for _, event := range []string{"began", "created"} {
			r.await(event)
			if b, err := r.set.Credentials("carol"); !errors.As(err, &e) || e.Exit != helper.ExitHeld || e.Remedy == "" {
				t.Errorf("after %s: %d bytes, %v", event, len(b), err)
			}
		}
		for _, refused := range []func() error{
			func() error { _, err := r.set.Rollback(context.Background(), "carol"); return err },
			func() error {
				_, err := r.set.Rotate(context.Background(), "carol", api.RotateRequest{Leaked: true})
				return err
			},
			func() error { _, err := r.set.Rotate(context.Background(), "carol", api.RotateRequest{}); return err },
		} {
			if err := refused(); !errors.As(err, &e) || e.Exit != helper.ExitHeld {
				t.Errorf("of a key that is being made: %v", err)
			}
		}
		if e := r.await("made"); e.AccessKeyID != second {
			t.Errorf("told %+v", e)
		}
		r.born(second)
		if due := r.key("carol").DueAt; due == nil || due.Before(time.Now().Add(defaults.Every-time.Minute)) {
			t.Errorf("the first rotation is due %v", due)
		}
		r.aws.mu.Lock()
		r.aws.saw = func(user string, a rotation.Action) {
			if user == "carol" && r.aws.ownerOf(a.Signer.ID) != "carol" {
				t.Errorf("%s is signed by %s", a.Do, a.Signer.ID)
			}
		}
		r.aws.mu.Unlock()
		if _, err := r.set.Rotate(context.Background(), "carol", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		r.await("deleted")
		r.born(third)
	})
}

// TestCreateBesideAnotherKey: what the user has already is nobody's business,
// unless there is no room.
func TestCreateBesideAnotherKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCarol(t)
		defer func() { r.end() }()
		r.aws.user("carol", "AKIACAROL00000000000")
		if _, err := r.create("carol", "carol", "boss"); err != nil {
			t.Fatal(err)
		}
		r.await("made")
		r.born("AKIACAROL00000000000", second)
	})
}

func TestWhatCreateRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCarol(t)
		defer func() { r.end() }()
		r.aws.user("dave", "AKIADAVE000000000000")
		r.aws.user("erin", "AKIAERIN000000000000")
		r.aws.user("erin", "AKIAERIN000000000001")
		if _, err := r.set.Add(context.Background(), "dave", api.AddRequest{AccessKeyID: "AKIADAVE000000000000", SecretAccessKey: "the secret of AKIADAVE000000000000"}); err != nil {
			t.Fatal(err)
		}
		before := r.aws.ids()
		answer := func(result rotation.Result) func(rotation.Action) *rotation.Outcome {
			return func(rotation.Action) *rotation.Outcome { return &rotation.Outcome{Result: result, Text: "AWS's words"} }
		}
		for _, c := range []struct {
			name, user, with, endpoint string
			fail                       func(rotation.Action) *rotation.Outcome
			exit                       int
			code                       string
		}{
			{"../carol", "carol", "boss", "", nil, helper.ExitUsage, "bad-name"},
			{"boss", "carol", "boss", "", nil, helper.ExitRefused, "name-taken"},
			{"carol", "carol", "nobody", "", nil, helper.ExitUnknown, "no-such-key"},
			{"carol", "carol", "boss", "https://iam.example.com", nil, helper.ExitRefused, "other-endpoint"},
			{"carol", "nobody", "boss", "", nil, helper.ExitAWS, "no-such-user"},
			{"carol", "carol", "dave", "", nil, helper.ExitAWS, "not-allowed"},
			{"carol", "boss", "boss", "", nil, helper.ExitRefused, "same-user"},
			{"carol", "", "boss", "", nil, helper.ExitRefused, "same-user"},
			{"carol", "dave", "boss", "", nil, helper.ExitRefused, "user-held"},
			{"carol", "erin", "boss", "", nil, helper.ExitAWS, "full"},
			{"carol", "carol", "boss", "", answer(rotation.Refused), helper.ExitAWS, "key-refused"},
			{"carol", "carol", "boss", "", answer(rotation.Denied), helper.ExitAWS, "not-allowed"},
			{"carol", "carol", "boss", "", answer(rotation.Throttled), helper.ExitFailed, ""},
			{"carol", "carol", "boss", "", answer(rotation.NotSent), helper.ExitFailed, "aws-unreachable"},
		} {
			r.aws.meddle(c.fail)
			r.endpoint.Store(&c.endpoint)
			_, err := r.create(c.name, c.user, c.with)
			var e *api.Error
			if !errors.As(err, &e) || e.Exit != c.exit || c.code != "" && e.Code != c.code || e.Remedy == "" || e.Message == "" {
				t.Errorf("%s with %s: %v, want %s", c.user, c.with, err, c.code)
			}
		}
		r.aws.meddle(nil)
		r.endpoint.Store(new(""))
		time.Sleep(time.Hour)
		if ids := r.aws.ids(); !slices.Equal(ids, before) || len(r.set.List()) != 2 {
			t.Errorf("IAM has %v, the store %+v", ids, r.set.List())
		}
		r.items.Down(store.ErrLocked)
		var e *api.Error
		if _, err := r.create("carol", "carol", "boss"); !errors.As(err, &e) || e.Exit != helper.ExitLocked {
			t.Errorf("with a locked store: %v", err)
		}
		if ids := r.aws.ids(); !slices.Equal(ids, before) {
			t.Errorf("IAM has %v", ids)
		}
	})
}

// TestACrashDuringCreate ends the daemon after each call to AWS, and after each
// write. It always ends with one access key that works.
func TestACrashDuringCreate(t *testing.T) {
	crashed := 0
	for at := 1; at == crashed+1; at++ {
		synctest.Test(t, func(t *testing.T) {
			r := newCarol(t)
			defer func() { r.end() }()
			r.aws.mu.Lock()
			calls := 0
			r.aws.saw = func(user string, _ rotation.Action) {
				if user == "carol" {
					calls++
				}
			}
			r.aws.mu.Unlock()
			if _, err := r.create("carol", "carol", "boss"); err != nil {
				t.Fatal(err)
			}
			for began := time.Now(); r.key("carol").Phase != "steady" || r.key("carol").AccessKeyID == ""; {
				r.aws.mu.Lock()
				now := calls >= at && crashed < at
				r.aws.mu.Unlock()
				if now {
					r.end()
					r.start()
					synctest.Wait()
					crashed = at
				}
				if time.Sleep(100 * time.Millisecond); time.Since(began) > 60*24*time.Hour {
					t.Fatalf("call %d: never made: %+v", at, r.key("carol"))
				}
			}
			r.born(r.key("carol").AccessKeyID)
		})
	}
	if crashed < 5 || crashed > 1000 {
		t.Errorf("it made %d calls", crashed)
	}
	for at := range 16 {
		synctest.Test(t, func(t *testing.T) {
			r := newCarol(t)
			defer func() { r.end() }()
			if _, err := r.create("carol", "carol", "boss"); err != nil {
				t.Fatal(err)
			}
			r.items.CrashAfter(at)
			time.Sleep(time.Minute)
			r.aws.meddle(func(rotation.Action) *rotation.Outcome { // nobody sends anything any more
				return &rotation.Outcome{Result: rotation.NotSent, Text: "the program is dead by now"}
			})
			r.end()
			r.aws.meddle(nil)
			r.items.Restart()
			r.start()
			synctest.Wait()
			for began := time.Now(); r.key("carol").Phase != "steady" || r.key("carol").AccessKeyID == ""; {
				if time.Sleep(time.Minute); time.Since(began) > 60*24*time.Hour {
					t.Fatalf("write %d: never made: %+v", at, r.key("carol"))
				}
			}
			r.born(r.key("carol").AccessKeyID)
		})
	}
}

// TestALostAnswerToTheFirstCreate leaves an orphan, which is ended as any other;
// then a good key is made.
func TestALostAnswerToTheFirstCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCarol(t)
		defer func() { r.end() }()
		r.loseNextCreate()
		if _, err := r.create("carol", "carol", "boss"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if e := r.await("orphan"); e.AccessKeyID != second {
			t.Errorf("told %+v", e)
		}
		if p := r.key("carol").Previous; p == nil || p.AccessKeyID != second || p.Status != "Active" {
			t.Errorf("the orphan is shown as %+v", p)
		}
		time.Sleep(23 * time.Hour)
		if !r.aws.active()[second] {
			t.Errorf("after %s it is not left alone", time.Since(began))
		}
		r.await("made")
		r.born(third)
	})
}

// TestTheFirstVersionNeverProves: it is given up, tried again later, and at
// last a person is asked.
func TestTheFirstVersionNeverProves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCarol(t)
		defer func() { r.end() }()
		r.aws.mu.Lock()
		r.aws.settle = 10000 * time.Hour
		r.aws.keys[bossID].created = time.Now().Add(-20000 * time.Hour)
		r.aws.mu.Unlock()
		if _, err := r.create("carol", "carol", "boss"); err != nil {
			t.Fatal(err)
		}
		r.await("held")
		r.held("carol", "never-proves")
		if ids := r.aws.ids(); !slices.Equal(ids, []string{bossID}) {
			t.Errorf("IAM has %v", ids)
		}
		var e *api.Error
		if _, err := r.set.Credentials("carol"); !errors.As(err, &e) || e.Exit != helper.ExitHeld {
			t.Errorf("handed out: %v", err)
		}
		r.aws.mu.Lock()
		made := r.aws.made
		r.aws.settle = 10 * time.Second
		r.aws.mu.Unlock()
		if made != 4 {
			t.Errorf("%d were made", made)
		}
		if _, err := r.set.Resolve(context.Background(), "carol", api.ResolveRequest{Choice: "retry"}); err != nil {
			t.Fatal(err)
		}
		r.await("made")
		r.born("AKIAMADE000000000005")
	})
}

// TestUsers lists whom a key's user may make keys for.
func TestUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCarol(t)
		defer func() { r.end() }()
		users, err := r.set.Users(context.Background(), "boss")
		if err != nil || !slices.Equal(users.Names, []string{"bob", "boss", "carol"}) {
			t.Errorf("%v %v", users, err)
		}
		r.aws.mu.Lock()
		r.aws.manages = ""
		r.aws.mu.Unlock()
		var e *api.Error
		if _, err := r.set.Users(context.Background(), "boss"); !errors.As(err, &e) || e.Exit != helper.ExitAWS {
			t.Errorf("not allowed: %v", err)
		}
		if _, err := r.set.Users(context.Background(), "nobody"); !errors.As(err, &e) || e.Exit != helper.ExitUnknown {
			t.Errorf("of an unknown key: %v", err)
		}
	})
}
