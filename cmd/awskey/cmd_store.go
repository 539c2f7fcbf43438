package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// storeCmd is the family of verbs about where keys are kept.
func (a *app) storeCmd() *cobra.Command {
	store := &cobra.Command{
		Use:   "store list|migrate",
		Short: "shows where keys can be kept, or moves them",
		Long: `list shows what can keep keys on this machine, which store is in force, and why
others cannot be used: nothing is started, unlocked, written or asked. migrate
moves every key to another store.`,
		Example: `  awskey store list
  awskey store list --json | jq -r '.stores[] | select(.in_force).name'
  awskey store migrate file`,
		Args: func(cmd *cobra.Command, args []string) error {
			return usage(cmd, "awskey store needs one of its words: list, migrate")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // else its arguments are not checked
	}
	store.AddCommand(a.storeListCmd(), a.storeMigrateCmd())
	return store
}

func (a *app) storeListCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "shows where keys can be kept here, and where they are",
		Example: "  awskey store list",
		Args:    unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := a.daemon.Backends(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				a.document(struct {
					Stores []api.Backend `json:"stores"`
				}{found})
				return nil
			}
			a.stores(found)
			return nil
		},
	}
}

// stores prints a row for each, with the reason and the remedy in lines of their
// own: they are sentences.
func (a *app) stores(found []api.Backend) {
	a.printf("%s\n", a.colour(bold, "STORE           HERE"))
	for _, b := range found {
		word := "no"
		switch {
		case b.InForce && b.Available:
			word = "in force"
		case b.InForce:
			word = "in force, and in trouble"
		case b.Available:
			word = "yes"
		}
		a.printf("%-14s  %s\n", printable(b.Name), word)
		a.printf("%s", wrapped(b.Text, strings.Repeat(" ", 16)))
		if b.Remedy != "" {
			a.printf("%s", wrapped(b.Remedy, strings.Repeat(" ", 18)))
		}
	}
}
