package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/packaging/register"
	"github.com/awskeyd/awskeyd/store/secret"
)

// leaving is one key that moves out.
type leaving struct {
	name     string
	user     string // its ARN
	id       string // of the access key in use
	key      secret.Value
	served   []string // the names under which it is served
	profiles []string // the AWS profiles that get it
	file     string   // where it stands then
	left     []string // the ids that are left in IAM beside it
	settles  bool     // a new access key is under way
	unsure   bool     // and nobody can tell whether AWS made one
	unasked  bool     // no AWS profile asks for it
}

// ejectPlan is all that one run of eject will do.
type ejectPlan struct {
	status  api.Status
	keys    []*leaving
	stale   []awsfiles.Pointer // lines that ask for a key that is not here
	changes []awsfiles.Change
	manager register.Manager // that knows the service; nil for none
}

func (p *ejectPlan) nothing() bool { return len(p.keys)+len(p.stale) == 0 && p.manager == nil }

// plan finds out what would be written where. It changes nothing.
func (e *ejecting) plan(ctx context.Context) (*ejectPlan, error) {
	status, err := e.whole(ctx)
	if err != nil {
		return nil, err
	}
	p := &ejectPlan{status: status}
	for _, k := range status.Keys {
		one, err := leavingOf(status, k)
		if err != nil {
			return nil, err
		}
		p.keys = append(p.keys, one)
	}
	if err := e.preview(p); err != nil {
		return nil, &api.Error{Code: "refused", Message: "cannot move out, and nothing was changed: " + e.tilde(err.Error()), Exit: helper.ExitFailed}
	}
	if p.stale, err = e.files.PointingTo(p.isStale); err == nil && !e.steered() {
		p.manager, err = e.registered(ctx)
	}
	return p, err
}

// openWithin is how long a service that was started just now may take to read its
// keys.
const openWithin = 10 * time.Second

// whole is the status once every key is read. What cannot be read must not be taken
// for nothing.
func (e *ejecting) whole(ctx context.Context) (api.Status, error) {
	late := time.NewTimer(openWithin)
	defer late.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := e.status(ctx)
		if err != nil {
			return status, err
		}
		store := status.Daemon.Store
		if store.State != "ready" && store.State != "none" {
			return status, &api.Error{Code: "store-" + store.State, Message: "cannot tell which keys there are: the store is " + store.State, Remedy: "awskey status says what to do; nothing was changed", Exit: helper.ExitLocked}
		}
		opening := store.State == "none" && store.Backend != ""
		if !opening && !slices.ContainsFunc(status.Keys, unread) {
			return status, nil
		}
		select {
		case <-tick.C:
		case <-late.C:
			if !opening {
				return status, nil // which key, and why, is said of each
			}
			return status, &api.Error{Code: "store-opening", Message: "the store " + store.Backend + " is still being opened", Remedy: "awskey status says what it waits for; nothing was changed", Exit: helper.ExitLocked}
		case <-ctx.Done():
			return status, &api.Error{Code: "stopped", Message: "nothing was changed", Exit: helper.ExitFailed}
		}
	}
}

// unread tells a key whose record could not be read, or not yet.
func unread(k api.Key) bool { return k.AccessKeyID == "" && !unborn(k) }

// leavingOf refuses a key that has nothing to give.
func leavingOf(status api.Status, k api.Key) (*leaving, error) {
	if k.AccessKeyID == "" {
		failed := &api.Error{Code: "no-access-key-yet", Message: "cannot move out: the first access key of " + k.Name + " is still being made", Remedy: "wait for it, or awskey remove " + k.Name + " --force", Exit: helper.ExitHeld}
		if unread(k) && k.Hold != nil {
			failed = &api.Error{Code: k.Hold.Code, Message: "cannot move out: the key " + k.Name + " cannot be read: " + k.Hold.Text, Remedy: "awskey status says what to do; awskey remove " + k.Name + " leaves it behind", Exit: helper.ExitLocked}
		}
		return nil, failed
	}
	one := &leaving{name: k.Name, user: k.UserARN, id: k.AccessKeyID, served: []string{k.Name}, left: []string{}}
	for _, pr := range status.Profiles {
		if strings.EqualFold(pr.Key, k.Name) && !strings.EqualFold(pr.Name, k.Name) {
			one.served = append(one.served, pr.Name)
		}
	}
	gives := !k.Paused && !k.Back && (k.Hold == nil || k.Hold.Code == rolledBack)
	one.settles = gives && (k.Next != nil || k.Phase == "creating" && k.Previous == nil)
	if k.Next != nil && !gives {
		one.left = append(one.left, k.Next.AccessKeyID)
	}
	if k.Previous != nil {
		one.left = append(one.left, k.Previous.AccessKeyID)
	}
	return one, nil
}

// isOurs accepts the commands that run our helper for the key.
func (k *leaving) isOurs(command string) bool {
	for _, name := range k.served {
		if oursNamed(name)(command) {
			return true
		}
	}
	return false
}

// back is what is to be written. In a plan its secret is not known.
func (k *leaving) back() awsfiles.Return {
	return awsfiles.Return{Key: awsfiles.Static{AccessKeyID: k.id, Secret: k.key}, IsOurs: k.isOurs, Name: k.name}
}

// isStale accepts the commands that run our helper for a key that is not here.
func (p *ejectPlan) isStale(command string) bool {
	if _, ours := awsfiles.Ours(command); !ours {
		return false
	}
	for _, k := range p.keys {
		if k.isOurs(command) {
			return false
		}
	}
	return true
}

func (e *ejecting) preview(p *ejectPlan) error {
	var returns []awsfiles.Return
	for _, k := range p.keys {
		returns = append(returns, k.back())
		lines, err := e.files.PointingTo(k.isOurs)
		if err != nil {
			return err
		}
		k.unasked = len(lines) == 0
	}
	profiles, changes, err := e.files.PreviewRestore(returns...)
	if err != nil {
		return err
	}
	for n, k := range p.keys {
		k.profiles, k.file = profiles[n], e.files.Credentials
	}
	p.changes = changes
	return nil
}
