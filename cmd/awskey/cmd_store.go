package main

import (
	"github.com/spf13/cobra"
)

// storeCmd is the family of verbs about where keys are kept.
func (a *app) storeCmd() *cobra.Command {
	store := &cobra.Command{
		Use:     "store migrate TO",
		Short:   "moves every key to another store",
		Example: "  awskey store migrate file",
		Args: func(cmd *cobra.Command, args []string) error {
			return usage(cmd, "awskey store needs one of its words: migrate")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // else its arguments are not checked
	}
	store.AddCommand(a.storeMigrateCmd())
	return store
}
