package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// statusCmd exits 0 whenever it could ask: a held key is an answer, no failure.
func (a *app) statusCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "status [NAME]",
		Short: "shows the service and every key, or one key in full",
		Example: `  awskey status
  awskey status work
  awskey status --json | jq -r '.keys[].phase'`,
		Args: maybeNamed,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.status(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return a.one(s, args[0])
			}
			a.all(s)
			return nil
		},
	}
}

// listCmd is status without the service.
func (a *app) listCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "shows the keys",
		Example: `  awskey list
  awskey list --json | jq -r '.keys[].name'`,
		Args: unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.status(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				a.document(struct {
					Keys []api.Key `json:"keys"`
				}{s.Keys})
				return nil
			}
			a.keys(s)
			return nil
		},
	}
}

// begin is what awskey does alone: status, or how to begin.
func (a *app) begin(ctx context.Context) error {
	s, err := a.status(ctx)
	if exitOf(err) == helper.ExitNoDaemon && !a.json {
		a.printf(`awskeyd keeps your AWS access keys in the keychain, replaces them on a schedule
and hands them to the AWS CLI and every SDK.

To begin:

    awskey init                takes in the keys that stand in your AWS files
    awskey add work --write    takes in one that stands nowhere yet

`)
	}
	if err != nil {
		return err
	}
	a.all(s)
	return nil
}

// all shows the service and its keys.
func (a *app) all(s api.Status) {
	if a.json {
		a.document(s)
		return
	}
	a.printf("awskeyd %s runs since %s; %s\n\n", printable(s.Daemon.Version), clock(s.Daemon.StartedAt, a.now()), storeText(s.Daemon.Store))
	a.keys(s)
}

// status asks for all there is.
func (a *app) status(ctx context.Context) (api.Status, error) { return a.daemon.Status(ctx) }

// storeText says where keys are kept, and only where something is wrong how the
// store is.
func storeText(s api.Store) string {
	if s.Backend == "" {
		return "no store is chosen yet, add asks for it"
	}
	if s.State == "ready" {
		return "keys are kept in " + printable(s.Backend)
	}
	return "keys are kept in " + printable(s.Backend) + ", which is " + printable(s.State)
}

// keys prints the table, then what needs a person.
func (a *app) keys(s api.Status) {
	now := a.now()
	if len(s.Keys) == 0 && s.Daemon.Store.State != "ready" && s.Daemon.Store.Backend != "" {
		a.printf("Which keys there are shows when the store can be read.\n")
	} else if len(s.Keys) == 0 {
		a.printf(`No key is kept yet. To take one in:

    awskey add work --write

`)
	} else {
		rows := [][]string{{"NAME", "ACCESS KEY", "PHASE", "AGE", "NEXT"}}
		for _, k := range s.Keys {
			id := short(k.AccessKeyID)
			if id == "" {
				id = "-"
			}
			rows = append(rows, []string{printable(k.Name), id, phase(k, now), age(k.CreatedAt, now), due(k, now)})
		}
		for i, line := range table(rows, a.width()) {
			if i == 0 {
				line = a.colour(bold, line)
			} else if k := s.Keys[i-1]; k.Hold != nil {
				p := phase(k, now)
				line = strings.Replace(line, p, a.colour(red, p), 1)
			}
			a.printf("%s\n", line)
		}
	}
	for _, k := range s.Keys {
		if k.Hold != nil {
			a.printf("\n")
			a.hold(k)
		}
	}
	for _, w := range s.Warnings {
		a.printf("\n")
		a.warning(w)
	}
}

// one shows a single key in full. In JSON it is the status document with that
// key and its profiles alone.
func (a *app) one(s api.Status, name string) error {
	k, profiles, err := pick(s, name)
	if err != nil {
		return err
	}
	if a.json {
		s.Keys, s.Profiles = []api.Key{k}, profiles
		a.document(s)
		return nil
	}
	a.full(k, profiles)
	for _, w := range s.Warnings {
		a.printf("\n")
		a.warning(w)
	}
	return nil
}

// pick finds a key, and the profiles that hand it out.
func pick(s api.Status, name string) (api.Key, []api.Profile, error) {
	for _, k := range s.Keys {
		if !strings.EqualFold(k.Name, name) {
			continue
		}
		profiles := []api.Profile{}
		for _, p := range s.Profiles {
			if p.Key == k.Name {
				profiles = append(profiles, p)
			}
		}
		return k, profiles, nil
	}
	return api.Key{}, nil, &api.Error{Code: "no-such-key", Message: "there is no key " + name, Remedy: "awskey list shows what there is", Exit: helper.ExitUnknown}
}

// full tells all that is known of a key, ids in full: this is what one compares
// with the AWS console.
func (a *app) full(k api.Key, profiles []api.Profile) {
	now := a.now()
	a.printf("%s\n", a.colour(bold, k.Name))
	a.field("user", k.UserARN)
	a.field("phase", phase(k, now))
	current := k.AccessKeyID
	if current != "" {
		current += " (current)"
		if k.CreatedAt != nil {
			current += ", " + age(k.CreatedAt, now) + " old"
		}
	}
	if unborn(k) {
		current = "none yet"
	}
	a.field("access key", current)
	if k.ServedUntil != nil && k.ServedUntil.After(now) {
		a.field("", "handed out until "+clock(*k.ServedUntil, now)+" so far")
	}
	next, old := "new key", "old key"
	switch {
	case unborn(k):
		next = "first key"
	case k.Back:
		next = "earlier key"
	case k.Hold != nil && k.Hold.Code == rolledBack:
		old = "newer key"
	case k.Phase == "creating" || k.Hold != nil && k.Hold.Phase == "creating":
		old = "stray key"
	}
	if k.Next != nil {
		a.field(next, k.Next.AccessKeyID+", not handed out yet")
	}
	if p := k.Previous; p != nil {
		a.field(old, strings.TrimSuffix(p.AccessKeyID+", "+strings.ToLower(p.Status), ", "))
		if p.ServedUntil != nil {
			a.field("", "handed out until "+clock(*p.ServedUntil, now))
		}
		if off := offAt(p); off != nil && p.Status != "Inactive" && !k.Leaked {
			a.field("", "deactivated "+clock(*off, now)+" at the earliest")
		}
		if p.DeleteAt != nil {
			a.field("", "deleted "+clock(*p.DeleteAt, now)+" at the earliest")
		}
	}
	if k.DueAt != nil {
		a.field("next rotation", nextRotation(k, now))
	}
	for i, p := range profiles {
		label := "profiles"
		if i > 0 {
			label = ""
		}
		a.field(label, p.Name)
	}
	if k.Hold != nil {
		a.printf("\n")
		a.hold(k)
	}
}

// field prints a labelled line; what is absent is left out.
func (a *app) field(label, value string) {
	if value != "" {
		a.printf("  %-15s%s\n", label, printable(value))
	}
}
