package main

import (
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Of each verb it was thought about what follows it, and of each flag with a value
// what that can be: a shell offers files where nobody has.
func TestNothingIsLeftToTheShell(t *testing.T) {
	a := &app{env: func(string) string { return "" }, now: time.Now}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.Hidden && cmd.HasParent() && cmd.Name() != "scan" && cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && !cmd.HasSubCommands() {
			t.Errorf("awskey %s: nothing says what follows", verb(cmd))
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if _, known := cmd.GetFlagCompletionFunc(f.Name); !known && !f.Hidden && f.NoOptDefVal == "" {
				t.Errorf("awskey %s --%s: nothing says what its value can be", verb(cmd), f.Name)
			}
		})
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(a.root())
}
