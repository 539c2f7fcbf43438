package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
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
	if s.Program, err = a.beside("awskeyd"); err != nil {
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

// noManager says that nothing is to be installed, or cannot be.
func noManager(err error) error {
	if errors.Is(err, register.ErrNoManager) {
		return &api.Error{Code: "no-manager", Message: err.Error(), Remedy: "nothing needs to be installed here: programs start awskeyd by themselves", Exit: helper.ExitFailed}
	}
	if runtime.GOOS == "windows" {
		return &api.Error{Code: "not-built", Message: "awskey service: not on " + runtime.GOOS + " yet", Exit: helper.ExitUsage}
	}
	return err
}

func serviceError(what string, err error) error {
	if err == nil {
		return nil
	}
	remedy := ""
	if c, ok := errors.AsType[*register.CommandError](err); ok && strings.HasPrefix(c.Command, "systemctl") {
		remedy = "systemctl --user status awskeyd says more"
	}
	return &api.Error{Code: "service", Message: "could not " + what + ": " + err.Error(), Remedy: remedy, Exit: helper.ExitFailed}
}

// text is what a person is told.
func (in installed) text() string {
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
