package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// policyCmd prints a document for aws iam put-user-policy: nothing but the JSON
// goes to standard output. People lack rights more often than anything else
// (99designs/aws-vault#190).
func (a *app) policyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "policy NAME",
		Short: "prints the IAM policy that the key needs",
		Long: `Prints the least IAM policy that lets the key rotate itself, as JSON. Attach it
to the IAM user by an administrator's hand.`,
		Example: `  awskey policy work > policy.json
  aws iam put-user-policy --user-name alice --policy-name rotate-own-key \
      --policy-document file://policy.json`,
		Args: named(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.daemon.Policy(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			// The same with --json: the document is JSON already.
			a.printf("%s\n", strings.TrimSpace(p.Document))
			return nil
		},
	}
}
