package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/helper"
)

// What a shell offers when Tab is pressed. It never fails and never says a word: a
// shell would show it in the middle of what is being typed.

// completions tells cobra what stands behind each verb. A verb that is not among
// them takes files, as shells offer by themselves.
func (a *app) completions() {
	none := cobra.NoFileCompletions
	values := map[string]cobra.CompletionFunc{
		"profile": a.completePlaintext, "from-profile": a.completePlaintext,
		"with": a.completeKey, "user": a.completeUser,
		"csv":           cobra.FixedCompletions([]string{"csv"}, cobra.ShellCompDirectiveFilterFileExt),
		"from":          cobra.FixedCompletions(nil, cobra.ShellCompDirectiveNoSpace), // a file, and its line behind it
		"report":        cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		"access-key-id": none, "limit": none, "for": none,
	}
	for _, verb := range a.verbs {
		switch verb.Name() {
		case "status", "rotate", "rollback", "pause", "resume", "rename", "remove", "history", "policy":
			verb.ValidArgsFunction = inTurn(a.completeKey)
		case "resolve":
			verb.ValidArgsFunction = inTurn(a.completeKey, a.completeChoice)
		case "store", "service":
			for _, c := range verb.Commands() {
				c.ValidArgsFunction = none
				if c.Name() == "migrate" {
					c.ValidArgsFunction = inTurn(a.completeBackend)
				}
			}
		case "scan", "completion":
		default:
			verb.ValidArgsFunction = none
		}
		for flag, complete := range values {
			if verb.Flags().Lookup(flag) != nil {
				_ = verb.RegisterFlagCompletionFunc(flag, complete) // it fails only for a flag that is not there
			}
		}
	}
}

// completeVerb offers the verbs to ask help for.
func completeVerb(cmd *cobra.Command, args []string, typed string) (list []string, _ cobra.ShellCompDirective) {
	at, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, verb := range at.Commands() {
		if !verb.Hidden && strings.HasPrefix(verb.Name(), typed) {
			list = append(list, verb.Name()+"\t"+verb.Short)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// inTurn completes the first word by the first, and so on, and none after the last.
func inTurn(all ...cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(all) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return all[len(args)](cmd, args, typed)
	}
}

// completing bounds how long a person who pressed Tab waits.
func completing(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return context.WithTimeout(cmd.Context(), 2*time.Second)
}

// completeKey offers the names of the keys.
func (a *app) completeKey(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := completing(cmd)
	defer cancel()
	s, err := a.status(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, k := range s.Keys {
		names = append(names, k.Name)
	}
	return beginning(names, typed), cobra.ShellCompDirectiveNoFileComp
}

// completeUser offers the IAM users that the administrator's key may list; an
// administrator who may not is offered none.
func (a *app) completeUser(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	with, err := cmd.Flags().GetString("with")
	if err != nil || !helper.ValidName(with) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := completing(cmd)
	defer cancel()
	users, err := a.daemon.Users(ctx, with)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return beginning(users.Names, typed), cobra.ShellCompDirectiveNoFileComp
}

// completeChoice offers what settles the hold of the key that was typed.
func (a *app) completeChoice(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := completing(cmd)
	defer cancel()
	k, err := a.daemon.Key(ctx, args[0])
	if err != nil || k.Hold == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return beginning(k.Hold.Choices, typed), cobra.ShellCompDirectiveNoFileComp
}

// completeBackend offers the stores that keys can be moved to.
func (a *app) completeBackend(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := completing(cmd)
	defer cancel()
	backends, err := a.daemon.Backends(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, b := range backends {
		if b.Available && !b.InForce {
			names = append(names, b.Name)
		}
	}
	return beginning(names, typed), cobra.ShellCompDirectiveNoFileComp
}

// completePlaintext offers the AWS profiles in which a key stands in plaintext.
func (a *app) completePlaintext(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	files, err := a.awsFiles()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found, err := files.Plaintext()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, f := range found {
		f.Secret.Wipe()
		if !slices.Contains(names, f.Profile) {
			names = append(names, f.Profile)
		}
	}
	return beginning(names, typed), cobra.ShellCompDirectiveNoFileComp
}

// beginning are the words that go on what was typed. A name that could steer
// the terminal is none.
func beginning(words []string, typed string) (list []string) {
	for _, w := range words {
		if strings.HasPrefix(w, typed) && userName.MatchString(w) {
			list = append(list, w)
		}
	}
	return list
}
