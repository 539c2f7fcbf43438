package main

import (
	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// resolveCmd leaves it to the daemon what can be chosen: between the showing and
// the choosing the hold may have changed.
func (a *app) resolveCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "resolve NAME [CHOICE]",
		Short: "shows a hold and its choices, or settles it",
		Long: `Shows why a key is held and what can be done about it, or does it. A hold is a
rotation that stopped because a person must decide; until then the key is handed
out as before, and nothing in IAM changes.`,
		Example: `  awskey resolve work
  awskey resolve work wait`,
		Args: named(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var k api.Key
			var err error
			if len(args) == 1 {
				k, err = a.daemon.Key(cmd.Context(), args[0])
			} else {
				k, err = a.daemon.Resolve(cmd.Context(), args[0], api.ResolveRequest{Choice: args[1]})
			}
			switch {
			case err != nil:
				return err
			case a.json:
				a.document(k)
			case len(args) == 2:
				a.printf("%s: %s\n", k.Name, a.stand(k))
			case k.Hold == nil:
				a.printf("%s is not held: %s\n", k.Name, a.stand(k))
			default:
				a.hold(k)
			}
			return nil
		},
	}
}

// stand is a key's phase and its next rotation in one line.
func (a *app) stand(k api.Key) string {
	s := phase(k, a.now())
	if next := due(k, a.now()); next != "-" && next != "now" {
		s += ", next rotation " + next
	}
	return s
}
