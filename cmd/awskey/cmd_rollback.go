package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// rolledBack is the hold that every rollback ends in.
const rolledBack = "rolled-back"

// rollbackCmd asks nothing: nothing is lost by it, and forward undoes it.
func (a *app) rollbackCmd() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "goes back to the access key that was in use before",
		Long: `Goes back to the access key that was in use before. That one is made active
again and proved at AWS; until then the newer one is handed out. It ends held,
with both keys active, until you say which of them stays.`,
		Example: `  awskey rollback work --wait
  awskey resolve work keep
  awskey resolve work forward`,
		Args: named(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rollback(cmd.Context(), args[0], wait)
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "show the steps and return when the earlier key is in use")
	return cmd
}

func (a *app) rollback(ctx context.Context, name string, wait bool) error {
	before, err := a.daemon.Key(ctx, name)
	if err != nil {
		return err
	}
	w, stop, err := a.follow(ctx, before.Name, "the rollback")
	if err != nil {
		return err
	}
	defer stop()
	k, err := a.daemon.Rollback(ctx, before.Name)
	if err != nil {
		return err
	}
	if !a.json {
		a.goingBack(before, k, wait)
	}
	if wait && k.Back && k.Next != nil {
		earlier := k.Next.AccessKeyID
		w.goal = rolledBack
		k, err = w.wait(ctx, func(k api.Key) (bool, error) {
			switch {
			case k.AccessKeyID == earlier: // somebody has settled the hold already
				return true, nil
			case !k.Back:
				return false, &api.Error{Code: "given-up", Message: k.Name + " did not go back; access key " + short(k.AccessKeyID) + " is handed out as before",
					Remedy: "awskey history " + k.Name + " tells why", Exit: helper.ExitAWS}
			}
			return false, nil
		})
		if err != nil {
			return err
		}
		if !a.json {
			a.printf("%s uses access key %s again, proved at AWS\n", k.Name, short(k.AccessKeyID))
			if k.Hold != nil {
				a.printf("\n")
				a.hold(k)
			}
		}
	}
	if a.json {
		a.document(k)
	}
	return nil
}

// goingBack says what will happen, in the ids of the service's own answer.
func (a *app) goingBack(before, k api.Key, wait bool) {
	if !k.Back || k.Next == nil { // the new key was not in use yet: there is nothing to go back from
		a.printf("%s stays with access key %s\n", k.Name, short(k.AccessKeyID))
		if k.Hold != nil {
			a.printf("\n")
			a.hold(k)
		}
		return
	}
	earlier, newer := short(k.Next.AccessKeyID), short(k.AccessKeyID)
	first := " is proved at AWS once more"
	if p := before.Previous; p != nil && p.Status == "Inactive" {
		first = " is made active again and proved at AWS"
	}
	a.printf("%s goes back to access key %s:\n", k.Name, earlier)
	a.printf("  %s%s\n  %s is handed out until then\n", earlier, first, newer)
	a.printf("Then it is held (rolled-back), with both keys active, until you type one of\n")
	a.commands([][]string{
		{"  awskey resolve " + k.Name + " keep", "keep " + earlier + ", end " + newer},
		{"  awskey resolve " + k.Name + " forward", "prove " + newer + " and use it again"},
	})
	a.printf("\n")
	if !wait {
		a.printf("follow it with\n\n    awskey history %s --follow\n", k.Name)
	}
}
