package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// The help is written by hand around the list of verbs, in the words of the
// product; cobra's templates know only those of a command line.
const overview = `awskey takes AWS access keys into the keychain and looks after them.

Usage:

    awskey                       how things stand, or how to begin
    awskey VERB [NAME] [FLAGS]

Verbs:

`

const closing = `
With --json answers and errors are JSON, with times in UTC.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no daemon, 4 store locked or
blocked, 5 no such key or profile, 6 refused by policy or by unsafe file
permissions, 7 AWS refused, 8 held or under way.

Example:

    awskey add work --write
    aws --profile work sts get-caller-identity
    awskey rotate work --wait

awskey help VERB says more of one verb.
`

// helpCmd stands in for cobra's own, which answers an unknown topic with 0.
func (a *app) helpCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB]",
		Short:   "says more of a verb",
		Example: "  awskey help add",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				a.help(cmd.Root())
				return nil
			}
			verb, rest, err := cmd.Root().Find(args)
			if err != nil || verb == cmd.Root() || len(rest) > 0 {
				return unknownVerb(cmd.Root(), args[len(args)-1])
			}
			if verb.Hidden {
				return notBuiltError(strings.TrimPrefix(verb.CommandPath(), "awskey "))
			}
			a.help(verb)
			return nil
		},
	}
}

// help prints what a verb does; of the root, the list of verbs.
func (a *app) help(cmd *cobra.Command) {
	if cmd.HasParent() {
		a.helpVerb(cmd)
		return
	}
	rows := [][]string{}
	for _, c := range a.verbs {
		rows = append(rows, []string{"    " + c.Use, c.Short})
	}
	rows = append(rows, []string{"    help [VERB]", "says more of a verb"})
	a.printf("%s%s\n%s", overview, strings.Join(table(rows, 2*columns), "\n"), closing)
}

// helpVerb prints one verb's usage, its flags without those that are not built,
// and an example that can be copied.
func (a *app) helpVerb(cmd *cobra.Command) {
	text := cmd.Long
	if text == "" {
		text = strings.ToUpper(cmd.Short[:1]) + cmd.Short[1:] + "."
	}
	a.printf("%s\n\nUsage:\n\n  %s %s", text, cmd.Parent().CommandPath(), cmd.Use)
	if h := cmd.Flags().Lookup("help"); h != nil {
		h.Hidden = true
	}
	flags := cmd.LocalNonPersistentFlags()
	if flags.HasAvailableFlags() {
		a.printf(" [FLAGS]")
	}
	a.printf("\n")
	if flags.HasAvailableFlags() {
		a.printf("\nFlags:\n\n%s", flags.FlagUsages())
	}
	a.printf("\nExample:\n\n%s\n", cmd.Example)
}
