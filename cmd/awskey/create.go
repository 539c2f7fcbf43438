package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// creating is what add --create takes more.
type creating struct {
	on         bool
	user, with string
}

// flags declares them.
func (c *creating) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&c.on, "create", false, "make an access key at AWS instead of taking one in")
	flags.StringVar(&c.user, "user", "", "with --create: the IAM `USER` it is for, if not NAME")
	flags.StringVar(&c.with, "with", "", "with --create: the administrator's `KEY` that makes it")
}

// check refuses what does not go together, before anything is asked.
func (c *creating) check(cmd *cobra.Command, name string) error {
	used := func(flags ...string) (list []string) {
		for _, f := range flags {
			if cmd.Flags().Changed(f) {
				list = append(list, "--"+f)
			}
		}
		return list
	}
	if !c.on {
		if more := used("user", "with"); len(more) > 0 {
			return usage(cmd, strings.Join(more, " and ")+" can only stand with --create")
		}
		return nil
	}
	if c.user == "" && !cmd.Flags().Changed("user") {
		c.user = name
	}
	switch wrong := used("access-key-id", "csv", "from", "from-profile", "secret-stdin"); {
	case len(wrong) > 0:
		return usage(cmd, "--create makes the key itself: leave "+strings.Join(wrong, " and ")+" out")
	case c.with == "":
		return usage(cmd, "--create needs --with KEY, the name of a key whose user may make access keys")
	case !helper.ValidName(c.with):
		return badName(cmd)
	case !userName.MatchString(c.user):
		return usage(cmd, "--user is the name of an IAM user: 1 to 64 letters, digits and _+=,.@-")
	}
	return nil
}

// makes follows the making of a key from the intent to the first answer. The
// key is in the service's hands all the while: its secret never comes here.
func (a *adding) makes(cmd *cobra.Command) (api.AddResult, error) {
	ctx, c := cmd.Context(), a.create
	w, stop, err := a.follow(ctx, a.name, "the making of the access key")
	if err != nil {
		return api.AddResult{}, err
	}
	defer stop()
	r, err := a.asks(ctx, c)
	if err != nil || r.Key.AccessKeyID != "" {
		return r, err
	}
	if !a.json {
		a.printf("%s makes an access key for the IAM user %s, and nobody sees it\n", c.with, c.user)
	}
	w.name, r.Already = r.Key.Name, false
	begun := false
	r.Key, err = w.wait(ctx, func(k api.Key) (bool, error) {
		switch {
		case k.AccessKeyID != "":
			return true, nil
		case k.Phase == "creating" || k.Phase == "proving":
			begun = true
		case begun || k.Phase == "deleting":
			return false, &api.Error{Code: "given-up", Message: "the first access key of " + k.Name + " did not come to use; awskeyd tries again by itself",
				Remedy: "awskey history " + k.Name + " tells why", Exit: helper.ExitAWS}
		}
		return false, nil
	})
	if err != nil && a.write {
		a.note("no AWS profile is written yet; when %s works: awskey add %s --create --user %s --with %s --write", a.name, a.name, c.user, c.with)
	}
	return r, err
}

// asks begins the making of a key, or finds one that was begun before: whoever
// stopped waiting may type the same again.
func (a *adding) asks(ctx context.Context, c creating) (api.AddResult, error) {
	k, err := a.daemon.Key(ctx, a.name)
	if err == nil && strings.EqualFold(userOf(k.UserARN), c.user) {
		return api.AddResult{Key: k, Already: true}, nil
	}
	return a.put(ctx, api.AddRequest{Create: &api.CreateRequest{User: c.user, With: c.with}})
}

// created says what was made.
func (a *adding) created(r api.AddResult) {
	if r.Already {
		a.taken(r)
		return
	}
	a.printf("%s is made, proved at AWS and in the store\n", r.Key.Name)
	a.learnt(r.Key)
}
