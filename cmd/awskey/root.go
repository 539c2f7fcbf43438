package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// app is one run of awskey: everything it takes from the process it runs in.
type app struct {
	stdin, stdout, stderr *os.File
	env                   helper.Env
	now                   func() time.Time
	executable            func() (string, error)

	daemon   *api.Client      // whether one listens shows at the first request
	verbs    []*cobra.Command // what is built, in the order of the help
	json     bool
	noHelp   error // --help was typed behind a word that is no verb; cobra takes no error for it
	writeErr error // the first failure to write to stdout
	progress atomic.Pointer[progress]
}

// Main runs one command line and returns the exit code.
func Main(args []string, stdin, stdout, stderr *os.File, env helper.Env) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, env: env, now: time.Now, executable: os.Executable}
	return a.main(args)
}

// main runs until Ctrl-C or SIGTERM, which end every wait.
func (a *app) main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return a.run(ctx, args)
}

// run is main under a context of the caller's: what a test ends in place of
// Ctrl-C.
func (a *app) run(ctx context.Context, args []string) int {
	// Read by hand as well: a command line that does not parse is answered in
	// JSON too.
	a.json = slices.Contains(args, "--json")
	a.daemon = api.Dial(a.env)
	a.daemon.Waiting = a.forService
	defer a.daemon.Close()
	root := a.root()
	// Never nil: cobra would take the process's own arguments.
	root.SetArgs(append([]string{}, args...))
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.noHelp
	}
	if err == nil && a.writeErr != nil {
		err = fmt.Errorf("could not write the answer: %w", a.writeErr)
	}
	return a.fail(err)
}

// root is the tree of verbs.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "awskey",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownVerb(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if v, _ := cmd.Flags().GetBool("version"); v {
				return a.version()
			}
			return a.begin(cmd.Context())
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.Flags().Bool("version", false, "the same as awskey version")
	root.PersistentFlags().BoolVar(&a.json, "json", a.json, "one JSON document instead of text")
	root.SetOut(a.stdout) // what a shell completes is an answer
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(cmd, err.Error())
	})
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if words := cmd.Flags().Args(); cmd == root && len(words) > 0 {
			a.noHelp = unknownVerb(root, words[0])
			return
		}
		a.help(cmd)
	})
	root.SetHelpCommand(a.helpCmd())
	a.verbs = []*cobra.Command{
		a.initCmd(), a.addCmd(), a.listCmd(), a.statusCmd(),
		a.rotateCmd(), a.rollbackCmd(), a.pauseCmd(), a.resumeCmd(), a.resolveCmd(),
		a.renameCmd(), a.removeCmd(), a.ejectCmd(),
		a.lockCmd(), a.unlockCmd(),
		a.historyCmd(), a.logsCmd(), a.policyCmd(), a.storeCmd(), a.serviceCmd(), a.doctorCmd(), a.scanCmd(), a.versionCmd(),
		a.completionCmd(), a.demoCmd(),
	}
	a.completions()
	root.AddCommand(a.verbs...)
	root.AddCommand(a.linesCmd())
	return root
}

// usage is a wrong command line: one line, with the help to read.
func usage(cmd *cobra.Command, message string) error {
	remedy := "awskey help lists the verbs"
	if cmd.HasParent() {
		remedy = "awskey help " + verb(cmd) + " shows how"
	}
	return &api.Error{Code: "usage", Message: message, Remedy: remedy, Exit: helper.ExitUsage}
}

// verb is what is typed after awskey, such as rotate or store list.
func verb(cmd *cobra.Command) string { return strings.TrimPrefix(cmd.CommandPath(), "awskey ") }

// unknownVerb is the one place where a typed word is repeated: without it the
// person cannot find the mistake.
func unknownVerb(root *cobra.Command, word string) error {
	message := fmt.Sprintf("there is no verb %q", word)
	root.SuggestionsMinimumDistance = 2 // cobra sets it only for its own message
	if near := root.SuggestionsFor(word); len(near) > 0 {
		message += ", did you mean " + strings.Join(near, " or ")
	}
	return usage(root, message)
}

// named takes the NAME of a key and at most more further words. What was typed
// is not repeated: it may be a secret in the wrong place.
func named(more int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usage(cmd, verb(cmd)+" needs the NAME of a key")
		case len(args) > 1+more:
			return usage(cmd, "too many words after awskey "+verb(cmd))
		case !helper.ValidName(args[0]):
			return badName(cmd)
		}
		return nil
	}
}

// maybeNamed takes no NAME or one.
func maybeNamed(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return named(0)(cmd, args)
}

// unnamed takes nothing.
func unnamed(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd, "awskey "+verb(cmd)+" takes no words after it")
	}
	return nil
}

// badName gives the rule, for the helper's own check.
func badName(cmd *cobra.Command) error {
	return usage(cmd, "a name is 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit")
}
