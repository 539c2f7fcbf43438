package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store/failpoint"
	"github.com/awskeyd/awskeyd/store/secret"
)

// ejecting is one run of awskey eject.
type ejecting struct {
	*app
	dryRun, yes bool
	files       awsfiles.Files
}

// ejectCmd moves out. Every step can be done again: a key leaves the store only
// when it was read back from where every program finds it.
func (a *app) ejectCmd() *cobra.Command {
	e := &ejecting{app: a}
	cmd := &cobra.Command{
		Use:   "eject",
		Short: "moves out: writes all keys back in plaintext",
		Long: `Moves out. The rotation of every key is frozen, and a new access key that nobody
was given yet is deleted in IAM, where AWS can be reached. Then the keys in use
are written into the AWS credentials file, the lines that run awskey-helper are
taken out of the AWS files, and the keys leave the store. The access key ids
left in IAM beside them are printed.

It asks twice, since whoever can read your files can then read the keys. Last
the service is stopped, and its registration taken back.`,
		Example: `  awskey eject --dry-run
  awskey eject
  awskey eject --yes --json | jq -r '.ejected[].left_in_iam[]'`,
		Args: unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.run(cmd) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&e.dryRun, "dry-run", false, "show what would change, and change nothing")
	flags.BoolVarP(&e.yes, "yes", "y", false, "do not ask")
	return cmd
}

func (e *ejecting) run(cmd *cobra.Command) error {
	var err error
	if e.files, err = e.awsFiles(); err != nil {
		return err
	}
	if err := e.awake(); err != nil {
		return err
	}
	p, err := e.plan(cmd.Context())
	if err != nil {
		return err
	}
	if mode, open := e.open(); !e.json {
		e.show(p)
	} else if open && len(p.keys) > 0 {
		e.note("%s can be read by others (mode %04o): chmod 600", e.tilde(e.files.Credentials), mode)
	}
	if !p.nothing() && !e.dryRun {
		if err := e.agreed(cmd, p); err != nil {
			return err
		}
		if err := e.do(cmd.Context(), p); err != nil {
			return err
		}
	}
	if e.json {
		e.document(p.document(e.dryRun))
	} else if !p.nothing() && !e.dryRun {
		e.whatStays(p)
	}
	return nil
}

// agreed asks twice; the second time for more than a y, which fingers type by
// themselves.
func (e *ejecting) agreed(cmd *cobra.Command, p *ejectPlan) error {
	if e.yes {
		return nil
	}
	who := e.person()
	if who == nil {
		return usage(cmd, "there is no terminal to ask at; use --yes, or --dry-run to see what would change")
	}
	stopped := &api.Error{Code: "stopped", Message: "nothing was changed", Exit: helper.ExitFailed}
	yes, err := who.yes(cmd.Context(), "\nMove out?")
	switch {
	case err != nil:
		return err
	case !yes:
		return stopped
	case len(p.keys) == 0:
		return nil // no secret is at stake
	}
	typed, err := who.ask(cmd.Context(), "Whoever can read your files can then read the "+keysWord(len(p.keys))+".\nType eject to go on: ")
	if err == nil && typed != "eject" {
		err = stopped
	}
	return err
}

// do carries the plan out in three rounds, so that no key is forgotten while
// another one may still fail: all are given out, all are written and read back, all
// leave the store.
func (e *ejecting) do(ctx context.Context, p *ejectPlan) error {
	line := e.waits(func() string { return "moving out" }) // each key is quick, many are not
	defer line.end()
	for n, k := range p.keys {
		line.renew("taking " + k.name + " out")
		if err := e.giveOut(ctx, k); err != nil {
			switch asError(err).Code {
			case "socket", "timeout", "stopped", "bad-answer": // it may have been carried out all the same
				n++
			}
			return frozen(p.keys[:n], err)
		}
	}
	for _, k := range p.keys {
		line.renew("writing " + k.name + " back")
		if err := e.writeBack(k); err != nil {
			return frozen(p.keys, &api.Error{Code: "not-written", Message: "could not write the key " + k.name + " back: " + e.tilde(err.Error()), Exit: helper.ExitFailed})
		}
	}
	for _, k := range p.keys {
		line.renew("taking " + k.name + " out of the store")
		if err := e.leave(ctx, k); err != nil {
			return &api.Error{Code: asError(err).Code, Message: "the key " + k.name + " stands in plaintext again, but is still in the store: " + asError(err).Message, Remedy: "type awskey eject once more", Exit: asError(err).Exit}
		}
	}
	for _, l := range p.stale {
		if _, err := e.files.RemoveCredentialProcess(l.Profile, p.isStale); err != nil {
			return err
		}
	}
	if p.manager == nil {
		return nil
	}
	if err := p.manager.Uninstall(ctx); err != nil {
		return serviceError("take the service back", err)
	}
	return e.unmarkStopped()
}

func (e *ejecting) giveOut(ctx context.Context, k *leaving) error {
	if k.settles && !e.json {
		e.note("giving up the new access key of %s; without AWS this takes half a minute", k.name)
	}
	failpoint.At("eject.asking")
	out, err := e.daemon.Eject(ctx, k.name)
	failpoint.At("eject.given")
	if err != nil {
		return err
	}
	k.id, k.key = out.AccessKeyID, secret.New(out.SecretAccessKey)
	k.unsure = out.Key.Phase == "creating" && out.Key.Previous == nil
	return nil
}

// writeBack ends with a look at what every AWS profile now says.
func (e *ejecting) writeBack(k *leaving) error {
	done, err := e.files.Restore(k.back())
	if err != nil {
		return err
	}
	k.profiles = done.Profiles
	for _, profile := range k.profiles {
		s, err := e.files.Static(profile)
		if err != nil {
			return err
		}
		if s.AccessKeyID != k.id || !s.Secret.Equal(k.key) {
			return errors.New("another access key stands in the AWS profile " + profile + " by now")
		}
		k.file = s.Places[0].File
	}
	failpoint.At("eject.restored")
	return nil
}

func (e *ejecting) leave(ctx context.Context, k *leaving) error {
	failpoint.At("eject.removing")
	r, err := e.daemon.Remove(ctx, k.name, api.RemoveRequest{Force: true})
	failpoint.At("eject.removed")
	switch {
	case isCode(err, "no-such-key"): // another run was faster
		return nil
	case err != nil:
		return err
	}
	k.left = []string{}
	for _, id := range r.LeftInIAM {
		if id != k.id {
			k.left = append(k.left, id)
		}
	}
	return nil
}

// frozen says which keys stand still, where not all have left.
func frozen(keys []*leaving, err error) error {
	if len(keys) == 0 {
		return err
	}
	failed := *asError(err)
	if failed.Remedy != "" {
		failed.Message += "; " + failed.Remedy
	}
	failed.Remedy = "type awskey eject once more; or, to stay, "
	for n, k := range keys {
		if n > 0 {
			failed.Remedy += " and "
		}
		failed.Remedy += "awskey resume " + k.name
	}
	return &failed
}
