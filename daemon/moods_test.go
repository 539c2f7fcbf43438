package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon"
	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// moody is a keychain that is as the test says, before and after it is opened.
type moody struct {
	*storetest.Faulty
	mu   sync.Mutex
	mood error
}

func (m *moody) Close() error { return nil }

func (m *moody) Unlock(context.Context) error { return nil }

func (m *moody) State(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mood
}

// become changes the mood; nil is a good one.
func (m *moody) become(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mood = err
	m.Down(err)
}

func (m *moody) keychains() daemon.Keychains {
	return daemon.Keychains{
		Open: func(ctx context.Context, _ string, _ daemon.KeychainOptions) (daemon.Keychain, error) {
			if err := m.State(ctx); errors.Is(err, store.ErrUnavailable) {
				return nil, err // there is nothing to open; a locked one opens
			}
			return m, nil
		},
		Probe: func(context.Context) []api.Backend { return nil },
	}
}

// The moods of a keychain, with the words that status has for each.
var moods = []struct {
	mood        error
	state, code string
}{
	{fmt.Errorf("%w: the collection is locked; unlock it", store.ErrLocked), "locked", "store-locked"},
	{fmt.Errorf("%w: the prompt was dismissed", store.ErrDenied), "denied", "store-denied"},
	{fmt.Errorf("%w: no answer within 10s", store.ErrHung), "hung", "store-hung"},
	{fmt.Errorf("%w: nobody is on the bus; log in", store.ErrUnavailable), "unavailable", "store-unavailable"},
}

// says insists that status tells of a mood, and what to do about it.
func (h *home) says(state, code string) {
	h.t.Helper()
	s := h.status()
	for _, w := range s.Warnings {
		if w.Code == code && w.Severity == "error" && w.Text != "" && w.Remedy != "" && s.Daemon.Store.State == state {
			return
		}
	}
	h.t.Errorf("status says %q and %+v; want %s, %s and a remedy", s.Daemon.Store.State, s.Warnings, state, code)
}

const moodyHome = `[store]
backend = "file"
[aws]
endpoint_url = %q
[rotation]
every = "1h"
ttl = "2s"
prove = "300ms"
settle = "200ms"
grace = "500ms"
imported_grace = "500ms"
monitor = "300ms"
`

// In every mood the key is handed out, IAM is left alone, status says what is
// wrong, and a good mood ends it all.
func TestMoodsInMidLife(t *testing.T) {
	for _, m := range moods {
		t.Run(m.state, func(t *testing.T) {
			t.Parallel()
			aws, h, chain := newMoody(t)
			h.runWith(chain.keychains())
			ctx := context.Background()
			id, secret := aws.IssueKey("bob")
			if _, err := h.client.Add(ctx, "work", api.AddRequest{AccessKeyID: id, SecretAccessKey: secret}); err != nil {
				t.Fatal(err)
			}
			if s := h.status(); s.Daemon.Store.State != "ready" {
				t.Fatalf("%+v", s)
			}
			chain.become(m.mood)
			h.says(m.state, m.code)
			if _, err := h.client.Rotate(ctx, "work", api.RotateRequest{}); err == nil {
				t.Error("a rotation was begun that nothing can write down")
			}
			if answer, err := h.client.Credentials("work"); err != nil || !strings.Contains(string(answer), id) {
				t.Errorf("handed out: %q, %v", answer, err)
			}
			if keys := aws.Keys("bob"); len(keys) != 1 || keys[0].ID != id {
				t.Errorf("IAM has %+v", keys)
			}
			chain.become(nil)
			if _, err := h.client.Rotate(ctx, "work", api.RotateRequest{}); err != nil {
				t.Fatal(err)
			}
			h.until("the key is rotated", func() bool {
				k, err := h.client.Key(ctx, "work")
				return err == nil && k.AccessKeyID != id
			})
			if s := h.status(); s.Daemon.Store.State != "ready" {
				t.Errorf("%+v", s)
			}
			if err := h.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func newMoody(t *testing.T) (*awstest.Server, *home, *moody) {
	aws := awstest.NewServer(awstest.Options{})
	t.Cleanup(aws.Close)
	aws.CreateUser("bob", "/eng/", awstest.Rotator())
	return aws, newHome(t, fmt.Sprintf(moodyHome, aws.URL)), &moody{Faulty: storetest.NewFaulty()}
}

// The same before anything was read: nobody is served wrongly, everybody is told
// why, and the daemon goes on by itself.
func TestMoodsAtStart(t *testing.T) {
	for _, m := range moods {
		t.Run(m.state, func(t *testing.T) {
			t.Parallel()
			aws, h, chain := newMoody(t)
			ctx := context.Background()
			id, secret := aws.IssueKey("bob")
			h.runWith(chain.keychains())
			if _, err := h.client.Add(ctx, "work", api.AddRequest{AccessKeyID: id, SecretAccessKey: secret}); err != nil {
				t.Fatal(err)
			}
			if err := h.stop(); err != nil {
				t.Fatal(err)
			}

			chain.become(m.mood)
			h.runWith(chain.keychains())
			began := time.Now()
			_, err := h.client.Credentials("work")
			var e *api.Error
			if !errors.As(err, &e) || e.Code != m.code || e.Remedy == "" || e.Exit != 4 {
				t.Errorf("a helper is told %v (%+v)", err, e)
			}
			if d := time.Since(began); d > 4*time.Second {
				t.Errorf("and after %s", d)
			}
			h.says(m.state, m.code)
			chain.become(nil)
			h.until("the key is handed out", func() bool {
				answer, err := h.client.Credentials("work")
				return err == nil && strings.Contains(string(answer), id)
			})
			h.until("status is content", func() bool { return h.status().Daemon.Store.State == "ready" })
			if err := h.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What can befall the record of one key while the daemon is down: the key is
// held, IAM is left alone, and status says what to do.
func TestMoodsOfARecord(t *testing.T) {
	for _, c := range []struct {
		name       string
		befall     func(*moody)
		hold, code string
		served     bool
	}{
		{"emptied", func(m *moody) { m.Poke("work.a", nil); m.Poke("work.b", nil) }, "emptied", "store-emptied", false},
		{"damaged in both slots", func(m *moody) { m.tear("work.a"); m.tear("work.b") }, "store-changed", "record-damaged", false},
		{"damaged in one slot", func(m *moody) { m.tear("work.a") }, "", "", true},
		{"another program's", func(m *moody) {
			m.Poke("work.a", []byte("a stranger's"))
			m.Poke("work.b", []byte("a stranger's"))
		}, "store-changed", "record-damaged", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			aws, h, chain := newMoody(t)
			ctx := context.Background()
			id, secret := aws.IssueKey("bob")
			h.runWith(chain.keychains())
			if _, err := h.client.Add(ctx, "work", api.AddRequest{AccessKeyID: id, SecretAccessKey: secret}); err != nil {
				t.Fatal(err)
			}
			if err := h.stop(); err != nil {
				t.Fatal(err)
			}
			c.befall(chain)
			h.runWith(chain.keychains())
			var k api.Key
			h.until("the record is looked at", func() bool {
				var err error
				k, err = h.client.Key(ctx, "work")
				return err == nil && (k.Hold == nil) == (c.hold == "")
			})
			if c.hold != "" {
				if k.Hold.Code != c.hold {
					t.Errorf("held: %+v", k.Hold)
				}
				h.says("ready", c.code)
				if _, err := h.client.Rotate(ctx, "work", api.RotateRequest{}); err == nil {
					t.Error("a rotation was begun")
				}
			}
			if answer, err := h.client.Credentials("work"); (err == nil && strings.Contains(string(answer), id)) != c.served {
				t.Errorf("handed out: %q, %v", answer, err)
			}
			if keys := aws.Keys("bob"); len(keys) != 1 || keys[0].ID != id || keys[0].Status != "Active" {
				t.Errorf("IAM has %+v", keys)
			}
			if err := h.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// tear leaves half of an item, as a crash of the machine does.
func (m *moody) tear(item string) {
	data, _ := m.Peek(item)
	m.Poke(item, data[:len(data)/2])
}
