package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/helper"
)

// demoClients is how many programs use the key at a time.
const demoClients = 8

// demoSettings are a life of 75 days in a few seconds. An endpoint on loopback
// lifts every limit; what must hold is that proving lasts longer than the
// emulator's slowest replica takes to hear of a new key.
const demoSettings = `[store]
backend = "file"
passphrase_file = %q

[aws]
endpoint_url = %q

[rotation]
every = "1s"
ttl = "3s"
prove = "2s"
settle = "500ms"
grace = "4s"
imported_grace = "4s"
monitor = "1s"
`

// stage is the demo's own world: a home, an AWS, a daemon. Nothing of it
// outlives close.
type stage struct {
	app    *app
	home   string
	aws    *awstest.Server
	helper string
	env    []string
	proc   *exec.Cmd
	exited chan struct{} // closed when the daemon has ended
	errors bytes.Buffer  // what the daemon said on standard error; read after exited
	daemon *api.Client
	began  time.Time
	failed chan error

	deleted atomic.Int64 // rotations that have come to their end, as the emulator saw it
	line    bool         // a status line stands on the terminal
}

// openStage finds the programs beside this one and starts all parts.
func (a *app) openStage(ctx context.Context) (s *stage, err error) {
	self, err := a.executable()
	if err != nil {
		return nil, err
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return nil, err
	}
	s = &stage{app: a, helper: filepath.Join(filepath.Dir(self), "awskey-helper"), exited: make(chan struct{}), began: time.Now(), failed: make(chan error, 1)}
	service := filepath.Join(filepath.Dir(self), "awskeyd")
	if runtime.GOOS == "windows" {
		return nil, &api.Error{Code: "not-yet", Message: "the demo is not on windows yet", Exit: helper.ExitFailed}
	}
	for _, program := range []string{service, s.helper} {
		if _, err := os.Stat(program); err != nil {
			return nil, &api.Error{Code: "no-program", Message: "the demo needs " + filepath.Base(program) + " beside " + self, Remedy: "install all three programs into one folder, or type: make demo", Exit: helper.ExitFailed}
		}
	}
	if s.home, err = os.MkdirTemp("", "awskey-demo-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	slow := []time.Duration{0, 400 * time.Millisecond, 1200 * time.Millisecond, 1500 * time.Millisecond}
	s.aws = awstest.NewServer(awstest.Options{Replicas: map[awstest.Service][]time.Duration{awstest.IAM: slow, awstest.STS: slow, awstest.SNS: slow}})
	s.aws.SetHook(func(_ context.Context, m awstest.Moment, c awstest.Call) {
		if m == awstest.Executed && c.Action == "DeleteAccessKey" {
			s.deleted.Add(1)
		}
	})
	if err := s.writeSettings(); err != nil {
		return s, err
	}
	return s, s.startDaemon(ctx, service)
}

func (s *stage) path(parts ...string) string {
	return filepath.Join(append([]string{s.home}, parts...)...)
}

// writeSettings fills the home. Its environment is the daemon's and the
// helper's whole world: no bus, no other awskeyd.
func (s *stage) writeSettings() error {
	s.env = []string{
		"HOME=" + s.home, "XDG_RUNTIME_DIR=" + s.path("run"), "XDG_CONFIG_HOME=" + s.path(".config"),
		"XDG_STATE_HOME=" + s.path(".state"), "XDG_DATA_HOME=" + s.path(".data"),
		"AWSKEYD_CONFIG=" + s.path(".config", "awskeyd", "config.toml"), "AWSKEYD_STATE=" + s.path("state"), "AWSKEYD_SOCKET=" + s.path("run", "socket"),
		"DBUS_SESSION_BUS_ADDRESS=unix:path=" + s.path("no-bus"),
	}
	for _, dir := range []string{"run", "state", ".aws", filepath.Join(".config", "awskeyd")} {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			return err
		}
	}
	passphrase := s.path("passphrase")
	for path, text := range map[string]string{
		passphrase: "the demo's own, worth nothing\n",
		s.path(".config", "awskeyd", "config.toml"): fmt.Sprintf(demoSettings, passphrase, s.aws.URL),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) getenv(name string) string {
	for _, v := range s.env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// startDaemon starts the real service and waits until it answers.
func (s *stage) startDaemon(ctx context.Context, program string) error {
	s.proc = exec.Command(program, "run")
	s.proc.Env, s.proc.Dir, s.proc.Stderr = s.env, s.home, &s.errors
	s.proc.SysProcAttr = ownSession() // Ctrl-C is for the demo, which then stops it in order
	if err := s.proc.Start(); err != nil {
		close(s.exited)
		return err
	}
	go func() {
		defer close(s.exited)
		if err := s.proc.Wait(); err != nil {
			s.fail(fmt.Errorf("the demo's service ended: %w: %s", err, strings.TrimSpace(s.errors.String())))
		}
	}()
	s.daemon = api.Dial(s.getenv)
	for end := time.Now().Add(20 * time.Second); ; {
		if _, err := s.daemon.Status(ctx); err == nil {
			return nil
		} else if time.Now().After(end) {
			return err
		}
		select {
		case <-s.exited:
			return <-s.failed
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *stage) fail(err error) {
	select {
	case s.failed <- err:
	default: // the first one is told
	}
}

// moveIn is a person's first minute: a plaintext key in the AWS files becomes a
// line that names the helper.
func (s *stage) moveIn(ctx context.Context) error {
	s.aws.CreateUser("dev", "/", awstest.Rotator())
	id, secret := s.aws.IssueKey("dev")
	credentials, config := s.path(".aws", "credentials"), s.path(".aws", "config")
	plain := fmt.Sprintf("[demo]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret)
	if err := os.WriteFile(credentials, []byte(plain), 0o600); err != nil {
		return err
	}
	s.say("a home at %s with an emulated AWS at %s", s.home, s.aws.URL)
	s.say("its .aws/credentials holds access key %s and its secret in plaintext", short(id))
	if _, err := s.daemon.Add(ctx, "demo", api.AddRequest{AccessKeyID: id, SecretAccessKey: secret}); err != nil {
		return err
	}
	command, err := awsfiles.Command(s.helper, "demo")
	if err != nil {
		return err
	}
	if err := os.Remove(credentials); err != nil {
		return err
	}
	if _, err := (awsfiles.Files{Config: config, Credentials: credentials}).Point("demo", command, awsfiles.Static{}); err != nil {
		return err
	}
	s.say("taken into the encrypted store; the plaintext file is gone, and .aws/config says")
	s.say("    credential_process = %s", command)
	s.say("now %d clients sign requests while the key is rotated every few seconds (Ctrl-C ends)", demoClients)
	s.say("")
	return nil
}

// lease is what the real helper prints.
type demoLease struct {
	AccessKeyId, SecretAccessKey string
	Expiration                   time.Time
}

func (s *stage) lease(ctx context.Context) (demoLease, error) {
	cmd := exec.CommandContext(ctx, s.helper, "demo")
	cmd.Env = s.env
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return demoLease{}, fmt.Errorf("the helper failed: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	var l demoLease
	if err := json.Unmarshal(out, &l); err != nil {
		return l, errors.New("the helper's answer is not JSON") // and is not shown: it may hold a secret
	}
	return l, nil
}

// request signs one call of a service with a lease. The emulator counts what
// it refuses; a client of the demo never tries twice.
func (s *stage) request(l demoLease) error {
	body := []byte("Action=ListTopics&Version=2010-03-31")
	r, err := http.NewRequest(http.MethodPost, s.aws.URL+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "demo")
	r.Close = true // a new connection may meet any replica
	awstest.Sign(r, body, l.AccessKeyId, l.SecretAccessKey, awstest.SNS, "us-east-1", time.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return errors.Join(err, answer.Body.Close())
}

// close ends the service in order and removes everything.
func (s *stage) close() error {
	var errs []error
	if s.daemon != nil {
		s.daemon.Close()
	}
	if s.proc != nil && s.proc.Process != nil {
		errs = append(errs, s.stopDaemon())
	}
	if s.aws != nil {
		s.aws.Close()
	}
	return errors.Join(append(errs, os.RemoveAll(s.home))...)
}

func (s *stage) stopDaemon() error {
	if err := s.proc.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(40 * time.Second): // it may be storing a key, for at most 30 s
		return errors.Join(errors.New("the demo's service did not stop and was killed"), s.proc.Process.Kill())
	}
}

// say prints a line for a person, above the status line.
func (s *stage) say(format string, args ...any) {
	if s.app.json {
		return
	}
	s.status("")
	s.app.printf(format+"\n", args...)
}

// status overwrites one line at the bottom of a terminal.
func (s *stage) status(text string) {
	if s.app.json || !s.app.colours() {
		return
	}
	if s.line {
		s.app.printf("\r\x1b[K")
	}
	if s.line = text != ""; s.line {
		s.app.printf("%s", text)
	}
}
