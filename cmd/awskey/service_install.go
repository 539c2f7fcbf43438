package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/packaging/register"
)

// installed is what one install has done.
type installed struct {
	changed  bool
	replaced bool      // a running daemon
	carried  []carried // from the environment into the configuration
	kept     []string  // variables that the service is given
	version  string
}

// carried is a setting of [aws] that a variable of this shell was written into.
type carried struct{ variable, setting, value string }

// install registers the service, or brings it up to date, and sees that it runs
// the program as it is now.
func (a *app) install(ctx context.Context, m register.Manager) (in installed, err error) {
	s, err := a.registration()
	if err != nil {
		return in, err
	}
	in.kept = s.Environ
	if err := a.unmarkStopped(); err != nil {
		return in, err
	}
	if in.carried, err = a.carry(); err != nil {
		return in, err
	}
	before, err := m.State(ctx)
	if err != nil {
		return in, serviceError("ask for the service", err)
	}
	var old api.Daemon // that answers now
	if before.Running || !before.Listening {
		if status, err := a.daemon.Status(ctx); err == nil {
			old = status.Daemon
		}
	}
	if in.changed, err = m.Install(ctx, s); err != nil {
		return in, serviceError("install the service", err)
	}
	bare := old.PID != 0 && old.PID != before.PID
	switch {
	case bare:
		// The manager takes the socket first: who connects from now on waits in it.
		if err := m.Listen(ctx); err != nil {
			return in, serviceError("open the socket", err)
		}
		if err := end(old.PID); err != nil {
			return in, err
		}
		in.replaced, err = true, m.Start(ctx)
	case old.PID != 0 && (in.changed || len(in.carried) > 0 || outdated(ctx, old, s.Program)):
		in.replaced, err = true, m.Restart(ctx)
	default:
		err = m.Start(ctx)
	}
	if err != nil {
		return in, serviceError("start the service", err)
	}
	in.version, err = a.answeredBy(ctx, m)
	return in, err
}

// answeredWithin is how long a daemon that has just been started may take to answer.
const answeredWithin = 20 * time.Second

// answeredBy waits until the process that the manager has started is the one that
// answers, and returns its version.
func (a *app) answeredBy(ctx context.Context, m register.Manager) (version string, err error) {
	for late := time.Now().Add(answeredWithin); ; {
		s, err := m.State(ctx)
		if err != nil {
			return "", serviceError("ask for the service", err)
		}
		status, err := a.daemon.Status(ctx)
		if err == nil && status.Daemon.PID == s.PID {
			return status.Daemon.Version, nil
		}
		if time.Now().After(late) || ctx.Err() != nil {
			if err == nil {
				err = fmt.Errorf("process %d answers, and the service is process %d", status.Daemon.PID, s.PID)
			}
			return "", &api.Error{Code: "not-started", Message: "the service is registered, but does not answer: " + asError(err).Message, Remedy: "to see why, type: awskey logs", Exit: helper.ExitFailed}
		}
		rest(ctx, 50*time.Millisecond)
	}
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// registration is the service as this program and this shell would have it.
func (a *app) registration() (s register.Service, err error) {
	if s.Program, err = a.awskeyd(); err != nil {
		return s, err
	}
	if s.State, err = helper.StateDir(a.env); err != nil {
		return s, err
	}
	s.Socket = a.env("AWSKEYD_SOCKET")
	home := a.home()
	usual := map[string]string{"XDG_CONFIG_HOME": "/.config", "XDG_STATE_HOME": "/.local/state", "XDG_DATA_HOME": "/.local/share"}
	for _, name := range []string{"AWSKEYD_CONFIG", "AWSKEYD_STATE", "AWSKEYD_SOCKET", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "PASSWORD_STORE_DIR", "GNUPGHOME"} {
		if value := a.env(name); value != "" && value != home+usual[name] {
			s.Environ = append(s.Environ, name+"="+value)
		}
	}
	return s, nil
}

// awskeyd is the program that lies beside this one, links followed.
func (a *app) awskeyd() (string, error) {
	self, err := a.executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("could not find where awskey is installed: %w", err)
	}
	path := filepath.Join(filepath.Dir(self), "awskeyd")
	if _, err := os.Stat(path); err != nil {
		return "", &api.Error{Code: "no-daemon-program", Message: "there is no " + path, Remedy: "install awskey, awskeyd and awskey-helper in one folder", Exit: helper.ExitFailed}
	}
	return path, nil
}

// carry writes the way to AWS that this shell is told of into the configuration,
// where nothing else stands: a service inherits none of it.
func (a *app) carry() (list []carried, err error) {
	c, err := a.configured()
	if err != nil {
		return nil, err
	}
	path, err := helper.ConfigFile(a.env)
	if err != nil {
		return nil, err
	}
	now := c.AWS("")
	for _, x := range []struct {
		setting, stands string
		variables       []string
	}{
		{"proxy", now.Proxy, []string{"HTTPS_PROXY", "https_proxy"}},
		{"no_proxy", now.NoProxy, []string{"NO_PROXY", "no_proxy"}},
		{"ca_bundle", now.CABundle, []string{"AWS_CA_BUNDLE"}},
	} {
		for _, variable := range x.variables {
			value := a.env(variable)
			if value == "" || x.stands != "" {
				continue
			}
			if x.setting == "ca_bundle" {
				if value, err = filepath.Abs(value); err != nil {
					return list, err
				}
			}
			if x.setting == "proxy" && !strings.Contains(value, "://") { // as curl and the SDKs take it
				value = "http://" + value
			}
			if err := config.SetAWS(path, x.setting, value); err != nil {
				return list, &api.Error{Code: "not-carried", Message: "could not write " + variable + " into the configuration: " + err.Error(), Remedy: "unset it, or write " + x.setting + " below [aws] in " + path, Exit: helper.ExitFailed}
			}
			list = append(list, carried{variable, x.setting, value})
			break
		}
	}
	return list, nil
}

// outdated tells whether a running daemon is not what its file has become.
func outdated(ctx context.Context, d api.Daemon, program string) bool {
	if v, err := versionOf(ctx, program); err == nil && v != d.Version {
		return true
	}
	info, err := os.Stat(program)
	return err == nil && !d.StartedAt.After(info.ModTime().Truncate(time.Second))
}

func versionOf(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "version").Output()
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(strings.TrimPrefix(string(out), "awskeyd ")), nil
}

// end asks a daemon to end. It finishes what it answers.
func end(pid int) error {
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Signal(syscall.SIGTERM)
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return &api.Error{Code: "not-stopped", Message: fmt.Sprintf("could not stop the awskeyd that runs as process %d: %v", pid, err), Exit: helper.ExitFailed}
	}
	return nil
}

// configured refuses to start a service that would not, in the words that it would
// say.
func (a *app) configured() (*config.Config, error) {
	path, err := helper.ConfigFile(a.env)
	if err != nil {
		return nil, err
	}
	c, err := config.Load(config.PathsFor(path, a.home()))
	if err != nil {
		return nil, &api.Error{Code: "bad-config", Message: err.Error(), Exit: helper.ExitUsage}
	}
	return c, nil
}

// endsWithin is more than a daemon takes: an access key that is just being made is
// stored first, in 30 s.
const endsWithin = 45 * time.Second

// endBare ends the daemon that no manager has started, and waits for it.
func (a *app) endBare(ctx context.Context) error {
	status, err := a.daemon.Status(ctx)
	if isCode(err, "no-daemon") {
		return nil
	}
	if err != nil {
		return err
	}
	if err := end(status.Daemon.PID); err != nil {
		return err
	}
	for late := time.Now().Add(endsWithin); ; {
		now, err := a.daemon.Status(ctx)
		if isCode(err, "no-daemon") || err == nil && now.Daemon.PID != status.Daemon.PID {
			return nil
		}
		if time.Now().After(late) || ctx.Err() != nil {
			return &api.Error{Code: "not-stopped", Message: fmt.Sprintf("the awskeyd that runs as process %d was told to end and has not", status.Daemon.PID), Remedy: "awskey logs says what it waits for", Exit: helper.ExitFailed}
		}
		rest(ctx, 20*time.Millisecond)
	}
}

func (a *app) markStopped() error {
	folder, marker, err := a.stopMarker()
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	if err == nil {
		err = os.WriteFile(marker, nil, 0o600)
	}
	return err
}

func (a *app) unmarkStopped() error {
	_, marker, err := a.stopMarker()
	if err != nil {
		return err
	}
	if err := os.Remove(marker); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// noManager says that nothing is to be installed, or cannot be.
func noManager(err error) error {
	if errors.Is(err, register.ErrNoManager) {
		return &api.Error{Code: "no-manager", Message: err.Error(), Remedy: "nothing needs to be installed here: programs start awskeyd by themselves", Exit: helper.ExitFailed}
	}
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		return &api.Error{Code: "not-built", Message: "awskey service: not on " + runtime.GOOS + " yet", Exit: helper.ExitUsage}
	}
	return err
}

func serviceError(what string, err error) error {
	remedy := ""
	if c, ok := errors.AsType[*register.CommandError](err); ok && strings.HasPrefix(c.Command, "systemctl") {
		remedy = "systemctl --user status awskeyd says more"
	}
	return &api.Error{Code: "service", Message: "could not " + what + ": " + err.Error(), Remedy: remedy, Exit: helper.ExitFailed}
}

// text is what a person is told.
func (in installed) text(a *app) string {
	var b strings.Builder
	for n, c := range in.carried {
		if n == 0 {
			b.WriteString("A service inherits nothing of this shell, so the configuration says now:\n\n    [aws]\n")
		}
		fmt.Fprintf(&b, "    %-10s = %q  # %s\n", c.setting, withoutPassword(c.value), c.variable)
	}
	if len(in.carried) > 0 {
		b.WriteString("\n")
	}
	for _, v := range in.kept {
		fmt.Fprintf(&b, "The service is given %s of this shell.\n", printable(v))
	}
	switch {
	case in.replaced && in.changed:
		b.WriteString("The service is installed, and the one that ran was replaced.\n")
	case in.replaced:
		b.WriteString("The running service was replaced.\n")
	case in.changed:
		b.WriteString("The service is installed and runs. It begins again whenever you log in.\n")
	default:
		b.WriteString("The service is installed already and runs.\n")
	}
	fmt.Fprintf(&b, "Its version is %s.\n", printable(in.version))
	return b.String()
}

// withoutPassword is the address of a proxy as it may be shown.
func withoutPassword(text string) string {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return u.Redacted()
	}
	return text
}
