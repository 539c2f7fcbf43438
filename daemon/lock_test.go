package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// guarded is a keychain behind a prompt: it opens unasked where asking is false,
// else when a person answers.
type guarded struct {
	*storetest.Memory
	answers chan error // what the person says to each prompt
	prompts atomic.Int64
	asked   atomic.Int64 // openings with a person there
	unasked atomic.Int64
	closed  atomic.Int64
}

func (g *guarded) Unlock(ctx context.Context) error {
	g.prompts.Add(1)
	select {
	case err := <-g.answers:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *guarded) Close() error { g.closed.Add(1); return nil }

func (g *guarded) keychains() daemon.Keychains {
	return daemon.Keychains{
		Open: func(_ context.Context, _ string, o daemon.KeychainOptions) (daemon.Keychain, error) {
			if o.Ask {
				g.asked.Add(1)
			} else {
				g.unasked.Add(1)
			}
			return g, nil
		},
		Probe: func(context.Context) []api.Backend {
			return []api.Backend{{Name: "file", Available: true, Text: "here"}}
		},
	}
}

// lockable is a home with one key over a guarded keychain.
func lockable(t *testing.T, settings string) (*home, *guarded, *awstest.Server) {
	t.Helper()
	return lockableOn(t, settings, "unix:path=/nonexistent")
}

// lockableOn is lockable with a system bus.
func lockableOn(t *testing.T, settings, bus string) (*home, *guarded, *awstest.Server) {
	t.Helper()
	aws := awstest.NewServer(awstest.Options{})
	t.Cleanup(aws.Close)
	aws.CreateUser("bob", "", awstest.Rotator())
	id, secret := aws.IssueKey("bob")
	h := newHome(t, fmt.Sprintf(settings, aws.URL))
	g := &guarded{Memory: storetest.NewMemory(), answers: make(chan error, 8)}
	h.keychains, h.bus = g.keychains(), bus
	h.run()
	if _, err := h.client.Add(context.Background(), "work", api.AddRequest{AccessKeyID: id, SecretAccessKey: secret}); err != nil {
		t.Fatal(err)
	}
	return h, g, aws
}

// slow is fast, but nothing is due.
var slow = strings.ReplaceAll(fast, `every = "200ms"`, `every = "1h"`)

func locked(t *testing.T, what string, err error) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Exit != helper.ExitLocked || e.Code != "locked" || e.Error() != "locked; type: awskey unlock" {
		t.Errorf("%s: %v", what, err)
	}
}

func TestALockLastsUntilAPersonEndsIt(t *testing.T) {
	h, g, aws := lockable(t, fast)
	ctx := context.Background()
	s, err := h.client.Lock(ctx)
	if err != nil || s != (api.Store{Backend: "file", State: "locked"}) {
		t.Fatalf("lock: %+v %v", s, err)
	}
	calls := len(aws.Calls())
	refused := func(when string) {
		t.Helper()
		began := time.Now()
		_, err := h.client.Credentials("work")
		locked(t, when+", a helper", err)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s, a helper is told after %v", when, took)
		}
		_, err = h.client.Rotate(ctx, "work", api.RotateRequest{})
		locked(t, when+", rotate", err)
		_, err = h.client.Add(ctx, "other", api.AddRequest{AccessKeyID: "AKIAOTHER00000000000", SecretAccessKey: "secretsecretsecret"})
		locked(t, when+", add", err)
		st := h.status()
		if st.Daemon.Store != (api.Store{Backend: "file", State: "locked"}) || len(st.Warnings) != 1 || st.Warnings[0].Code != "locked" || st.Warnings[0].Remedy != "awskey unlock" {
			t.Errorf("%s, status: %+v", when, st)
		}
	}
	refused("after lock")
	if _, err := h.client.Lock(ctx); err != nil {
		t.Errorf("a second lock: %v", err)
	}
	if g.closed.Load() != 1 || g.unasked.Load() != 1 {
		t.Errorf("the keychain was closed %d times and opened %d times", g.closed.Load(), g.unasked.Load())
	}

	// Whatever begins after this process has died is locked.
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.run()
	refused("in another process")
	if g.unasked.Load() != 1 || g.prompts.Load() != 0 {
		t.Error("the keychain was opened without a person's word")
	}

	// The prompt is dismissed; then it is answered.
	g.answers <- fmt.Errorf("%w: the prompt was dismissed", store.ErrDenied)
	var e *api.Error
	if _, err := h.client.Unlock(ctx); !errors.As(err, &e) || e.Exit != helper.ExitLocked || e.Code != "store-denied" || !strings.Contains(e.Message, "the prompt was dismissed") {
		t.Errorf("a dismissed prompt: %v", err)
	}
	refused("after a dismissed prompt")
	if now := len(aws.Calls()); now != calls {
		t.Errorf("AWS was asked %d times while the store was locked", now-calls)
	}
	g.answers <- nil
	if s, err := h.client.Unlock(ctx); err != nil || s.State != "ready" {
		t.Fatalf("unlock: %+v %v", s, err)
	}
	if _, err := h.client.Credentials("work"); err != nil {
		t.Errorf("after unlock, a helper: %v", err)
	}
	if g.asked.Load() != 2 || g.prompts.Load() != 2 {
		t.Errorf("opened %d times and asked %d times upon two words", g.asked.Load(), g.prompts.Load())
	}
	h.until("the rotation goes on", func() bool { return len(aws.Calls()) > calls })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.run() // and the lock is over for every process
	if _, err := h.client.Credentials("work"); err != nil {
		t.Errorf("after unlock, in another process: %v", err)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.no("the prompt", g.prompts.Load() != 2)
}

func (h *home) no(what string, true bool) {
	h.t.Helper()
	if true {
		h.t.Errorf("%s came without a person's word", what)
	}
}

func TestAnUnlockThatNobodyAnswers(t *testing.T) {
	h, g, _ := lockable(t, slow)
	defer func() {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.Background()
	if _, err := h.client.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	given := make(chan error, 1)
	wait := func(n int64) {
		h.until("the prompt", func() bool { return g.prompts.Load() == n })
	}
	unlock := func(ctx context.Context) { go func() { _, err := h.client.Unlock(ctx); given <- err }() }

	// Ctrl-C takes the prompt away.
	once, cancel := context.WithCancel(ctx)
	unlock(once)
	wait(1)
	var e *api.Error
	if _, err := h.client.Unlock(ctx); !errors.As(err, &e) || e.Code != "busy" || e.Exit != helper.ExitHeld {
		t.Errorf("a second unlock beside the first: %v", err)
	}
	if s := h.status(); s.Daemon.Store.State != "locked" {
		t.Errorf("status during the prompt: %+v", s)
	}
	cancel()
	if err := <-given; !errors.As(err, &e) || e.Code != "cancelled" {
		t.Errorf("Ctrl-C: %v", err)
	}
	// So does a lock.
	h.until("the first is over", func() bool { return g.closed.Load() == 2 })
	unlock(ctx)
	wait(2)
	if _, err := h.client.Lock(ctx); err != nil {
		t.Errorf("a lock beside the prompt: %v", err)
	}
	if err := <-given; !errors.As(err, &e) || e.Code != "given-up" || e.Exit != helper.ExitLocked {
		t.Errorf("the unlock that a lock called off: %v", err)
	}
	_, err := h.client.Credentials("work")
	locked(t, "afterwards", err)
}

// TestALockWaitsForACreatedKey: CreateAccessKey has answered, and its secret is
// in memory alone.
func TestALockWaitsForACreatedKey(t *testing.T) {
	h, g, aws := lockable(t, slow)
	defer func() {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.Background()
	created, answer := make(chan struct{}), make(chan struct{})
	aws.SetHook(func(_ context.Context, m awstest.Moment, call awstest.Call) {
		if m == awstest.Executed && call.Action == "CreateAccessKey" {
			close(created)
			<-answer
		}
	})
	if _, err := h.client.Rotate(ctx, "work", api.RotateRequest{}); err != nil {
		t.Fatal(err)
	}
	<-created
	done := make(chan error, 1)
	go func() { _, err := h.client.Lock(ctx); done <- err }()
	h.until("helpers are refused", func() bool { _, err := h.client.Credentials("work"); return err != nil })
	_, err := h.client.Credentials("work")
	locked(t, "meanwhile", err)
	select {
	case err := <-done:
		t.Fatalf("the lock did not wait: %v", err)
	default:
	}
	close(answer)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	g.answers <- nil
	if _, err := h.client.Unlock(ctx); err != nil {
		t.Fatal(err)
	}
	k, err := h.client.Key(ctx, "work")
	if err != nil || k.Phase != "proving" && k.Phase != "draining" && k.Phase != "steady" {
		t.Errorf("the created key was lost: %+v %v, in IAM %v", k, err, aws.Keys("bob"))
	}
}

// TestAMarkThatCannotBeWritten: it is locked all the same, and said.
func TestAMarkThatCannotBeWritten(t *testing.T) {
	h, _, _ := lockable(t, slow)
	defer func() {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := os.Mkdir(filepath.Join(h.env("AWSKEYD_STATE"), "locked"), 0o700); err != nil {
		t.Fatal(err)
	}
	var e *api.Error
	if _, err := h.client.Lock(context.Background()); !errors.As(err, &e) || e.Code != "not-marked" || e.Exit != helper.ExitFailed {
		t.Errorf("lock: %v", err)
	}
	_, err := h.client.Credentials("work")
	locked(t, "afterwards", err)
}

// TestAMarkOfAnyContentLocks: only what says that it ends by itself may.
func TestAMarkOfAnyContentLocks(t *testing.T) {
	for text, opens := range map[string]bool{"": false, "nonsense": false, "person\n": false, "idle\n": false, "screen-lock\n": false, "sleep\n": true} {
		h := newHome(t, "[store]\nbackend = \"file\"\n")
		if err := os.MkdirAll(h.env("AWSKEYD_STATE"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(h.env("AWSKEYD_STATE"), "locked"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h.run()
		h.until("the store is looked at", func() bool { s := h.status().Daemon.Store.State; return s == "ready" || s == "locked" })
		if s := h.status().Daemon.Store.State; (s == "ready") != opens {
			t.Errorf("with the mark %q the store is %s", text, s)
		}
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	}
}
