package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/awskeyd/awskeyd/packaging/register"
)

// serviceStatus is the document of awskey service status.
type serviceStatus struct {
	Manager   string          `json:"manager,omitempty"` // absent where there is none
	File      string          `json:"file,omitempty"`    // that registers the service
	Installed bool            `json:"installed"`
	Enabled   bool            `json:"enabled"`   // it begins at the next login
	Running   bool            `json:"running"`   // whoever has started it
	Listening bool            `json:"listening"` // the manager starts it when somebody connects
	Stopped   bool            `json:"stopped"`   // a person has stopped it: no program starts it
	Program   *serviceProgram `json:"program,omitempty"`
	Process   *serviceProcess `json:"process,omitempty"`
}

type serviceProgram struct {
	Path    string `json:"path"`
	Version string `json:"version,omitempty"`
}

type serviceProcess struct {
	PID       int       `json:"pid"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
}

// serviceNow asks without starting anything: where the manager listens and nothing
// runs, a question at the socket would begin it.
func (a *app) serviceNow(ctx context.Context) (serviceStatus, error) {
	var s serviceStatus
	m, err := register.Find(ctx, a.env, os.Getuid())
	switch {
	case err == nil:
		state, err := m.State(ctx)
		if err != nil {
			return s, serviceError("ask for the service", err)
		}
		s = serviceStatus{Manager: state.Manager, File: state.File, Installed: state.Installed, Enabled: state.Enabled, Running: state.Running, Listening: state.Listening}
		if state.Program != "" {
			s.Program = &serviceProgram{Path: state.Program}
		}
	case !errors.Is(err, register.ErrNoManager):
		return s, noManager(err)
	}
	if s.Program == nil {
		if path, err := a.beside("awskeyd"); err == nil {
			s.Program = &serviceProgram{Path: path}
		}
	}
	if s.Program != nil {
		s.Program.Version, _ = versionOf(ctx, s.Program.Path) // absent, if it cannot be run
	}
	if _, marker, err := a.stopMarker(); err == nil {
		_, err = os.Lstat(marker)
		s.Stopped = err == nil
	}
	if s.Listening && !s.Running {
		return s, nil
	}
	status, err := a.daemon.Status(ctx)
	if err == nil {
		s.Running = true
		s.Process = &serviceProcess{PID: status.Daemon.PID, Version: status.Daemon.Version, StartedAt: status.Daemon.StartedAt}
	} else if !isCode(err, "no-daemon") && !s.Running {
		return s, err
	}
	return s, nil
}

func (a *app) showService(s serviceStatus) {
	word := func(yes bool, a, b string) string {
		if yes {
			return a
		}
		return b
	}
	switch {
	case s.Manager == "":
		a.printf("%-11s no service manager runs services of yours here; programs start awskeyd by themselves\n", "installed")
	case !s.Installed:
		a.printf("%-11s no; to register it with %s: awskey service install\n", "installed", s.Manager)
	default:
		a.printf("%-11s with %s, by %s\n", "installed", s.Manager, printable(a.tilde(s.File)))
		a.printf("%-11s %s\n", "at login", word(s.Enabled, "it begins", "it does not begin; awskey service install mends it"))
	}
	switch {
	case s.Stopped:
		a.printf("%-11s no: it was stopped; awskey service start\n", "running")
	case s.Process != nil:
		a.printf("%-11s yes, as process %d since %s\n", "running", s.Process.PID, s.Process.StartedAt.Local().Format("2006-01-02 15:04"))
	case s.Running:
		a.printf("%-11s yes, and it does not answer\n", "running")
	case s.Listening:
		a.printf("%-11s no; it begins when a program asks for a key\n", "running")
	default:
		a.printf("%-11s no\n", "running")
	}
	if s.Program != nil {
		version := s.Program.Version
		if version == "" {
			version = "cannot be run"
		}
		a.printf("%-11s %s, %s\n", "program", printable(version), printable(a.tilde(s.Program.Path)))
	}
	if s.Process != nil && s.Program != nil && s.Process.Version != s.Program.Version {
		a.printf("%-11s %s: awskey service restart brings the program as it is now\n", "process", printable(s.Process.Version))
	}
}
