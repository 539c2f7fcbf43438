package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// How often a move is looked at, and after how long a terminal shows how far it
// is: most moves are over by then.
const (
	moveLook = 100 * time.Millisecond
	moveShow = 300 * time.Millisecond
)

// storeMigrateCmd asks first: the records in the store that is left are deleted.
func (a *app) storeMigrateCmd() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "migrate TO",
		Short: "moves every key to another store",
		Long: `Moves every key to another store, such as file or secret-service. The keys are
handed out all the while; rotations stand still until the move is over. All is
copied and read back before the other store is taken into force, and only then
deleted here. If anything goes wrong, type it again.`,
		Example: `  awskey store migrate secret-service
  awskey store migrate file --yes --json | jq .keys`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usage(cmd, "store migrate needs the store TO which the keys are moved")
			case len(args) > 1:
				return usage(cmd, "too many words after awskey store migrate")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, err := a.daemon.Migrate(cmd.Context(), api.MigrateRequest{To: args[0], Check: true})
			if err != nil {
				return err
			}
			if plan.Step == "none" && !yes {
				if err := a.confirmMove(cmd, plan); err != nil {
					return err
				}
			}
			return a.migrate(cmd.Context(), plan)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// confirmMove returns an error unless a person agrees. A script has to say --yes.
func (a *app) confirmMove(cmd *cobra.Command, plan api.Migration) error {
	p := a.person()
	if p == nil {
		return usage(cmd, "there is no terminal to ask at; use --yes")
	}
	yes, err := p.yes(cmd.Context(), fmt.Sprintf("Move %s from %s to %s? In %s they are deleted then.", counted(plan.Keys), printable(plan.From), printable(plan.To), printable(plan.From)))
	if err == nil && !yes {
		err = &api.Error{Code: "stopped", Message: "the keys stay in " + plan.From, Exit: helper.ExitFailed}
	}
	return err
}

func counted(keys int) string {
	if keys == 1 {
		return "1 key"
	}
	return fmt.Sprintf("%d keys", keys)
}

// migrate moves the keys, or tells how a move that is under way ends.
func (a *app) migrate(ctx context.Context, plan api.Migration) (err error) {
	now := plan
	if now.Step != "done" {
		if now, err = a.daemon.Migrate(ctx, api.MigrateRequest{To: plan.To}); err != nil {
			return err
		}
		if now, err = a.watchMove(ctx, now); err != nil {
			return err
		}
	}
	if now.Left != "" {
		a.note("what is left in %s could not be deleted yet: %s; awskeyd tries again by itself", now.From, now.Left)
	}
	switch {
	case a.json:
		a.document(struct {
			From string `json:"from"`
			To   string `json:"to"`
			Keys int    `json:"keys"`
		}{now.From, now.To, now.Keys})
	case now.From == now.To:
		a.printf("the keys are already in %s\n", printable(now.To))
	default:
		a.printf("%s moved from %s to %s\n", counted(now.Keys), printable(now.From), printable(now.To))
	}
	return nil
}

// watchMove looks at a move until it is over, and shows how far it is: at a
// terminal in one line that goes away, elsewhere one line for each step.
func (a *app) watchMove(ctx context.Context, now api.Migration) (api.Migration, error) {
	terminal := term.IsTerminal(int(a.stdout.Fd()))
	began, shown := time.Now(), ""
	clear := func() {
		if terminal && shown != "" {
			a.printf("\r\x1b[K")
		}
	}
	tick := time.NewTicker(moveLook)
	defer tick.Stop()
	for to := now.To; now.Step != "done"; {
		text := moveStep(now, terminal)
		switch {
		case a.json, text == shown:
		case !terminal:
			a.printf("%s\n", text)
			shown = text
		case time.Since(began) >= moveShow:
			a.printf("\r\x1b[K%s", text)
			shown = text
		}
		select {
		case <-ctx.Done():
			clear()
			return now, &api.Error{Code: "stopped", Message: "stopped waiting; the move to " + to + " goes on in the service", Remedy: "awskey status shows when the keys are there", Exit: helper.ExitFailed}
		case <-tick.C:
		}
		next, err := a.daemon.Migration(ctx)
		if err != nil && ctx.Err() == nil {
			clear()
			return now, interrupted(err, to)
		}
		if err == nil {
			now = next
		}
		if err == nil && (now.Step == "none" || now.To != to) {
			clear()
			return now, interrupted(&api.Error{Code: "failed", Message: "the service was started anew in the midst of the move", Exit: helper.ExitFailed}, to)
		}
	}
	clear()
	return now, nil
}

// interrupted is the end of the service in the midst of a move, which leaves one
// whole store in force.
func interrupted(err error, to string) error {
	if e := asError(err); e.Code == "socket" || e.Exit == helper.ExitNoDaemon || e.Code == "failed" {
		return &api.Error{Code: e.Code, Message: "the move to " + to + " was interrupted: " + e.Message, Remedy: "no key is lost; once awskeyd runs, type it again: awskey store migrate " + to, Exit: e.Exit}
	}
	return err
}

// moveStep is how far a move is, in a person's words.
func moveStep(m api.Migration, count bool) string {
	text := map[string]string{
		"waiting":   "waiting until the keys stand still",
		"copying":   "copying to " + printable(m.To),
		"verifying": "reading back from " + printable(m.To),
		"switching": "taking " + printable(m.To) + " into force",
		"clearing":  "deleting from " + printable(m.From),
	}[m.Step]
	if count && m.Done > 0 {
		text += fmt.Sprintf(", %d of %d", m.Done, m.Keys)
	}
	return text
}
