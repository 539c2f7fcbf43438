package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// historyCmd shows evidence only: nothing is to be concluded from an event that
// is missing.
func (a *app) historyCmd() *cobra.Command {
	var follow bool
	var limit int
	cmd := &cobra.Command{
		Use:   "history [NAME]",
		Short: "shows what happened, of one key or of all",
		Example: `  awskey history work --limit 20
  awskey history --follow
  awskey history --json | jq -r 'select(.event == "switched").time'`,
		Args: maybeNamed,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usage(cmd, "--limit is the number of lines: 0 is all")
			}
			return a.history(cmd.Context(), strings.Join(args, ""), limit, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as things happen, until Ctrl-C")
	cmd.Flags().IntVarP(&limit, "limit", "n", 0, "only the newest `N` lines; 0 is all")
	return cmd
}

// history prints the past, and with follow what comes after it, each event
// once. Following ends well with Ctrl-C and badly when the daemon leaves.
func (a *app) history(ctx context.Context, name string, limit int, follow bool) error {
	c := a.daemon
	var live <-chan api.Event
	if follow { // opened before the past is read, so that nothing falls between
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var err error
		if live, err = c.Events(ctx); err != nil {
			return err
		}
	}
	past, err := c.History(ctx, name, limit)
	if err != nil {
		return err
	}
	seen := map[api.Event]bool{}
	for _, e := range past {
		a.event(e)
		seen[same(e)] = true
	}
	if !follow {
		switch {
		case len(past) > 0 || a.json:
		case name != "":
			a.printf("nothing is written down of %s; awskey list shows what there is\n", name)
		default:
			a.printf("nothing has happened yet\n")
		}
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-live:
			switch {
			case !ok && ctx.Err() != nil:
				return nil
			case !ok:
				return &api.Error{Code: "stream-ended", Message: "the service ended the stream of events", Remedy: "run it again", Exit: helper.ExitFailed}
			case !seen[same(e)] && (name == "" || strings.EqualFold(e.Key, name)):
				a.event(e)
			}
		}
	}
}

// same makes two copies of one event equal.
func same(e api.Event) api.Event {
	e.Time = e.Time.UTC().Round(0)
	return e
}

// event prints one line of history, broken where a terminal would break it.
func (a *app) event(e api.Event) {
	if a.json {
		a.line(e)
		return
	}
	text := e.Text
	if text == "" {
		text = strings.TrimSpace(strings.ReplaceAll(e.Event, "-", " ") + " " + short(e.AccessKeyID))
	}
	key := e.Key
	if key != "" {
		key += ": "
	}
	when := e.Time.Local().Format("2006-01-02 15:04:05") + "  "
	a.printf("%s%s", when, wrapped(key+text, strings.Repeat(" ", len(when)))[len(when):])
}

// oneLine is printable without line breaks.
func oneLine(s string) string { return strings.ReplaceAll(printable(s), "\n", " ") }
