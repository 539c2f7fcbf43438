package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What the whole command line is, for whoever makes a page of it (packaging/manual):
// the very texts that help prints.
type (
	commandLine struct {
		About     string     `json:"about"`
		Verbs     []verbLine `json:"verbs"` // in the order of the help
		Flags     []flagLine `json:"flags"` // of every verb
		ExitCodes []string   `json:"exit_codes"`
		Example   string     `json:"example"`
	}
	verbLine struct {
		Use     string     `json:"use"` // store list, and what follows
		Short   string     `json:"short"`
		Text    string     `json:"text"`
		Flags   []flagLine `json:"flags"`
		Example string     `json:"example"`
	}
	flagLine struct {
		Name   string `json:"name"`
		Letter string `json:"letter,omitempty"`
		Takes  string `json:"takes,omitempty"`
		Text   string `json:"text"`
	}
)

// linesCmd stands in no help: it is nothing that a person types.
func (a *app) linesCmd() *cobra.Command {
	return &cobra.Command{
		Use:    "__lines",
		Short:  "prints all that help says as one JSON document",
		Hidden: true,
		Args:   unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error {
			about, _, _ := strings.Cut(overview, "\n")
			a.document(commandLine{about, a.lines(append(a.verbs[:len(a.verbs):len(a.verbs)], help(cmd.Root()))), flagLines(cmd.Root().Flags()), exitCodes, example})
			return nil
		},
	}
}

// help is the verb, which cobra keeps apart from the others.
func help(root *cobra.Command) *cobra.Command {
	at := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "help" })
	return root.Commands()[at]
}

// lines tells of verbs, and behind each of those below it.
func (a *app) lines(verbs []*cobra.Command) (list []verbLine) {
	for _, v := range verbs {
		use := strings.TrimPrefix(v.Parent().CommandPath()+" "+v.Use, "awskey ")
		list = append(list, verbLine{use, v.Short, saysOf(v), flagLines(v.LocalNonPersistentFlags()), v.Example})
		list = append(list, a.lines(v.Commands())...)
	}
	return list
}

func flagLines(flags *pflag.FlagSet) []flagLine {
	list := []flagLine{}
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			takes, text := pflag.UnquoteUsage(f)
			list = append(list, flagLine{f.Name, f.Shorthand, takes, text})
		}
	})
	return list
}
