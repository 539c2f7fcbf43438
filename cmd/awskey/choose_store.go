package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// chooseStore has a person choose, once, where keys are kept. Nothing is ever
// chosen silently, as what is available differs from one login to the next
// (99designs/aws-vault#355): without a terminal the lines to write are the
// answer.
func (a *app) chooseStore(ctx context.Context) error {
	c := a.daemon
	found, err := c.Backends(ctx)
	if err != nil {
		return err
	}
	best := "" // the daemon lists them best first
	for _, b := range found {
		if b.Available && best == "" {
			best = b.Name
		}
	}
	p := a.person()
	if p == nil || best == "" {
		return a.noStore(best)
	}
	p.say("\nNo store for the keys is chosen yet. Found here:\n\n")
	for _, b := range found {
		p.say(backendText(b))
	}
	choice, err := p.ask(ctx, fmt.Sprintf("\nKeep keys in %s? Enter for yes, or another name: ", best))
	if err != nil {
		return err
	}
	switch strings.ToLower(choice) {
	case "", "y", "yes":
		choice = best
	case "n", "no":
		return a.noStore(best)
	}
	b, err := c.Choose(ctx, api.ChooseRequest{Backend: choice})
	if err != nil {
		return err
	}
	p.say("keys are kept in " + printable(b.Name) + " from now on; this is written into the configuration\n\n")
	return nil
}

// backendText is one row of what was found, with the reason: a store that cannot
// be used is shown too, or its owner would look for it in vain.
func backendText(b api.Backend) string {
	word := "no "
	if b.Available {
		word = "yes"
	}
	text := b.Text
	if b.Name == "file" {
		text += "; its passphrase is asked for, or read from the file named by [store] passphrase_file"
	}
	first := fmt.Sprintf("  %s  %-16s", word, printable(b.Name))
	rest := wrapped(text, strings.Repeat(" ", len(first)))
	return first + strings.TrimLeft(rest, " ")
}

// noStore says which lines to write into which file.
func (a *app) noStore(best string) error {
	e := &api.Error{Code: "no-store", Message: "no store for the keys is chosen yet", Exit: helper.ExitUsage}
	path, err := helper.ConfigFile(a.env)
	if err != nil {
		return err
	}
	lines := "[store]\nbackend = \"" + best + "\""
	switch best {
	case "":
		e.Message += ", and none can be used here"
		lines = "[store]\nbackend = \"file\"\npassphrase_file = \"/path/of/a/file\""
	case "file":
		lines += "\npassphrase_file = \"/path/of/a/file\""
	}
	e.Remedy = "write these lines into " + path + ":\n\n" + lines
	return e
}
