package main

import (
	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// notBuiltError begins with the words as typed.
func notBuiltError(what string) error {
	return &api.Error{Code: "not-built", Message: "awskey " + what + " is not built yet", Exit: helper.ExitUsage}
}

// laterFlag declares a flag that is promised and does not exist yet; a text
// flag where it will take a value.
func laterFlag(cmd *cobra.Command, name string, takesValue bool) {
	if takesValue {
		cmd.Flags().String(name, "", "")
	} else {
		cmd.Flags().Bool(name, false, "")
	}
	_ = cmd.Flags().MarkHidden(name) // it fails only for a flag that is not there
}

// refuseLater answers the use of such a flag.
func refuseLater(cmd *cobra.Command, flags ...string) error {
	for _, f := range flags {
		if cmd.Flags().Changed(f) {
			return notBuiltError(verb(cmd) + " --" + f)
		}
	}
	return nil
}
