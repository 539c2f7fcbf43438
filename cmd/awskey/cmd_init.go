package main

import (
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/helper"
)

// initing is one run of awskey init.
type initing struct {
	*app
	dryRun, yes, noRotate bool
	profile               string
	files                 awsfiles.Files
}

// initCmd moves in. Every step is durable and can be done again, so that a run
// that was cut off anywhere is finished by the next one.
func (a *app) initCmd() *cobra.Command {
	in := &initing{app: a}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "takes in the plaintext keys of your AWS files",
		Long: `Finds the access keys that stand in plaintext: in the AWS files, in the start-up
files of shells, in the environment and among the downloads. It asks AWS whose
they are, shows what will change, and asks you.

Then, for each: the key goes into the store, the credential_process line into the
AWS config, the helper proves that it works, and only then the plaintext goes.
Last the first rotation begins, which makes the copy that lay on disk worthless.`,
		Example: `  awskey init --dry-run
  awskey init
  awskey init --profile work --yes`,
		Args: unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error { return in.run(cmd) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&in.dryRun, "dry-run", false, "show what would change, and change nothing")
	flags.BoolVarP(&in.yes, "yes", "y", false, "do not ask")
	flags.StringVar(&in.profile, "profile", "", "only the key of the AWS profile `P`")
	flags.BoolVar(&in.noRotate, "no-rotate", false, "leave the first rotation to its schedule")
	return cmd
}

func (i *initing) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	var err error
	if i.files, err = i.awsFiles(); err != nil {
		return err
	}
	if err := i.awake(); err != nil {
		return err
	}
	p, err := i.plan(ctx)
	if err != nil {
		return err
	}
	if !i.json {
		i.show(p)
	}
	if !p.nothing() && !i.dryRun {
		if err := i.agreed(cmd); err != nil {
			return err
		}
		if err := i.do(ctx, p); err != nil {
			return err
		}
	}
	if i.json {
		i.document(p.document(i.dryRun))
	}
	return nil
}

// awake starts the daemon where none runs, as the helper would: a newcomer has
// typed nothing but this.
func (a *app) awake() error {
	deadline := helper.Now() + helper.Moment(3*time.Second)
	fd, err := helper.Dial(a.env, deadline)
	if errors.Is(err, helper.ErrNoDaemon) {
		fd, err = helper.Start(a.env, os.Environ(), deadline)
	}
	if err != nil {
		return err
	}
	return os.NewFile(fd, "awskeyd").Close()
}

// agreed asks the one question, unless it was answered on the command line.
func (i *initing) agreed(cmd *cobra.Command) error {
	if i.yes {
		return nil
	}
	p := i.person()
	if p == nil {
		return usage(cmd, "there is no terminal to ask at; use --yes, or --dry-run to see what would change")
	}
	yes, err := p.yes(cmd.Context(), "\nDo this?")
	if err == nil && !yes {
		err = &api.Error{Code: "stopped", Message: "nothing was changed", Exit: helper.ExitFailed}
	}
	return err
}
