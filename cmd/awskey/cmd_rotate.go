package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// rotating is one run of awskey rotate.
type rotating struct {
	*app
	name              string
	wait, leaked, yes bool
}

// rotateCmd returns at the switch, not at the end of the rotation: the old key
// lives on for days, and nobody can wait for that.
func (a *app) rotateCmd() *cobra.Command {
	r := &rotating{app: a}
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "begins to replace the access key now",
		Long: `Begins to replace the access key now. The new key is proved at AWS before
anything is signed with it; the old one stays valid until nobody uses it.

With --leaked the old key is deactivated as soon as the new one is in use, and
whoever was given it is refused. Before it asks, it says who that is, and how to
end the sessions that somebody may have made with it.`,
		Example: `  awskey rotate work
  awskey rotate work --wait
  awskey rotate work --leaked --wait
  awskey rotate work --leaked --yes --json | jq -r .sessions_deny_policy`,
		Args: named(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.name = args[0]
			if r.yes && !r.leaked {
				return usage(cmd, "--yes goes with --leaked: a plain rotation does not ask")
			}
			if r.leaked {
				return r.shutOff(cmd)
			}
			return r.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&r.wait, "wait", false, "show the steps and return when the new key is in use")
	flags.BoolVar(&r.leaked, "leaked", false, "deactivate the old key at once; --wait waits for that")
	flags.BoolVarP(&r.yes, "yes", "y", false, "with --leaked: do not ask for the name")
	return cmd
}

// run looks at the key before it asks, since only the id that was current then
// tells the switch.
func (r *rotating) run(ctx context.Context) error {
	before, err := r.daemon.Key(ctx, r.name)
	if err != nil {
		return err
	}
	k, err := r.begin(ctx, before, api.RotateRequest{})
	switch {
	case err != nil:
		return err
	case r.json:
		r.document(k)
	case !r.wait:
		r.printf("%s: the rotation begins; follow it with\n\n    awskey history %s --follow\n", k.Name, k.Name)
	default:
		r.switched(k)
	}
	return nil
}

// begin asks for the rotation and, if that is wanted, waits for its switch; of
// a leaked key, until the old one is inactive.
func (r *rotating) begin(ctx context.Context, before api.Key, q api.RotateRequest) (api.Key, error) {
	if !r.wait {
		return r.daemon.Rotate(ctx, before.Name, q)
	}
	w, stop, err := r.follow(ctx, before.Name, "the rotation")
	if err != nil {
		return api.Key{}, err
	}
	defer stop()
	if _, err := r.daemon.Rotate(ctx, before.Name, q); err != nil {
		return api.Key{}, err
	}
	begun := false
	return w.wait(ctx, func(k api.Key) (bool, error) {
		switch {
		case k.AccessKeyID != before.AccessKeyID:
			return !q.Leaked || !active(k, before.AccessKeyID), nil
		case k.Phase == "creating" || k.Phase == "proving":
			begun = true
		case begun || givingUp(k):
			return false, &api.Error{Code: "given-up", Message: "the new access key of " + k.Name + " did not come to use; the old one is served as before",
				Remedy: "awskey history " + k.Name + " tells why", Exit: helper.ExitAWS}
		}
		return false, nil
	})
}

// active tells whether id, which has been replaced, may still be used.
func active(k api.Key, id string) bool {
	p := k.Previous
	return p != nil && p.AccessKeyID == id && p.Status != "Inactive"
}

// givingUp tells a new key that is deleted from an old one: that one is shown.
func givingUp(k api.Key) bool { return k.Phase == "deleting" && k.Previous == nil }

// switched tells how it came out.
func (r *rotating) switched(k api.Key) {
	r.printf("%s now uses access key %s, proved at AWS\n", k.Name, short(k.AccessKeyID))
	if off := offAt(k.Previous); off != nil {
		r.printf("the old one, %s, is deactivated %s at the earliest\n", short(k.Previous.AccessKeyID), clock(*off, r.now()))
	}
}
