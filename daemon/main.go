package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

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

// Starter is what has started the program: a service manager, a terminal, or a
// helper that found none.
type Starter struct {
	// Run calls a function and ends its context when the system wants the program
	// to stop.
	Run func(name string, run func(context.Context) error) error
	// Socket is one that a manager listens on in the program's place, and goes on
	// listening on when the program ends; nil if there is none.
	Socket net.Listener
	// Watchdog is the time within which a manager wants to hear of the program; 0
	// if none does.
	Watchdog time.Duration
	// Tell says a state to the manager, in the words of sd_notify(3); nil if nobody
	// listens.
	Tell func(state string)
	// Alone says that nothing but this program runs in the process, so that it may
	// steer Go's collector.
	Alone bool
	// Again executes the program anew in the same process, with all of this. It
	// returns only on failure.
	Again func() error
}

func (s Starter) tell(state string) {
	if s.Tell != nil {
		s.Tell(state)
	}
}

// Main is awskeyd's whole program but for what its main links in.
func Main(args []string, env helper.Env, stdout, stderr *os.File, keychains Keychains, starter Starter) int {
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
	overwrite(starter.Again)
	if err := helper.NoDumps(); err != nil {
		fmt.Fprintln(stderr, "awskeyd: core dumps cannot be switched off, and may hold secrets: "+err.Error())
	}
	stopped := false // the system wanted the program to stop
	err := starter.Run("awskeyd", func(ctx context.Context) error {
		err := Run(ctx, env, keychains, starter, stderr, debug)
		stopped = ctx.Err() != nil // before the runner ends it in any case
		return err
	})
	restart := errors.Is(err, errRestart)
	if err == nil || restart && stopped {
		return helper.ExitOK
	}
	if restart {
		err = starter.Again()
	}
	fmt.Fprintln(stderr, "awskeyd: "+helper.Line(err.Error()))
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Exit
	}
	return helper.ExitFailed
}
