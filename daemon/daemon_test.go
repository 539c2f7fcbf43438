package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon"
	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// inMemory are keychains for tests: one that is there, one that is not.
func inMemory(items *storetest.Memory) daemon.Keychains {
	return daemon.Keychains{
		Open: func(_ context.Context, backend string, _ daemon.KeychainOptions) (daemon.Keychain, error) {
			return memory{items}, nil
		},
		Probe: func(context.Context) []api.Backend {
			return []api.Backend{{Name: "file", Available: true, Text: "here"}, {Name: "secret-service", Text: "no bus"}}
		},
	}
}

type memory struct{ *storetest.Memory }

func (memory) Close() error { return nil }

func (memory) Unlock(context.Context) error { return nil }

// home is one person's folders, with a daemon's life in them.
type home struct {
	t      *testing.T
	dir    string
	items  *storetest.Memory
	client *api.Client
	stop   func() error

	bus       string           // the system's
	keychains daemon.Keychains // those in memory if there are none
}

func newHome(t *testing.T, config string) *home {
	h := &home{t: t, dir: t.TempDir(), items: storetest.NewMemory()}
	if err := os.MkdirAll(filepath.Dir(h.env("AWSKEYD_CONFIG")), 0o700); err != nil {
		t.Fatal(err)
	}
	h.write(config)
	return h
}

func (h *home) env(name string) string {
	switch name {
	case "HOME":
		return h.dir
	case "AWSKEYD_CONFIG":
		return filepath.Join(h.dir, "config", "config.toml")
	case "AWSKEYD_STATE":
		return filepath.Join(h.dir, "state")
	case "AWSKEYD_SOCKET":
		return filepath.Join(h.dir, "run", "socket")
	case "DBUS_SYSTEM_BUS_ADDRESS":
		return h.bus
	default:
		return ""
	}
}

func (h *home) write(config string) {
	h.t.Helper()
	if err := os.WriteFile(h.env("AWSKEYD_CONFIG"), []byte(config), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// run starts a daemon and waits until it answers.
func (h *home) run() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	keychains := h.keychains
	if keychains.Open == nil {
		keychains = inMemory(h.items)
	}
	go func() { done <- daemon.Run(ctx, h.env, keychains, daemon.Starter{}, os.Stderr, true) }()
	h.client = api.Dial(h.env)
	h.stop = func() error { h.client.Close(); cancel(); return <-done }
	h.until("the daemon answers", func() bool {
		select {
		case err := <-done:
			h.t.Fatalf("the daemon ends: %v", err)
		default:
		}
		_, err := h.client.Status(context.Background())
		return err == nil
	})
}

func (h *home) runWith(keychains daemon.Keychains) {
	h.t.Helper()
	h.keychains = keychains
	h.run()
}

// until polls a condition; only a test that fails waits to the end.
func (h *home) until(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s, err := h.client.Status(context.Background())
			h.t.Fatalf("never: %s; status %+v %v", what, s, err)
		}
	}
}

func (h *home) status() api.Status {
	h.t.Helper()
	s, err := h.client.Status(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

const fast = `[store]
backend = "file"
[aws]
endpoint_url = %q
[rotation]
every = "200ms"
ttl = "2s"
prove = "300ms"
settle = "200ms"
grace = "500ms"
imported_grace = "500ms"
monitor = "300ms"
`

func TestALifeFromAddToRemove(t *testing.T) {
	aws := awstest.NewServer(awstest.Options{})
	defer aws.Close()
	aws.CreateUser("bob", "/eng/", awstest.Rotator())
	id, secret := aws.IssueKey("bob")
	h := newHome(t, fmt.Sprintf(fast, aws.URL))
	h.run()
	ctx := context.Background()
	if _, err := h.client.Add(ctx, "work", api.AddRequest{AccessKeyID: id, SecretAccessKey: secret}); err != nil {
		t.Fatal(err)
	}
	rotated := func(n int) func() bool {
		return func() bool {
			events, err := h.client.History(ctx, "work", 0)
			deleted := 0
			for _, e := range events {
				if e.Event == "deleted" {
					deleted++
				}
			}
			return err == nil && deleted >= n
		}
	}
	h.until("two rotations", rotated(2))
	if err := h.stop(); err != nil {
		t.Fatalf("the stop: %v", err)
	}
	h.run()
	h.until("two more after a restart", rotated(4))
	if _, err := h.client.Pause(ctx, "work"); err != nil {
		t.Fatal(err)
	}
	s := h.status()
	if len(s.Keys) != 1 || !s.Keys[0].Paused || s.Keys[0].UserARN != "arn:aws:iam::123456789012:user/eng/bob" || s.Daemon.Store.State != "ready" {
		t.Errorf("status: %+v", s)
	}
	policy, err := h.client.Policy(ctx, "work")
	if err != nil || !strings.Contains(policy.Document, `"Resource": "arn:aws:iam::123456789012:user/eng/bob"`) {
		t.Errorf("policy: %s %v", policy.Document, err)
	}
	left, err := h.client.Remove(ctx, "work", api.RemoveRequest{Force: true})
	if err != nil || len(left.LeftInIAM) == 0 {
		t.Errorf("remove: %+v %v", left, err)
	}
	var e *api.Error
	if _, err := h.client.Credentials("work"); !errors.As(err, &e) || e.Exit != helper.ExitUnknown {
		t.Errorf("after remove: %v", err)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstChoiceOfAStore(t *testing.T) {
	h := newHome(t, "# mine\n")
	h.run()
	defer func() {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.Background()
	var e *api.Error
	if _, err := h.client.Add(ctx, "work", api.AddRequest{AccessKeyID: "AKIAFIRST00000000000", SecretAccessKey: "secretsecretsecret"}); !errors.As(err, &e) || e.Code != "no-store" || e.Exit != helper.ExitUsage {
		t.Fatalf("without a store: %v", err)
	}
	for backend, code := range map[string]string{"floppy": "bad-backend", "secret-service": "store-unavailable"} {
		if _, err := h.client.Choose(ctx, api.ChooseRequest{Backend: backend}); !errors.As(err, &e) || e.Code != code {
			t.Errorf("choosing %s: %v", backend, err)
		}
	}
	if b, err := h.client.Choose(ctx, api.ChooseRequest{Backend: "file"}); err != nil || !b.InForce {
		t.Fatalf("%+v %v", b, err)
	}
	written, err := os.ReadFile(h.env("AWSKEYD_CONFIG"))
	if err != nil || !strings.Contains(string(written), "# mine\n") || !strings.Contains(string(written), `backend = "file"`) {
		t.Errorf("the configuration: %s %v", written, err)
	}
	if _, err := h.client.Choose(ctx, api.ChooseRequest{Backend: "file"}); !errors.As(err, &e) || e.Code != "store-chosen" {
		t.Errorf("choosing twice: %v", err)
	}
}

func TestASecondDaemonAndABadConfiguration(t *testing.T) {
	h := newHome(t, "[store]\nbackend = \"file\"\n")
	h.run()
	var e *api.Error
	if err := daemon.Run(context.Background(), h.env, inMemory(h.items), daemon.Starter{}, os.Stderr, false); !errors.As(err, &e) || e.Exit != helper.ExitHeld {
		t.Errorf("a second daemon: %v", err)
	}
	h.write("[rotation]\nevery = \"often\"\n")
	h.until("the bad edit is told", func() bool {
		w := h.status().Warnings
		return len(w) == 1 && w[0].Code == "bad-config" && strings.Contains(w[0].Text, "config.toml:2")
	})
	h.write("[store]\nbackend = \"file\"\n[rotation]\nevery = \"30d\"\n")
	h.until("the good edit is taken", func() bool { return len(h.status().Warnings) == 0 })
	h.write("[store]\nbackend = \"file\"\n[aws]\nregion = \"eu-west-1\"\n")
	h.until("a change of [aws] asks for a restart", func() bool {
		w := h.status().Warnings
		return len(w) == 1 && w[0].Code == "restart-needed"
	})
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.write("nonsense")
	if err := daemon.Run(context.Background(), h.env, inMemory(h.items), daemon.Starter{}, os.Stderr, false); !errors.As(err, &e) || e.Exit != helper.ExitUsage || !strings.Contains(e.Message, "config.toml:1") {
		t.Errorf("a bad configuration at the start: %v", err)
	}
	if err := os.Chmod(h.env("AWSKEYD_CONFIG"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Run(context.Background(), h.env, inMemory(h.items), daemon.Starter{}, os.Stderr, false); !errors.As(err, &e) || e.Exit != helper.ExitRefused {
		t.Errorf("a configuration that anybody may write: %v", err)
	}
}
