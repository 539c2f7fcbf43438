package main

import (
	"fmt"
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

// exitCodes are what all programs end with, from 0 on.
var exitCodes = []string{
	"done", "failed", "wrong usage", "no daemon", "store locked or blocked", "no such key or profile",
	"refused by policy or by unsafe file permissions", "AWS refused", "held or under way",
}

const example = `  awskey add work --write
  aws --profile work sts get-caller-identity
  awskey rotate work --wait`

// closing ends the list of verbs.
func closing() string {
	codes := make([]string, len(exitCodes))
	for n, means := range exitCodes {
		codes[n] = fmt.Sprint(n, " ", means)
	}
	return `
With --json answers and errors are JSON, with times in UTC.

` + wrapped("Exit codes: "+strings.Join(codes, ", ")+".", "") + `
Example:

` + indented(example, "  ") + `

awskey help VERB says more of one verb.
`
}

// indented puts more space before each line.
func indented(text, by string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}

// helpCmd stands in for cobra's own, which answers an unknown topic with 0.
func (a *app) helpCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB]",
		Short:   "says more of a verb",
		Example: "  awskey help add",

		ValidArgsFunction: completeVerb,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				a.help(cmd.Root())
				return nil
			}
			verb, rest, err := cmd.Root().Find(args)
			switch {
			case err != nil || verb == cmd.Root() || verb.Hidden || len(rest) > 0:
				return unknownVerb(cmd.Root(), args[len(args)-1])
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
	a.printf("%s%s\n%s", overview, strings.Join(table(rows, 2*columns), "\n"), closing())
}

// saysOf is what a verb does, in full.
func saysOf(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return strings.ToUpper(cmd.Short[:1]) + cmd.Short[1:] + "."
}

// helpVerb prints one verb's usage, its flags without those that are not built,
// and an example that can be copied.
func (a *app) helpVerb(cmd *cobra.Command) {
	a.printf("%s\n\nUsage:\n\n  %s %s", saysOf(cmd), cmd.Parent().CommandPath(), cmd.Use)
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
