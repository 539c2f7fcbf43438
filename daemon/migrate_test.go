package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon"
	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// two are two keychains in memory that are both here.
type two struct {
	file, service *storetest.Faulty
	away          atomic.Pointer[string] // the one that cannot be opened
	plan          atomic.Pointer[func(in string, op storetest.Op, item string) storetest.Fault]
}

func newTwo() *two {
	w := &two{file: storetest.NewFaulty(), service: storetest.NewFaulty()}
	w.away.Store(new(""))
	for name, f := range map[string]*storetest.Faulty{"file": w.file, "secret-service": w.service} {
		f.Plan = func(op storetest.Op, item string) storetest.Fault {
			if p := w.plan.Load(); p != nil {
				return (*p)(name, op, item)
			}
			return storetest.OK
		}
	}
	return w
}

type faulty struct{ *storetest.Faulty }

func (faulty) Close() error { return nil }

func (faulty) Unlock(context.Context) error { return nil }

func (w *two) keychains() daemon.Keychains {
	return daemon.Keychains{
		Open: func(_ context.Context, backend string, _ daemon.KeychainOptions) (daemon.Keychain, error) {
			if backend == *w.away.Load() {
				return nil, fmt.Errorf("%w: it is not there; start it", store.ErrUnavailable)
			}
			if backend == "file" {
				return faulty{w.file}, nil
			}
			return faulty{w.service}, nil
		},
		Probe: func(context.Context) []api.Backend {
			return []api.Backend{
				{Name: "secret-service", Available: *w.away.Load() != "secret-service", Text: "a keyring"},
				{Name: "file", Available: *w.away.Load() != "file", Text: "a file"},
			}
		},
	}
}

// moving is a home with two keychains and one key that rotates all the while.
type moving struct {
	*home
	w   *two
	aws *awstest.Server
	id  string
}

func newMoving(t *testing.T) *moving {
	aws := awstest.NewServer(awstest.Options{})
	t.Cleanup(aws.Close)
	aws.CreateUser("bob", "", awstest.Rotator())
	id, secret := aws.IssueKey("bob")
	m := &moving{home: newHome(t, "# mine\n"+fmt.Sprintf(fast, aws.URL)), w: newTwo(), aws: aws, id: id}
	m.keychains = m.w.keychains()
	m.run()
	if _, err := m.client.Add(context.Background(), "work", api.AddRequest{AccessKeyID: id, SecretAccessKey: secret}); err != nil {
		t.Fatal(err)
	}
	return m
}

// migrate moves all keys and waits for the end.
func (m *moving) migrate(to string) (state api.Migration, err error) {
	m.t.Helper()
	if state, err = m.client.Migrate(context.Background(), api.MigrateRequest{To: to}); err != nil || state.Step == "done" {
		return state, err
	}
	m.until("the end of the move to "+to, func() bool {
		state, err = m.client.Migration(context.Background())
		return err != nil || state.Step == "done"
	})
	return state, err
}

// ask asks for the key until it is stopped; each answer must hold a secret that
// AWS knows as active.
func (m *moving) ask() (stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	asked := 0
	all.Go(func() {
		for ; ctx.Err() == nil; asked++ {
			b, err := m.client.Credentials("work")
			var lease struct{ AccessKeyId string }
			if err == nil {
				err = json.Unmarshal(b, &lease)
			}
			active := false
			for _, k := range m.aws.Keys("bob") {
				active = active || k.ID == lease.AccessKeyId && k.Status == awstest.Active
			}
			if err != nil || !active {
				m.t.Errorf("request %d: %v, key %s, AWS has %v", asked, err, lease.AccessKeyId, m.aws.Keys("bob"))
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	return func() int { cancel(); all.Wait(); return asked }
}

func (m *moving) rotates() {
	m.t.Helper()
	was := m.status().Keys[0].AccessKeyID
	m.until("another rotation", func() bool { k := m.status().Keys; return len(k) == 1 && k[0].AccessKeyID != was })
}

// in sees where the keys are: in the status, in the configuration, and nowhere else.
func (m *moving) in(backend string) {
	m.t.Helper()
	s := m.status()
	text, err := os.ReadFile(m.env("AWSKEYD_CONFIG"))
	if err != nil || !strings.HasPrefix(string(text), "# mine\n") || !strings.Contains(string(text), fmt.Sprintf("backend = %q\n", backend)) || s.Daemon.Store.Backend != backend || s.Daemon.Store.State != "ready" {
		m.t.Errorf("the keys are in %+v, the configuration says %q (%v); want %s", s.Daemon.Store, text, err, backend)
	}
	left := m.w.file
	if backend == "file" {
		left = m.w.service
	}
	m.until("nothing is left of them elsewhere", func() bool {
		for _, item := range left.List() {
			if !strings.HasPrefix(item, "_") {
				return false
			}
		}
		return true
	})
}

func TestKeysMoveWhileTheyRotateAndAreAskedFor(t *testing.T) {
	m := newMoving(t)
	stop := m.ask()
	for i, to := range []string{"secret-service", "file", "secret-service"} {
		state, err := m.migrate(to)
		if err != nil || state.To != to || state.Keys != 1 || state.Left != "" {
			t.Fatalf("to %s: %+v %v", to, state, err)
		}
		m.in(to)
		if i > 0 {
			m.rotates()
		}
		for _, w := range m.status().Warnings {
			if w.Code != "limits-lifted" {
				t.Errorf("after the move: %+v", w)
			}
		}
	}
	if state, err := m.migrate("secret-service"); err != nil || state.From != "secret-service" || state.Keys != 0 {
		t.Errorf("to where they are: %+v %v", state, err)
	}
	if n := stop(); n < 10 {
		t.Errorf("asked for only %d times", n)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	m.run()
	m.in("secret-service")
	m.rotates()
	events, err := m.client.History(context.Background(), "", 0)
	if err != nil || !strings.Contains(fmt.Sprint(events), "all keys (1) were moved from file to secret-service") {
		t.Errorf("the history: %v %v", events, err)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}

	// The configuration comes back from a backup: refused, and never served.
	m.write(fmt.Sprintf(fast, m.aws.URL))
	m.run()
	var e *api.Error
	m.until("it is refused", func() bool {
		_, err := m.client.Credentials("work")
		return errors.As(err, &e) && e.Code == "store-moved"
	})
	if e.Exit != helper.ExitRefused || e.Message != "cannot open the store file: the keys were moved to secret-service" || !strings.Contains(e.Remedy, `write backend = "secret-service" below [store]`) {
		t.Errorf("%+v", e)
	}
	if s := m.status(); len(s.Keys) > 0 || s.Daemon.Store.State == "ready" {
		t.Errorf("status: %+v", s)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestAMoveThatCannotBeIsRefused(t *testing.T) {
	m := newMoving(t)
	ctx := context.Background()
	want := func(to, code string, exit int) {
		t.Helper()
		var e *api.Error
		if state, err := m.migrate(to); !errors.As(err, &e) || e.Code != code || e.Exit != exit {
			t.Errorf("to %q: %+v %+v; want %s", to, state, err, code)
		}
		if s := m.status(); s.Daemon.Store.Backend != "file" || s.Daemon.Store.State != "ready" {
			t.Errorf("the keys are in %+v", s.Daemon.Store)
		}
	}
	want("floppy", "bad-backend", helper.ExitUsage)
	want("", "bad-backend", helper.ExitUsage)
	m.w.away.Store(new("secret-service"))
	want("secret-service", "store-unavailable", helper.ExitLocked)
	m.w.away.Store(new(""))
	m.write("nonsense")
	want("secret-service", "config", helper.ExitFailed)
	m.write("# mine\n" + fmt.Sprintf(fast, m.aws.URL))
	if err := store.New(m.w.service, store.Identity{Machine: "m", Instance: "i"}).Add(ctx, "private", nil); err != nil {
		t.Fatal(err)
	}
	if state, err := m.client.Migrate(ctx, api.MigrateRequest{To: "secret-service", Check: true}); err != nil || state.Keys != 1 || state.Step != "none" {
		t.Errorf("%+v %v", state, err)
	}
	want("secret-service", "store-changed", helper.ExitHeld) // another machine's
	for _, item := range m.w.service.List() {
		m.w.service.Poke(item, nil)
	}
	m.w.service.Down(store.ErrLocked)
	want("secret-service", "store-locked", helper.ExitLocked)
	m.w.service.Down(nil)
	// Full in the middle of the copy: all that was copied is taken away again.
	var full atomic.Bool
	refuse := func(in string, op storetest.Op, item string) storetest.Fault {
		if in == "secret-service" && item == "work.b" && op == storetest.Set && full.CompareAndSwap(false, true) {
			return storetest.Refused
		}
		return storetest.OK
	}
	m.w.plan.Store(&refuse)
	want("secret-service", "store-locked", helper.ExitLocked)
	m.w.plan.Store(nil)
	m.in("file")
	m.rotates()
	if state, err := m.migrate("secret-service"); err != nil || state.Step != "done" {
		t.Errorf("in the end: %+v %v", state, err)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
}

// The keychain that is left answers no more at the moment of the switch: nobody
// knows which one is in force, the key is handed out all the while, and it goes
// on by itself.
func TestASwitchOfUnknownOutcomeIsSeenThrough(t *testing.T) {
	for _, restart := range []bool{false, true} {
		m := newMoving(t)
		var lost atomic.Int32
		plan := func(in string, op storetest.Op, item string) storetest.Fault {
			// The index of the store that is left is written for the intent, in
			// both slots, and then for the switch.
			if in == "file" && op == storetest.Set && strings.HasPrefix(item, "_index1.") && lost.Add(1) > 2 && lost.Load() < 5 {
				return storetest.Landed
			}
			return storetest.OK
		}
		stop := m.ask()
		m.w.plan.Store(&plan)
		state, err := m.migrate("secret-service")
		var e *api.Error
		if !errors.As(err, &e) || e.Code != "store-hung" || state.Step == "done" {
			t.Fatalf("%+v %v", state, err)
		}
		warned := fmt.Sprint(m.status().Warnings)
		if !strings.Contains(warned, "store-moving error all keys are being moved from file to secret-service") {
			t.Errorf("the warnings are %s", warned)
		}
		if _, err := m.client.Rotate(context.Background(), "work", api.RotateRequest{}); !errors.As(err, &e) || e.Code != "busy" {
			t.Errorf("asked for a rotation meanwhile: %v", err)
		}
		if restart {
			stop()
			if err := m.stop(); err != nil {
				t.Fatal(err)
			}
			m.w.plan.Store(nil)
			m.run()
			stop = m.ask()
		}
		m.until("the keys are in the other store", func() bool { return m.status().Daemon.Store.Backend == "secret-service" })
		m.rotates()
		m.in("secret-service")
		stop()
		if err := m.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// What cannot be cleared now is cleared later, by the next daemon too.
func TestWhatAMoveLeavesBehindIsClearedLater(t *testing.T) {
	m := newMoving(t)
	plan := func(in string, op storetest.Op, item string) storetest.Fault {
		if in == "file" && op == storetest.Remove {
			return storetest.Refused
		}
		return storetest.OK
	}
	m.w.plan.Store(&plan)
	state, err := m.migrate("secret-service")
	if err != nil || state.Step != "done" || !strings.Contains(state.Left, "the store is locked") {
		t.Fatalf("%+v %v", state, err)
	}
	if warned := fmt.Sprint(m.status().Warnings); !strings.Contains(warned, "store-left-behind") {
		t.Errorf("the warnings are %s", warned)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	m.w.away.Store(new("file"))
	m.w.plan.Store(nil)
	m.run()
	m.rotates()
	m.until("it is told", func() bool { return strings.Contains(fmt.Sprint(m.status().Warnings), "store-left-behind") })
	m.w.away.Store(new(""))
	if state, err := m.migrate("secret-service"); err != nil || state.From != "secret-service" { // a person asks again
		t.Fatalf("%+v %v", state, err)
	}
	m.in("secret-service")
	m.until("no warning is left", func() bool { return !strings.Contains(fmt.Sprint(m.status().Warnings), "store-left-behind") })
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
}

// A daemon ends between the switch and the taking over, and the next one finds
// the store that its configuration names locked.
func TestAStoreThatWasLeftIsFollowedOnceItCanBeRead(t *testing.T) {
	m := newMoving(t)
	plan := func(in string, op storetest.Op, item string) storetest.Fault {
		data, _ := m.w.file.Peek("_index1.a")
		if in == "secret-service" && op == storetest.Set && strings.Contains(string(data), " moved ") {
			return storetest.Refused
		}
		return storetest.OK
	}
	m.w.plan.Store(&plan)
	var e *api.Error
	if state, err := m.migrate("secret-service"); !errors.As(err, &e) || e.Code != "store-locked" || state.Step == "done" {
		t.Fatalf("%+v %v", state, err)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	m.w.plan.Store(nil)
	m.w.file.Down(store.ErrLocked)
	m.run()
	m.until("it is locked", func() bool { return m.status().Daemon.Store.State == "locked" })
	m.w.file.Down(nil)
	m.until("the keys are found", func() bool { return m.status().Daemon.Store.Backend == "secret-service" && len(m.status().Keys) == 1 })
	m.rotates()
	m.in("secret-service")
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
}
