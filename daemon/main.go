package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

const usage = `awskeyd holds the access keys of IAM users and rotates them.

Usage:
  awskeyd run [--debug]   serve in the foreground, until SIGTERM or Ctrl-C
  awskeyd version         print the version
  awskeyd help            print this

Example:
  awskeyd run &
  awskey add work
`

// Main is awskeyd's whole program but for what its main links in: the
// keychains, and runner, which calls a function and ends its context when the
// system wants the program to stop.
func Main(args []string, env helper.Env, stdout, stderr *os.File, keychains Keychains, runner func(string, func(context.Context) error) error) int {
	debug := false
	switch {
	case len(args) == 1 && args[0] == "version":
		fmt.Fprintln(stdout, "awskeyd", api.Version())
		return helper.ExitOK
	case len(args) == 1 && (args[0] == "help" || args[0] == "--help" || args[0] == "-h"):
		fmt.Fprint(stdout, usage)
		return helper.ExitOK
	case len(args) == 2 && args[0] == "run" && args[1] == "--debug":
		debug = true
	case len(args) == 1 && args[0] == "run":
	default:
		fmt.Fprintln(stderr, "awskeyd: wrong usage; type: awskeyd help")
		return helper.ExitUsage
	}
	overwrite()
	if err := helper.NoDumps(); err != nil {
		fmt.Fprintln(stderr, "awskeyd: core dumps cannot be switched off, and may hold secrets: "+err.Error())
	}
	stopped := false // the system wanted the program to stop
	err := runner("awskeyd", func(ctx context.Context) error {
		err := Run(ctx, env, keychains, stderr, debug)
		stopped = ctx.Err() != nil // before the runner ends it in any case
		return err
	})
	restart := errors.Is(err, errRestart)
	if err == nil || restart && stopped {
		return helper.ExitOK
	}
	if restart {
		err = again()
	}
	fmt.Fprintln(stderr, "awskeyd: "+helper.Line(err.Error()))
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Exit
	}
	return helper.ExitFailed
}
