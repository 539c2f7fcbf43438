package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/packaging/register"
)

// serviceCmd is the family of verbs about the service as the system sees it.
func (a *app) serviceCmd() *cobra.Command {
	service := &cobra.Command{
		Use:   "service WORD",
		Short: "registers the service, starts and stops it",
		Long: `WORD is install, uninstall, start, stop, restart or status.

install lets your system start awskeyd when you log in, or when a program first
asks for a key; nothing of it needs root. Typed again it brings everything up to
date: a running service of an older version is replaced, and no request is
refused. stop also keeps programs from starting it, until start.

Where the system runs no services for you, as in most containers, nothing needs
to be installed: programs start awskeyd by themselves.`,
		Example: `  awskey service install
  awskey service status
  awskey service stop`,
		Args: func(cmd *cobra.Command, _ []string) error {
			return usage(cmd, "awskey service needs one of its words: install, uninstall, start, stop, restart, status")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // else its arguments are not checked
	}
	for _, w := range []struct {
		word, short string
		do          func(context.Context) (string, error)
	}{
		{"install", "registers the service and starts it; again, to upgrade it", a.serviceInstall},
		{"uninstall", "stops the service and takes its registration back", a.serviceUninstall},
		{"start", "starts the service", a.serviceStart},
		{"stop", "stops the service until start", a.serviceStop},
		{"restart", "replaces the running service; no request is refused", a.serviceRestart},
	} {
		service.AddCommand(&cobra.Command{
			Use: w.word, Short: w.short, Example: "  awskey service " + w.word, Args: unnamed,
			RunE: func(cmd *cobra.Command, _ []string) error {
				said, err := w.do(cmd.Context())
				if err != nil {
					return err
				}
				if a.json {
					s, err := a.serviceNow(cmd.Context())
					if err == nil {
						a.document(s)
					}
					return err
				}
				a.printf("%s", said)
				return nil
			},
		})
	}
	service.AddCommand(&cobra.Command{
		Use: "status", Short: "shows whether the service is installed and runs", Args: unnamed,
		Example: "  awskey service status\n  awskey service status --json | jq .process.version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.serviceNow(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				a.document(s)
			} else {
				a.showService(s)
			}
			return nil
		},
	})
	return service
}

func (a *app) serviceInstall(ctx context.Context) (string, error) {
	m, err := a.manager(ctx)
	if err != nil {
		return "", err
	}
	in, err := a.install(ctx, m)
	if err != nil {
		return "", err
	}
	return in.text(), nil
}

func (a *app) serviceUninstall(ctx context.Context) (string, error) {
	m, err := a.manager(ctx)
	if err != nil {
		return "", err
	}
	if err := serviceError("take the service back", m.Uninstall(ctx)); err != nil {
		return "", err
	}
	if err := a.unmarkStopped(); err != nil {
		return "", err
	}
	return "The service is no longer registered. Your keys and settings stay as they are, and\nprograms that ask for a key start awskeyd by themselves; awskey eject moves out.\n", nil
}

func (a *app) serviceStart(ctx context.Context) (string, error) {
	m, err := a.mayRun(ctx)
	switch {
	case err != nil:
	case m != nil:
		err = serviceError("start the service", m.Start(ctx))
	default:
		err = a.awake()
	}
	if err != nil {
		return "", err
	}
	return a.runs(ctx)
}

// serviceStop leaves the mark first: a program that asks in between must not start
// it again.
func (a *app) serviceStop(ctx context.Context) (string, error) {
	m, err := a.registered(ctx)
	if err != nil {
		return "", err
	}
	if err := a.markStopped(); err != nil {
		return "", err
	}
	if m != nil {
		if err := serviceError("stop the service", m.Stop(ctx)); err != nil {
			return "", err
		}
	}
	if err := a.endBare(ctx); err != nil {
		return "", err
	}
	return "The service is stopped, and no program starts it again until\n\n    awskey service start\n", nil
}

func (a *app) serviceRestart(ctx context.Context) (string, error) {
	m, err := a.mayRun(ctx)
	switch {
	case err != nil:
	case m != nil:
		err = serviceError("restart the service", m.Restart(ctx))
	default:
		if err = a.endBare(ctx); err == nil {
			err = a.awake()
		}
	}
	if err != nil {
		return "", err
	}
	return a.runs(ctx)
}

// mayRun takes away what keeps the service from being started, and returns the
// manager that is to do it; nil if none knows it.
func (a *app) mayRun(ctx context.Context) (register.Manager, error) {
	if _, err := a.configured(); err != nil {
		return nil, err
	}
	if err := a.unmarkStopped(); err != nil {
		return nil, err
	}
	return a.registered(ctx)
}

// manager is who starts services here, or why there is none.
func (a *app) manager(ctx context.Context) (register.Manager, error) {
	m, err := register.Find(ctx, a.env, os.Getuid())
	if err != nil {
		return nil, noManager(err)
	}
	return m, nil
}

// registered is the manager if it knows the service, else nil.
func (a *app) registered(ctx context.Context) (register.Manager, error) {
	m, err := register.Find(ctx, a.env, os.Getuid())
	if errors.Is(err, register.ErrNoManager) {
		return nil, nil // it is started and stopped without one
	}
	if err != nil {
		return nil, noManager(err)
	}
	s, err := m.State(ctx)
	if err != nil {
		return nil, serviceError("ask for the service", err)
	}
	if !s.Installed {
		return nil, nil
	}
	return m, nil
}

// runs says which process answers.
func (a *app) runs(ctx context.Context) (string, error) {
	s, err := a.daemon.Status(ctx)
	if err != nil {
		return "", err
	}
	return "The service runs, version " + printable(s.Daemon.Version) + ".\n", nil
}

// steered tells whether somebody steers the daemon by AWSKEYD_ variables, who also
// starts it.
func (a *app) steered() bool {
	for _, name := range []string{"AWSKEYD_CONFIG", "AWSKEYD_STATE", "AWSKEYD_SOCKET"} {
		if a.env(name) != "" {
			return true
		}
	}
	return false
}

func (a *app) stopMarker() (folder, marker string, err error) {
	folder, err = helper.StateDir(a.env)
	return folder, helper.StopMarker(folder), err
}
