package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// Limits of rotate --wait.
const (
	// waitLimit is far beyond what AWS ever takes: a new key that does not work
	// is given up after ten minutes. Without network it would last for ever.
	waitLimit = time.Hour
	// lookEvery finds what the stream of events did not tell.
	lookEvery = 2 * time.Second
)

// rotateCmd returns at the switch, not at the end of the rotation: the old key
// lives on for days, and nobody can wait for that.
func (a *app) rotateCmd() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "begins to replace the access key now",
		Long: `Begins to replace the access key now. The new key is proved at AWS before
anything is signed with it; the old one stays valid until nobody uses it.`,
		Example: `  awskey rotate work
  awskey rotate work --wait`,
		Args: named(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseLater(cmd, "leaked", "yes"); err != nil {
				return err
			}
			return a.rotate(cmd.Context(), args[0], wait)
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "show the steps and return when the new key is in use")
	laterFlag(cmd, "leaked", false)
	laterFlag(cmd, "yes", false)
	return cmd
}

// rotate looks at the key before it asks, since only the id that was current
// then tells the switch.
func (a *app) rotate(ctx context.Context, name string, wait bool) error {
	c := a.daemon
	before, err := c.Key(ctx, name)
	if err != nil {
		return err
	}
	w := waiter{app: a, before: before}
	if wait { // opened before the rotation begins, so that no step is missed
		events, cancel := context.WithCancel(ctx)
		defer cancel()
		if w.live, err = c.Events(events); err != nil {
			return err
		}
	}
	k, err := c.Rotate(ctx, name)
	if err != nil {
		return err
	}
	if !wait {
		if a.json {
			a.document(k)
			return nil
		}
		a.printf("%s: the rotation begins; follow it with\n\n    awskey history %s --follow\n", k.Name, k.Name)
		return nil
	}
	k, err = w.wait(ctx)
	if err != nil {
		return err
	}
	if a.json {
		a.document(k)
		return nil
	}
	a.printf("%s now uses access key %s, proved at AWS\n", k.Name, short(k.AccessKeyID))
	if p := k.Previous; p != nil && p.DeactivateAt != nil {
		a.printf("the old one, %s, is deactivated %s at the earliest\n", short(p.AccessKeyID), clock(*p.DeactivateAt, a.now()))
	}
	return nil
}

// waiter watches one rotation up to its switch.
type waiter struct {
	app    *app
	before api.Key
	live   <-chan api.Event
	begun  bool
	told   string // the last trouble that was shown
}

// wait returns the key after the switch. Events are for the eye and may be
// missed; what counts is the key's own document, read again after each.
func (w *waiter) wait(ctx context.Context) (api.Key, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	end := time.NewTimer(waitLimit)
	defer end.Stop()
	for {
		k, err := w.app.daemon.Key(ctx, w.before.Name)
		if ctx.Err() != nil {
			return k, w.left("stopped waiting")
		}
		if err != nil {
			return k, err
		}
		if done, err := w.look(k); done || err != nil {
			w.rest()
			return k, err
		}
		w.trouble(ctx)
		select {
		case <-ctx.Done():
			return k, w.left("stopped waiting")
		case <-end.C:
			return k, w.left("stopped waiting after " + span(waitLimit))
		case e, ok := <-w.live:
			if !ok {
				w.live = nil // the ticker goes on alone
			}
			w.step(e)
		case <-tick.C:
		}
	}
}

// look tells from the key's document whether the switch is done, or never
// comes.
func (w *waiter) look(k api.Key) (done bool, err error) {
	switch {
	case k.Phase == "held" && k.Hold != nil:
		return false, &api.Error{Code: k.Hold.Code, Message: k.Name + " is held: " + k.Hold.Text,
			Remedy: "awskey resolve " + k.Name + " shows the choices", Exit: helper.ExitHeld}
	case k.AccessKeyID != w.before.AccessKeyID:
		return true, nil
	case k.Phase == "creating" || k.Phase == "proving":
		w.begun = true
	case w.begun || k.Phase == "deleting":
		return false, &api.Error{Code: "given-up", Message: "the new access key of " + k.Name + " did not come to use; the old one is served as before",
			Remedy: "awskey history " + k.Name + " tells why", Exit: helper.ExitAWS}
	}
	return false, nil
}

// trouble says, once, what keeps the rotation from going on: without network no
// event comes, and nobody should wait before a silent screen.
func (w *waiter) trouble(ctx context.Context) {
	s, err := w.app.status(ctx)
	if err != nil {
		return // the next look at the key finds the same and ends the waiting
	}
	for _, warning := range s.Warnings {
		text := warning.Text
		if warning.Severity != "info" && strings.HasPrefix(text, w.before.Name+": ") && text != w.told {
			w.told = text
			w.app.note("%s", text)
		}
	}
}

// rest shows the steps that have arrived and were not shown.
func (w *waiter) rest() {
	for {
		select {
		case e, ok := <-w.live:
			if !ok {
				return
			}
			w.step(e)
		default:
			return
		}
	}
}

// step shows an event of this key.
func (w *waiter) step(e api.Event) {
	if e.Key == w.before.Name && !w.app.json {
		w.app.event(e)
	}
}

// left is the end of the waiting alone. It is an error, since what was asked for
// has not come about.
func (w *waiter) left(why string) error {
	return &api.Error{Code: "stopped", Message: why + "; the rotation of " + w.before.Name + " goes on in the service",
		Remedy: "awskey status " + w.before.Name + " shows how far it is", Exit: helper.ExitFailed}
}
