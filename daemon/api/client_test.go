package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// TestClientMirrorsService: whatever is asked of the client arrives at the
// service with the same arguments, and what the service says comes back.
func TestClientMirrorsService(t *testing.T) {
	f := &fake{}
	where, _ := serve(t, f, quiet())
	c := Dial(where)
	defer c.Close()
	direct := &fake{}
	ctx := t.Context()
	ask := map[string]func(Service) (any, error){
		"Credentials": func(s Service) (any, error) { return s.Credentials("work") },
		"Status": func(s Service) (any, error) {
			status, err := s.Status(ctx)
			status.Keys, status.Profiles, status.Warnings = some(status.Keys), some(status.Profiles), some(status.Warnings)
			return status, err
		},
		"Identify": func(s Service) (any, error) {
			return s.Identify(ctx, IdentifyRequest{AccessKeyID: "AKIA", SecretAccessKey: "s\"e\\c/r+e=t"})
		},
		"Standing": func(s Service) (any, error) {
			all, err := s.Standing(ctx, StandingRequest{AccessKeyIDs: []string{"AKIA"}})
			all.AccessKeys = some(all.AccessKeys)
			return all, err
		},
		"Key": func(s Service) (any, error) { return s.Key(ctx, "work") },
		"Add": func(s Service) (any, error) {
			return s.Add(ctx, "work", AddRequest{AccessKeyID: "AKIA", SecretAccessKey: "s\"e\\c/r+e=t"})
		},
		"Add, a key to be made": func(s Service) (any, error) {
			return s.Add(ctx, "work", AddRequest{Create: &CreateRequest{User: "bob", With: "boss"}})
		},
		"Remove": func(s Service) (any, error) { return s.Remove(ctx, "work", RemoveRequest{Force: true}) },
		"Rename": func(s Service) (any, error) { return s.Rename(ctx, "work", RenameRequest{"play"}) },
		"Rotate": func(s Service) (any, error) { return s.Rotate(ctx, "work", RotateRequest{}) },
		"Rotate, leaked": func(s Service) (any, error) {
			return s.Rotate(ctx, "work", RotateRequest{Leaked: true})
		},
		"Rollback": func(s Service) (any, error) { return s.Rollback(ctx, "work") },
		"Pause":    func(s Service) (any, error) { return s.Pause(ctx, "work") },
		"Resume":   func(s Service) (any, error) { return s.Resume(ctx, "work") },
		"Eject":    func(s Service) (any, error) { return s.Eject(ctx, "work") },
		"Resolve":  func(s Service) (any, error) { return s.Resolve(ctx, "work", ResolveRequest{"wait"}) },
		"Check": func(s Service) (any, error) {
			checked, err := s.Check(ctx, "work")
			checked.Checks = some(checked.Checks)
			return checked, err
		},
		"Policy": func(s Service) (any, error) { return s.Policy(ctx, "work") },
		"Users": func(s Service) (any, error) {
			users, err := s.Users(ctx, "work")
			users.Names = some(users.Names)
			return users, err
		},
		"History": func(s Service) (any, error) { return s.History(ctx, "work", 3) },
		"Backends": func(s Service) (any, error) {
			backends, err := s.Backends(ctx)
			return some(backends), err
		},
		"Lock":   func(s Service) (any, error) { return s.Lock(ctx) },
		"Unlock": func(s Service) (any, error) { return s.Unlock(ctx) },
		"Choose": func(s Service) (any, error) { return s.Choose(ctx, ChooseRequest{"file"}) },
		"Migrate": func(s Service) (any, error) {
			return s.Migrate(ctx, MigrateRequest{To: "file", Check: true})
		},
		"Migration": func(s Service) (any, error) { return s.Migration(ctx) },
	}
	for m := range reflect.TypeFor[Service]().Methods() {
		if ask[m.Name] == nil && m.Name != "Events" {
			t.Errorf("%s is not tested", m.Name)
		}
	}
	for method, f2 := range ask {
		got, err := f2(c)
		want, _ := f2(direct)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", method, got, err, want)
		}
		if calls, want := f.took(), direct.took(); !reflect.DeepEqual(calls, want) {
			t.Errorf("%s: the service was asked %q, want %q", method, calls, want)
		}
	}
	f.err = errLocked
	for method, f2 := range ask {
		_, err := f2(c)
		if !reflect.DeepEqual(err, error(errLocked)) {
			t.Errorf("%s: %#v, want the service's own error", method, err)
		}
	}
}

func TestClientEvents(t *testing.T) {
	f := &fake{events: make(chan Event)}
	where, _ := serve(t, f, quiet())
	c := Dial(where)
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	events, err := c.Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		sent := Event{Time: at, Key: "work", Event: "switched", Text: fmt.Sprintf("line\n%d", i)}
		f.events <- sent
		if got := <-events; got != sent {
			t.Errorf("%+v, want %+v", got, sent)
		}
	}
	cancel()
	for range events {
		t.Error("an event after the end")
	}

	// The service ends the stream.
	events, err = c.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	close(f.events)
	for range events {
		t.Error("an event after the end")
	}

	f.err = errLocked
	if _, err := c.Events(t.Context()); !reflect.DeepEqual(err, error(errLocked)) {
		t.Errorf("%#v", err)
	}
}

func TestClientWithoutDaemon(t *testing.T) {
	dir := short(t)
	c := Dial(env(filepath.Join(dir, "socket")))
	_, err := c.Status(t.Context())
	if e := asError(err); e.Exit != helper.ExitNoDaemon || e.Code != "no-daemon" || !strings.Contains(e.Remedy, "awskey service start") {
		t.Errorf("%#v", err)
	}

	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = c.Status(t.Context())
	if e := asError(err); e.Exit != helper.ExitRefused || e.Code != "unsafe-socket" || !strings.Contains(e.Remedy, "chmod 700") {
		t.Errorf("%#v", err)
	}
}

// TestClientAgainstNonsense: whatever sits at the socket, the client's error
// is an *Error that quotes nothing of it.
func TestClientAgainstNonsense(t *testing.T) {
	answers := map[string]string{
		"silence, then nothing": "",
		"no HTTP":               "CANARY\r\n\r\n",
		"a page":                "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nCANARY",
		"an error page":         "HTTP/1.1 500 x\r\nContent-Length: 6\r\n\r\nCANARY",
		"a redirect":            "HTTP/1.1 302 x\r\nLocation: http://CANARY/\r\nContent-Length: 0\r\n\r\n",
		"half":                  "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{\"CANARY\"",
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(short(t), "socket")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			over := make(chan struct{})
			go func() {
				defer close(over)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					conn.Read(make([]byte, 4<<10))
					conn.Write([]byte(answer))
					conn.Close()
				}
			}()
			defer func() { l.Close(); <-over }()
			c := Dial(env(path))
			defer c.Close()
			_, err = c.Status(t.Context())
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Exit != helper.ExitFailed || strings.Contains(e.Error(), "CANARY") {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestClientGivesUp(t *testing.T) {
	f := &fake{before: func(ctx context.Context) { <-ctx.Done() }}
	where, _ := serve(t, f, quiet())
	c := Dial(where)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Status(ctx)
	if e := asError(err); e.Code != "timeout" {
		t.Errorf("%#v", err)
	}
	// The service learned that nobody waits: serve's cleanup would time out.
}
