package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon"
	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// A daemon ends between the switch and the taking over of a store that only a
// person can open: an unlock finds the keys.
func TestAStoreThatAsksIsFollowedWhenAPersonUnlocks(t *testing.T) {
	m := newMoving(t)
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	opens := m.keychains.Open
	m.keychains.Open = func(ctx context.Context, backend string, o daemon.KeychainOptions) (daemon.Keychain, error) {
		if backend == "secret-service" && !o.Ask {
			return nil, fmt.Errorf("%w: its passphrase is asked for when you say so; type: awskey unlock", store.ErrLocked)
		}
		return opens(ctx, backend, o)
	}
	m.run()
	m.until("the key is there", func() bool { return len(m.status().Keys) == 1 })
	plan := func(in string, op storetest.Op, item string) storetest.Fault {
		data, _ := m.w.file.Peek("_index1.a")
		if in == "secret-service" && op == storetest.Set && strings.Contains(string(data), " moved ") {
			return storetest.Refused
		}
		return storetest.OK
	}
	m.w.plan.Store(&plan)
	var e *api.Error
	if state, err := m.migrate("secret-service"); !errors.As(err, &e) || state.Step == "done" {
		t.Fatalf("%+v %v", state, err)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	m.w.plan.Store(nil)
	m.run()
	m.until("it is locked", func() bool { return m.status().Daemon.Store.State != "ready" })
	if _, err := m.client.Unlock(context.Background()); err != nil {
		t.Errorf("unlock: %v; status %+v %v", err, m.status().Daemon.Store, m.status().Warnings)
	}
	m.stop()
}

// The configuration cannot be written when the keys have arrived: the next start
// finds them all the same.
func TestKeysAreFoundWhereTheConfigurationCouldNotBeChanged(t *testing.T) {
	m := newMoving(t)
	path := m.env("AWSKEYD_CONFIG")
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var editor sync.Mutex
	left := false // the editor has ended: what the daemon clears meanwhile must find the file whole
	plan := func(in string, op storetest.Op, item string) storetest.Fault {
		editor.Lock()
		defer editor.Unlock()
		data, _ := m.w.file.Peek("_index1.a")
		if !left && in == "secret-service" && op == storetest.Set && strings.Contains(string(data), " moved ") {
			os.WriteFile(path, []byte("[store\n"), 0o600) // an editor is at it
		}
		return storetest.OK
	}
	m.w.plan.Store(&plan)
	if _, err := m.migrate("secret-service"); err != nil {
		t.Fatal(err)
	}
	m.w.plan.Store(nil)
	editor.Lock()
	left = true
	err = os.WriteFile(path, was, 0o600)
	editor.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if warned := fmt.Sprint(m.status().Warnings); !strings.Contains(warned, "store-not-named") {
		t.Errorf("the warnings are %s", warned)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	m.run()
	m.until("it has looked", func() bool {
		s := m.status()
		return len(s.Keys) == 1 || s.Daemon.Store.State != "opening" && len(s.Warnings) > 0
	})
	if s := m.status(); s.Daemon.Store.Backend != "secret-service" || len(s.Keys) != 1 {
		t.Errorf("%+v %v", s.Daemon.Store, s.Warnings)
	} else {
		m.rotates()
		m.in("secret-service")
	}
	m.stop()
}

// A person is asked for the passphrase of the store that was chosen just now: a
// lock calls that off, as it does an unlock.
func TestALockEndsAChoiceThatWaitsForAPerson(t *testing.T) {
	h := newHome(t, "")
	asked, over := make(chan struct{}), make(chan struct{})
	h.keychains = daemon.Keychains{
		Open: func(ctx context.Context, _ string, o daemon.KeychainOptions) (daemon.Keychain, error) {
			if !o.Ask {
				return nil, fmt.Errorf("%w: its passphrase is asked for when you say so; type: awskey unlock", store.ErrLocked)
			}
			close(asked)
			select { // as passphrase.Sources does, whose limit is three minutes
			case <-ctx.Done():
			case <-over:
			}
			return nil, fmt.Errorf("%w: nobody answered", store.ErrLocked)
		},
		Probe: func(context.Context) []api.Backend {
			return []api.Backend{{Name: "file", Available: true, Text: "here"}}
		},
	}
	h.run()
	go h.client.Choose(context.Background(), api.ChooseRequest{Backend: "file"})
	<-asked
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if s, err := h.client.Lock(ctx); err != nil {
		t.Errorf("lock: %+v %v", s, err)
	}
	close(over)
	h.stop()
}

// What is left in a store that only a person can open is cleared when one asks.
func TestWhatIsLeftInAStoreThatAsksIsCleared(t *testing.T) {
	m := newMoving(t)
	plan := func(in string, op storetest.Op, item string) storetest.Fault {
		if in == "file" && op == storetest.Remove {
			return storetest.Refused
		}
		return storetest.OK
	}
	m.w.plan.Store(&plan)
	if state, err := m.migrate("secret-service"); err != nil || state.Left == "" {
		t.Fatalf("%+v %v", state, err)
	}
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	m.w.plan.Store(nil)
	opens := m.keychains.Open
	m.keychains.Open = func(ctx context.Context, backend string, o daemon.KeychainOptions) (daemon.Keychain, error) {
		if backend == "file" && !o.Ask {
			return nil, fmt.Errorf("%w: its passphrase is asked for when you say so; type: awskey unlock", store.ErrLocked)
		}
		return opens(ctx, backend, o)
	}
	m.run()
	m.until("it is told", func() bool { return strings.Contains(fmt.Sprint(m.status().Warnings), "store-left-behind") })
	t.Log(m.status().Warnings)
	if _, err := m.client.Unlock(context.Background()); err != nil {
		t.Error(err)
	}
	if state, err := m.migrate("secret-service"); err != nil { // a person asks again
		t.Fatalf("%+v %v", state, err)
	}
	m.in("secret-service")
	m.stop()
}

func TestAStoreThatStaysLockedIsLoggedOnce(t *testing.T) {
	h := newHome(t, "[store]\nbackend = \"file\"\n")
	tries := make(chan struct{}, 100)
	h.keychains = daemon.Keychains{
		Open: func(context.Context, string, daemon.KeychainOptions) (daemon.Keychain, error) {
			tries <- struct{}{}
			return nil, fmt.Errorf("%w: its passphrase is asked for when you say so; type: awskey unlock", store.ErrLocked)
		},
		Probe: func(context.Context) []api.Backend { return nil },
	}
	h.run()
	for range 3 {
		<-tries
	}
	h.stop()
	files, _ := filepath.Glob(filepath.Join(h.env("AWSKEYD_STATE"), "*"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		if n := strings.Count(string(text), "cannot open the store"); n > 1 {
			t.Errorf("%s says it %d times", f, n)
		}
	}
}
