// Package register makes awskeyd a service of one user: it writes what the
// service manager reads, and asks it to start, stop and forget the program.
//
// It needs no root, and it must never touch what other services own. It does not
// use kardianos/service, whose registration would have to be undone by hand: its
// systemd unit is never started at a login (kardianos/service#415), it refuses to
// install over an older version, knows no sockets, and on macOS its Restart can
// leave the program unloaded (kardianos/service#358).
package register

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// Service is what is to be registered.
type Service struct {
	Program string   // absolute path of awskeyd
	Socket  string   // absolute; "" is where the manager's own runtime folder has it
	State   string   // the state folder
	Environ []string // NAME=value, that the manager does not give by itself
}

// State is what a manager says of the service.
type State struct {
	Manager   string // systemd or launchd
	File      string // that registers it; "" if there is none
	Program   string // that the file names
	Installed bool
	Enabled   bool // begins at the next login, or at the first connection
	Running   bool
	Listening bool // the manager holds the socket and starts the program when somebody connects
	PID       int  // of the running program, else 0
}

// Manager starts the services of one user. Each method waits for the manager, a
// minute at most, and its errors name the command that failed.
type Manager interface {
	// Install writes what the manager reads, and enables it; changed says whether
	// anything was other than it is now. It starts nothing.
	Install(ctx context.Context, s Service) (changed bool, err error)
	// Uninstall stops the program and takes out what Install wrote.
	Uninstall(ctx context.Context) error
	// Listen lets the manager take the socket, also from a program that it has not
	// started; where the manager takes none it does nothing.
	Listen(ctx context.Context) error
	// Start returns once the program is ready; it does nothing where it runs.
	Start(ctx context.Context) error
	// Stop ends the program and whatever would start it again.
	Stop(ctx context.Context) error
	// Restart replaces the running program. What connects meanwhile waits, where
	// the manager holds the socket.
	Restart(ctx context.Context) error
	State(ctx context.Context) (State, error)
}

// ErrNoManager is the error where nothing here runs services of a user, as in most
// containers: programs then start awskeyd by themselves.
var ErrNoManager = errors.New("no service manager runs services of yours here")

// Find returns the manager of this system, once it has answered. uid is the user's.
func Find(ctx context.Context, env helper.Env, uid int) (Manager, error) {
	return find(ctx, env, uid, command)
}

// runner runs a program of the manager and returns what it printed.
type runner func(ctx context.Context, name string, args ...string) (string, error)

// answerWithin is more than any program takes to begin or to end: an access key
// that is just being made is stored first, in 30 s.
const answerWithin = time.Minute

func command(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("it did not answer: %w", ctx.Err())
	}
	if err != nil {
		said := strings.TrimSpace(errs.String())
		if said == "" {
			said = err.Error()
		}
		return out.String(), &CommandError{Command: strings.Join(append([]string{name}, args...), " "), Said: said, err: err}
	}
	return out.String(), nil
}

// CommandError is a command of the manager that failed.
type CommandError struct {
	Command string // as a person would type it
	Said    string // what it said about it
	err     error
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("%s failed: %s", e.Command, helper.Line(e.Said))
}

func (e *CommandError) Unwrap() error { return e.err }

// check refuses paths that the managers' files can hold only by rules of quoting
// that differ from version to version, or not at all.
func (s Service) check() error {
	if strings.ContainsAny(s.Program, "\"'\\$%\n\r\t") {
		return fmt.Errorf("the path of awskeyd, %q, has a sign in it that a service manager may misread; install it elsewhere", s.Program)
	}
	for what, path := range map[string]string{"the socket": s.Socket, "the state folder": s.State} {
		if strings.ContainsAny(path, "%\n\r") {
			return fmt.Errorf("the path of %s, %q, has a sign in it that a service manager may misread; choose another", what, path)
		}
	}
	return nil
}
