package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// removing is one run of awskey remove.
type removing struct {
	*app
	name              string
	force, write, yes bool
}

// removeCmd changes nothing in IAM, so that a mistake can be mended there; this
// is why it must print every id that stays.
func (a *app) removeCmd() *cobra.Command {
	rm := &removing{app: a}
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "forgets a key; in IAM it stays",
		Long: `Forgets a key: it is served no more and its record is deleted from the store. In
IAM nothing changes; the access key ids that stay there are printed.`,
		Example: `  awskey remove work --write
  awskey remove work --yes --json | jq -r '.left_in_iam[]'`,
		Args: named(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseLater(cmd, "delete-from-aws", "now"); err != nil {
				return err
			}
			rm.name = args[0]
			return rm.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&rm.force, "force", false, "also while a rotation is under way")
	flags.BoolVar(&rm.write, "write", false, "take the AWS config lines that point at it out")
	flags.BoolVarP(&rm.yes, "yes", "y", false, "do not ask")
	laterFlag(cmd, "delete-from-aws", false)
	laterFlag(cmd, "now", false)
	return cmd
}

// run asks first. What goes wrong after the daemon has forgotten the key says
// so, as running it again would find no key.
func (a *removing) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	k, err := a.daemon.Key(ctx, a.name)
	if err != nil {
		return err
	}
	if !a.yes {
		if err := a.confirm(cmd, k); err != nil {
			return err
		}
	}
	r, err := a.daemon.Remove(ctx, a.name, api.RemoveRequest{Force: a.force})
	if err != nil {
		return err
	}
	if a.json {
		if r.LeftInIAM == nil {
			r.LeftInIAM = []string{}
		}
		a.document(r)
	} else {
		a.printf("%s is removed\n", a.name)
		for _, id := range r.LeftInIAM {
			a.printf("  %s is left in IAM%s\n", printable(id), of(k.UserARN))
		}
	}
	// Whatever happens below, the key is gone.
	if a.write {
		if err := a.takeOut(a.name); err != nil {
			return fmt.Errorf("%s is removed, but its AWS profile still points at it: %w", a.name, err)
		}
		return nil
	}
	a.warnPointers(a.name)
	return nil
}

// confirm shows what will stop working and returns an error unless a person
// agrees. A script has to say --yes.
func (a *removing) confirm(cmd *cobra.Command, k api.Key) error {
	p := a.person()
	if p == nil {
		return usage(cmd, "there is no terminal to ask at; use --yes")
	}
	if lines, err := a.pointing(a.name); err == nil {
		for _, l := range lines {
			p.say(fmt.Sprintf("%s:%d: the AWS profile %s asks for %s\n", l.File, l.Line, printable(l.Profile), a.name))
		}
	}
	question := fmt.Sprintf("Remove %s? Programs that use it stop working; its access key %s stays in IAM%s.", k.Name, short(k.AccessKeyID), of(k.UserARN))
	if unborn(k) {
		question = fmt.Sprintf("Remove %s? Its first access key is still being made.", k.Name)
	}
	yes, err := p.yes(cmd.Context(), question)
	if err == nil && !yes {
		err = &api.Error{Code: "stopped", Message: k.Name + " stays", Exit: helper.ExitFailed}
	}
	return err
}

// of names the IAM user in an ARN.
func of(arn string) string {
	if i := strings.LastIndexByte(arn, '/'); i >= 0 {
		return " (user " + printable(arn[i+1:]) + ")"
	}
	return ""
}
