package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// renameCmd changes no AWS file: those lines name a profile, which may have been
// set up for the old name in the configuration.
func (a *app) renameCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "rename OLD NEW",
		Short:   "gives a key another name",
		Example: "  awskey rename work office",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := named(1)(cmd, args); err != nil {
				return err
			}
			if len(args) < 2 {
				return usage(cmd, "rename needs the OLD and the NEW name")
			}
			if !helper.ValidName(args[1]) {
				return badName(cmd)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := a.daemon.Rename(cmd.Context(), args[0], api.RenameRequest{NewName: args[1]})
			if err != nil {
				return err
			}
			if a.json {
				a.document(k)
			} else {
				a.printf("%s is now %s\n", args[0], k.Name)
			}
			if !strings.EqualFold(args[0], k.Name) {
				a.warnPointers(args[0])
			}
			return nil
		},
	}
}
