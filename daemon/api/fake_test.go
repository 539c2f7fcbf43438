package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// fake is a service whose every answer tells which method was asked what.
type fake struct {
	mu    sync.Mutex
	calls []string

	err    error                 // what every method returns, if set
	before func(context.Context) // runs in every method but Credentials
	events chan Event
}

func (f *fake) note(ctx context.Context, method string, args ...any) error {
	f.mu.Lock()
	f.calls = append(f.calls, fmt.Sprintf("%s%v", method, args))
	f.mu.Unlock()
	if f.before != nil {
		f.before(ctx)
	}
	return f.err
}

// took returns the calls since it was last asked.
func (f *fake) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

const credentials = `{"Version":1,"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"CANARY"}` + "\n"

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (f *fake) Credentials(profile string) ([]byte, error) {
	f.mu.Lock()
	f.calls = append(f.calls, fmt.Sprintf("Credentials[%s]", profile))
	f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	return []byte(credentials), nil
}

func (f *fake) Status(ctx context.Context) (Status, error) {
	return Status{Daemon: Daemon{Version: "v", PID: 7, StartedAt: at}}, f.note(ctx, "Status")
}

func (f *fake) Key(ctx context.Context, name string) (Key, error) {
	return Key{Name: name, Phase: "steady"}, f.note(ctx, "Key", name)
}

func (f *fake) Add(ctx context.Context, name string, r AddRequest) (AddResult, error) {
	create := "nothing"
	if r.Create != nil {
		create = fmt.Sprintf("%+v", *r.Create)
	}
	return AddResult{Key: Key{Name: name, AccessKeyID: r.AccessKeyID}, Already: true}, f.note(ctx, "Add", name, r.AccessKeyID, r.SecretAccessKey, create)
}

func (f *fake) Remove(ctx context.Context, name string, r RemoveRequest) (RemoveResult, error) {
	return RemoveResult{LeftInIAM: []string{"AKIALEFT"}}, f.note(ctx, "Remove", name, r)
}

func (f *fake) Rename(ctx context.Context, name string, r RenameRequest) (Key, error) {
	return Key{Name: r.NewName}, f.note(ctx, "Rename", name, r)
}

func (f *fake) Rotate(ctx context.Context, name string, r RotateRequest) (Key, error) {
	return Key{Name: name, Phase: "creating"}, f.note(ctx, "Rotate", name, r)
}

func (f *fake) Rollback(ctx context.Context, name string) (Key, error) {
	return Key{Name: name, Phase: "proving", Back: true, ServedUntil: &at}, f.note(ctx, "Rollback", name)
}

func (f *fake) Pause(ctx context.Context, name string) (Key, error) {
	return Key{Name: name, Paused: true}, f.note(ctx, "Pause", name)
}

func (f *fake) Resume(ctx context.Context, name string) (Key, error) {
	return Key{Name: name}, f.note(ctx, "Resume", name)
}

func (f *fake) Resolve(ctx context.Context, name string, r ResolveRequest) (Key, error) {
	return Key{Name: name, Phase: r.Choice}, f.note(ctx, "Resolve", name, r)
}

func (f *fake) Eject(ctx context.Context, name string) (Ejected, error) {
	return Ejected{Key: Key{Name: name}, AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "CANARY", LeftInIAM: []string{"AKIALEFT"}}, f.note(ctx, "Eject", name)
}

func (f *fake) Policy(ctx context.Context, name string) (Policy, error) {
	return Policy{Document: "{}"}, f.note(ctx, "Policy", name)
}

func (f *fake) Identify(ctx context.Context, r IdentifyRequest) (Identity, error) {
	return Identity{UserARN: "arn"}, f.note(ctx, "Identify", r)
}

func (f *fake) Standing(ctx context.Context, r StandingRequest) (Standings, error) {
	return Standings{}, f.note(ctx, "Standing", r)
}

func (f *fake) Check(ctx context.Context, name string) (Checked, error) {
	return Checked{}, f.note(ctx, "Check", name)
}

func (f *fake) Users(ctx context.Context, name string) (Users, error) {
	return Users{}, f.note(ctx, "Users", name)
}

func (f *fake) History(ctx context.Context, name string, limit int) ([]Event, error) {
	return []Event{{Time: at, Key: name, Event: "added"}}, f.note(ctx, "History", name, limit)
}

func (f *fake) Events(ctx context.Context) (<-chan Event, error) {
	return f.events, f.note(ctx, "Events")
}

func (f *fake) Lock(ctx context.Context) (Store, error) {
	return Store{Backend: "file", State: "locked"}, f.note(ctx, "Lock")
}

func (f *fake) Unlock(ctx context.Context) (Store, error) {
	return Store{Backend: "file", State: "ready"}, f.note(ctx, "Unlock")
}

func (f *fake) Backends(ctx context.Context) ([]Backend, error) {
	return nil, f.note(ctx, "Backends")
}

func (f *fake) Choose(ctx context.Context, r ChooseRequest) (Backend, error) {
	return Backend{Name: r.Backend}, f.note(ctx, "Choose", r)
}

func (f *fake) Migrate(ctx context.Context, r MigrateRequest) (Migration, error) {
	return Migration{To: r.To, Step: "waiting"}, f.note(ctx, "Migrate", r)
}

func (f *fake) Migration(ctx context.Context) (Migration, error) {
	return Migration{Step: "done"}, f.note(ctx, "Migration")
}

var errLocked = NewError(helper.ExitLocked, "locked", "the keychain is\nlocked", "type: awskey unlock")

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// short is a folder like t.TempDir, 0700 and with a path that leaves room for
// a socket.
func short(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "awsk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve runs Serve for svc on a socket of its own until the test ends, which
// it must do in good order. It returns the environment that leads there.
func serve(t testing.TB, svc Service, log *slog.Logger) (where helper.Env, path string) {
	t.Helper()
	path = filepath.Join(short(t), "socket")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, svc, log) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Error("the socket was left behind:", err)
		}
	})
	return env(path), path
}

func env(path string) helper.Env {
	return func(name string) string {
		if name == "AWSKEYD_SOCKET" {
			return path
		}
		return ""
	}
}

// exchange sends raw bytes and returns all that comes back.
func exchange(t testing.TB, path, request string) string {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%v after %q", err, answer)
	}
	return string(answer)
}
