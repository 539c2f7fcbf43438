package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/awskeyd/awskeyd/helper"
)

// TestHelperIsAnswered holds both halves of the promise together: the real
// helper against the real server.
func TestHelperIsAnswered(t *testing.T) {
	f := &fake{}
	where, _ := serve(t, f, quiet())
	run := func(args ...string) (exit int, stdout, stderr string) {
		dir := t.TempDir()
		out, _ := os.Create(filepath.Join(dir, "out"))
		errs, _ := os.Create(filepath.Join(dir, "err"))
		defer out.Close()
		defer errs.Close()
		exit = helper.Main(args, where, out.Fd(), errs.Fd())
		o, _ := os.ReadFile(out.Name())
		e, _ := os.ReadFile(errs.Name())
		return exit, string(o), string(e)
	}
	if exit, stdout, stderr := run("work"); exit != helper.ExitOK || stdout != credentials || stderr != "" {
		t.Errorf("exit %d, output %q, error %q", exit, stdout, stderr)
	}
	f.err = errLocked
	if exit, stdout, stderr := run("work"); exit != helper.ExitLocked || stdout != "" || stderr != "awskey-helper: the keychain is locked; type: awskey unlock\n" {
		t.Errorf("exit %d, output %q, error %q", exit, stdout, stderr)
	}
}

// TestCredentialsOnTheWire is what curl --unix-socket and other people's
// clients see.
func TestCredentialsOnTheWire(t *testing.T) {
	f := &fake{}
	_, path := serve(t, f, quiet())
	for _, request := range []string{
		"GET /v1/credentials/work HTTP/1.0\r\n\r\n",
		"GET /v1/credentials/work HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	} {
		got := exchange(t, path, request)
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.") || !strings.Contains(head, " 200 OK\r\n") || body != credentials ||
			!strings.Contains(head, fmt.Sprintf("\r\nContent-Length: %d", len(credentials))) || !strings.Contains(head, "\r\nContent-Type: application/json") {
			t.Errorf("%q is answered with\n%s", request, got)
		}
	}
	f.err = errLocked
	got := exchange(t, path, "GET /v1/credentials/work HTTP/1.0\r\n\r\n")
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.0 423 ") || !strings.Contains(head, "\r\nAwskey-Exit: 4\r\n") ||
		!strings.Contains(head, "\r\nAwskey-Message: the keychain is locked; type: awskey unlock\r\n") ||
		body != `{"code":"locked","message":"the keychain is\nlocked","remedy":"type: awskey unlock"}`+"\n" {
		t.Errorf("a refusal is\n%s", got)
	}
}

// TestRefusals is all that the server itself says no to.
func TestRefusals(t *testing.T) {
	f := &fake{}
	_, path := serve(t, f, quiet())
	long := strings.Repeat("x", maxBody+1)
	put := func(body string) string {
		return fmt.Sprintf("PUT /v1/keys/work HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	tests := []struct {
		name, request string
		status, exit  int
		say           string
	}{
		{"foreign host", "GET /v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403, 6, "for another host"},
		{"foreign host in the target", "GET http://evil.example/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 403, 6, "for another host"},
		{"origin", "GET /v1/status HTTP/1.0\r\nOrigin: http://localhost\r\n\r\n", 403, 6, "from a web page"},
		{"empty origin", "GET /v1/status HTTP/1.0\r\nOrigin:\r\n\r\n", 403, 6, "from a web page"},
		{"referer", "GET /v1/status HTTP/1.0\r\nReferer: http://localhost/\r\n\r\n", 403, 6, "from a web page"},
		{"browser", "GET /v1/status HTTP/1.0\r\nSec-Fetch-Site: none\r\n\r\n", 403, 6, "from a web page"},
		{"unknown path", "GET /v2/status HTTP/1.0\r\n\r\n", 404, 2, "no such request"},
		{"root", "GET / HTTP/1.0\r\n\r\n", 404, 2, "no such request"},
		{"any server", "OPTIONS * HTTP/1.0\r\n\r\n", 400, 2, ""},
		{"unclean path", "GET /v1/../v1/status HTTP/1.0\r\n\r\n", 400, 2, "not clean"},
		{"unknown method", "POST /v1/status HTTP/1.0\r\n\r\n", 405, 2, "knows no POST of this path"},
		{"method of another path", "DELETE /v1/credentials/work HTTP/1.0\r\n\r\n", 405, 2, "knows no DELETE"},
		{"bad profile", "GET /v1/credentials/a%20b HTTP/1.0\r\n\r\n", 400, 2, "a name is up to 64"},
		{"encoded slash", "GET /v1/credentials/a%2fb HTTP/1.0\r\n\r\n", 400, 2, "a name is up to 64"},
		{"bad key", "GET /v1/keys/-x HTTP/1.0\r\n\r\n", 400, 2, "a name is up to 64"},
		{"bad key in a history", "GET /v1/history?key=.. HTTP/1.0\r\n\r\n", 400, 2, "a name is up to 64"},
		{"bad limit", "GET /v1/history?limit=-1 HTTP/1.0\r\n\r\n", 400, 2, "a number from 0"},
		{"no JSON", put("secret_access_key=CANARY"), 400, 2, "not the document"},
		{"half a document", put(`{"secret_access_key":"CANARY`), 400, 2, "not the document"},
		{"unknown field", put(`{"CANARY":"x"}`), 400, 2, "not the document"},
		{"wrong type", put(`{"access_key_id":1,"secret_access_key":"CANARY"}`), 400, 2, "see access_key_id"},
		{"two documents", put(`{"access_key_id":"CANARY"}{}`), 400, 2, "not the document"},
		{"long body", put(`{"access_key_id":"` + long + `"}`), 400, 2, "longer than"},
		{"long head", "GET /v1/status HTTP/1.0\r\nX: " + strings.Repeat(long, 2) + "\r\n\r\n", 431, -1, ""},
		{"no HTTP", "hello\r\n\r\n", 400, -1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := exchange(t, path, tt.request)
			head, body, _ := strings.Cut(got, "\r\n\r\n")
			if !strings.Contains(head, fmt.Sprintf(" %d ", tt.status)) || tt.exit >= 0 && !strings.Contains(head, fmt.Sprintf("\r\nAwskey-Exit: %d\r\n", tt.exit)) {
				t.Errorf("want status %d and exit %d:\n%s", tt.status, tt.exit, got)
			}
			if !strings.Contains(body, tt.say) || strings.Contains(got, "CANARY") {
				t.Errorf("want a body that says %q and no secret:\n%s", tt.say, got)
			}
			if calls := f.took(); len(calls) != 0 {
				t.Errorf("the service was asked all the same: %q", calls)
			}
		})
	}
}

// logged is a log that a test can read.
type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

// TestServiceFails: a plain error and a panic become an answer and a line in
// the log; the panic's own text, which may be anything, becomes neither.
func TestServiceFails(t *testing.T) {
	var log logged
	f := &fake{err: errors.New("out of luck")}
	where, _ := serve(t, f, slog.New(slog.NewTextHandler(&log, nil)))
	c := Dial(where)
	defer c.Close()
	_, err := c.Status(t.Context())
	if e := asError(err); e.Code != "internal" || e.Exit != helper.ExitFailed || e.Message != "out of luck" {
		t.Errorf("%#v", err)
	}
	f.before = func(context.Context) { panic("CANARY") }
	_, err = c.Status(t.Context())
	if e := asError(err); e.Code != "internal" || e.Exit != helper.ExitFailed || strings.Contains(e.Error(), "CANARY") {
		t.Errorf("%#v", err)
	}
	if text := log.text(); !strings.Contains(text, "out of luck") || !strings.Contains(text, "TestServiceFails") || strings.Contains(text, "CANARY") {
		t.Errorf("the log says %s", text)
	}
}

// TestErrors: an error of a service may be incomplete; what travels never is.
func TestErrors(t *testing.T) {
	tests := []struct {
		err          error
		status, exit int
	}{
		{NewError(helper.ExitUsage, "c", "m", ""), 400, 2},
		{NewError(helper.ExitUnknown, "c", "m", ""), 404, 5},
		{NewError(helper.ExitRefused, "c", "m", ""), 403, 6},
		{NewError(helper.ExitAWS, "c", "m", ""), 502, 7},
		{NewError(helper.ExitHeld, "c", "m", ""), 409, 8},
		{fmt.Errorf("wrapped: %w", errLocked), 423, 4},
		{&Error{Code: "c", Message: "m"}, 500, 1},
		{&Error{Code: "c", Message: "m", Status: 200, Exit: 99}, 500, 1},
		{context.DeadlineExceeded, 500, 1},
	}
	for _, tt := range tests {
		if e := asError(tt.err); e.Status != tt.status || e.Exit != tt.exit || e.Message == "" || e.Code == "" {
			t.Errorf("%v becomes %#v, want status %d and exit %d", tt.err, e, tt.status, tt.exit)
		}
	}
}

// TestOtherRequestsDoNotKeepCredentialsWaiting fills every place for other
// requests.
func TestOtherRequestsDoNotKeepCredentialsWaiting(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{}, maxWork)
	f := &fake{before: func(context.Context) { entered <- struct{}{}; <-release }}
	where, path := serve(t, f, quiet())
	var clients sync.WaitGroup
	for range maxWork {
		clients.Go(func() {
			c := Dial(where)
			defer c.Close()
			if _, err := c.Key(context.Background(), "work"); err != nil {
				t.Error(err)
			}
		})
	}
	for range maxWork {
		<-entered
	}
	if got := exchange(t, path, "GET /v1/status HTTP/1.0\r\n\r\n"); !strings.Contains(got, " 503 ") || !strings.Contains(got, "try again in a moment") {
		t.Errorf("one request too many is answered with\n%s", got)
	}
	if got := exchange(t, path, "GET /v1/credentials/work HTTP/1.0\r\n\r\n"); !strings.HasSuffix(got, credentials) {
		t.Errorf("credentials are answered with\n%s", got)
	}
	close(release)
	clients.Wait()
}

// TestJSONHasNoNull: a list without items is [] for every reader.
func TestJSONHasNoNull(t *testing.T) {
	_, path := serve(t, &fake{}, quiet())
	for _, request := range []string{"/v1/status", "/v1/store/backends"} {
		_, body, _ := strings.Cut(exchange(t, path, "GET "+request+" HTTP/1.0\r\n\r\n"), "\r\n\r\n")
		if !json.Valid([]byte(body)) || strings.Contains(body, "null") {
			t.Errorf("%s: %s", request, body)
		}
	}
}

// The buffers of a connection keep a secret that went through them until it ends.
func TestASecretEndsItsConnection(t *testing.T) {
	for _, request := range []string{
		"GET /v1/credentials/work HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PUT /v1/keys/work HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
	} {
		_, path := serve(t, &fake{}, quiet())
		answer := exchange(t, path, request+"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if strings.Count(answer, "HTTP/1.1 ") != 1 || !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
			t.Errorf("%.20s is answered with %q", request, answer)
		}
	}
}
