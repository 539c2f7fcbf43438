package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/scan/repository"
	"github.com/awskeyd/awskeyd/helper"
)

// scanning is one run of awskey scan.
type scanning struct {
	*app
	staged, gitignore, noHistory, sarif, installHook bool
	check, sign                                      bool

	search *search
}

func (a *app) scanCmd() *cobra.Command {
	s := &scanning{app: a}
	cmd := &cobra.Command{
		Use:   "scan [PATH…]",
		Short: "finds access keys in files and in the history of git",
		Long: `Looks for access keys in the files below PATH, or below this folder, and in
all that its git repository has ever held. Nothing is changed, AWS is asked only
with --check, and no secret is shown. Each finding says where it stands, since which commit,
and what to type. It ends with 1 if there is one.

A line with awskey:allow on it is left out, and so is what .awskey-allow at the
top of the repository names: one access key id or path a line.`,
		Example: `  awskey scan
  awskey scan ~/src --gitignore --no-history
  awskey scan --check
  awskey scan --json | jq -r '.findings[] | select(.ours) | .path'
  awskey scan --sarif > keys.sarif
  awskey scan --install-hook`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case s.staged && s.installHook:
				return usage(cmd, "--staged is what the hook runs: --install-hook writes it")
			case (s.staged || s.installHook) && len(args) > 0:
				return usage(cmd, "this looks at the repository you are in: leave PATH out")
			case s.sign && !s.check:
				return usage(cmd, "--sign says how --check may ask: add --check")
			case s.check && s.installHook:
				return usage(cmd, "--install-hook looks at nothing: leave --check out")
			case s.sarif && a.json:
				return usage(cmd, "--sarif and --json are two documents: leave one out")
			case s.installHook:
				return s.hook(cmd.Context())
			}
			return s.run(cmd.Context(), args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&s.gitignore, "gitignore", false, "leave out the files that git ignores")
	flags.BoolVar(&s.noHistory, "no-history", false, "look at the files alone")
	flags.BoolVar(&s.staged, "staged", false, "look at what is about to be committed")
	flags.BoolVar(&s.sarif, "sarif", false, "write SARIF, which code hosts read")
	flags.BoolVar(&s.check, "check", false, "ask AWS whether they work, by the rights of your keys")
	flags.BoolVar(&s.sign, "sign", false, "and by signing with what was found (--check)")
	flags.BoolVar(&s.installHook, "install-hook", false, "have git commit look first (pre-commit)")
	return cmd
}

func (s *scanning) run(ctx context.Context, paths []string) error {
	s.search = &search{keep: s.sign, noHistory: s.noHistory, gitignore: s.gitignore, workers: runtime.GOMAXPROCS(0), trouble: func(path string, err error) {
		s.note("%s was not read: %v", s.tilde(path), err)
	}}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	look := func() error { return s.search.paths(ctx, paths) }
	if s.staged {
		look = func() error { return s.search.index(ctx) }
	}
	seen := s.waits(s.search.extent)
	err := look()
	seen.end()
	if err != nil && ctx.Err() == nil {
		return s.cannot(err)
	}
	found := s.search.findings()
	err = s.judge(ctx, found)
	if ctx.Err() != nil {
		err = &api.Error{Code: "stopped", Message: "stopped after " + s.search.extent() + "; what was found so far is all that was shown", Exit: helper.ExitFailed}
	}
	switch {
	case err != nil && (s.json || s.sarif): // one document, and never a part that passes for the whole
	case s.sarif:
		s.document(sarifOf(found))
	case s.json:
		s.document(scanned{Findings: documents(found)})
	case err == nil || len(found) > 0:
		s.show(found)
	}
	if err == nil && len(found) > 0 {
		err = silent(helper.ExitFailed)
	}
	return err
}

// cannot says what keeps from looking.
func (s *scanning) cannot(err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok { // of the allow file
		return e
	}
	e := &api.Error{Code: "scan", Message: "cannot look for access keys: " + err.Error(), Exit: helper.ExitFailed}
	switch {
	case errors.Is(err, repository.ErrNone):
		e.Remedy = "type it in a folder that git keeps"
	case errors.Is(err, repository.ErrNoGit):
		e.Remedy = "install git, or leave the history out: awskey scan --no-history"
	case errors.Is(err, os.ErrNotExist):
		e.Exit = helper.ExitUsage
	}
	return e
}

// hook installs the pre-commit hook of the repository in which awskey is run.
func (s *scanning) hook(ctx context.Context) error {
	repo, err := repository.OpenHere(ctx)
	if err != nil {
		return s.cannot(err)
	}
	program, err := s.executable()
	if err != nil {
		return err
	}
	path, shared, err := repo.InstallHook(ctx, program)
	if errors.Is(err, repository.ErrManaged) {
		return &api.Error{Code: "hooks-managed", Message: "cannot install the hook: " + err.Error() + ", and " + s.tilde(path) + " is another program's to write",
			Remedy: "add this line to the pre-commit hook that you keep there: awskey scan --staged", Exit: helper.ExitFailed}
	}
	if err != nil {
		return fmt.Errorf("cannot install the hook: %w", err)
	}
	if s.json {
		s.document(map[string]any{"path": path, "shared": shared})
		return nil
	}
	s.printf("git commit looks for access keys from now on: %s\n", s.tilde(path))
	if shared {
		s.note("core.hooksPath is set, so that every repository that uses this folder has the hook")
	}
	return nil
}
