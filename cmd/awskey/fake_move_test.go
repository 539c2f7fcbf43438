package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// Migrate moves nothing to a store named fails, and leaves something behind on
// the way to one named slow.
func (f *fake) Migrate(_ context.Context, r api.MigrateRequest) (api.Migration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, keys := f.status.Daemon.Store.Backend, len(f.status.Keys)
	if r.To == from {
		return api.Migration{From: from, To: from, Step: "done"}, nil
	}
	at := slices.IndexFunc(f.backends, func(b api.Backend) bool { return b.Name == r.To })
	if at < 0 {
		return api.Migration{}, api.NewError(helper.ExitUsage, "bad-backend", fmt.Sprintf("there is no store %q here", r.To), "choose one of secret-service, file")
	}
	if !f.backends[at].Available {
		return api.Migration{}, api.NewError(helper.ExitLocked, "store-unavailable", "cannot move the keys to "+r.To+": "+f.backends[at].Text, "")
	}
	step := func(word string, done int) api.Migration {
		return api.Migration{From: from, To: r.To, Keys: keys, Step: word, Done: done}
	}
	if r.Check {
		return step("none", 0), nil
	}
	f.moves = []api.Migration{step("copying", 1)}
	if r.To == "restarts" {
		f.moves = append(f.moves, api.Migration{Step: "none"})
	} else if r.To != "fails" {
		f.moves = append(f.moves, step("copying", 2), step("verifying", 2), step("switching", 0), step("clearing", 1), step("done", 0))
	}
	if r.To == "slow" {
		f.moves[5].Left = "the store is locked"
	}
	return step("waiting", 0), nil
}

func (f *fake) Migration(context.Context) (api.Migration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.moves) == 0 {
		return api.Migration{}, api.NewError(helper.ExitLocked, "store-locked", "cannot move the keys to fails: the store is locked", "unlock your keyring")
	}
	now := f.moves[0]
	if len(f.moves) > 1 || now.To == "fails" {
		f.moves = f.moves[1:]
	}
	if now.Step == "done" {
		f.status.Daemon.Store.Backend = now.To
	}
	return now, nil
}

// Standing knows how an id stands by its last letter: K is active, D is
// inactive, of Z it could not ask, and of the others it may not look at the users.
func (f *fake) Standing(_ context.Context, r api.StandingRequest) (all api.Standings, err error) {
	for _, id := range r.AccessKeyIDs {
		s := api.Standing{AccessKeyID: id, Account: "123456789012", State: "unknown", Text: "none of the keys here may look at its users"}
		if state := map[byte]string{'K': "active", 'D': "inactive"}[id[len(id)-1]]; state != "" {
			s = api.Standing{AccessKeyID: id, Account: "123456789012", User: "ci", State: state}
		}
		if id[len(id)-1] == 'Z' {
			s = api.Standing{AccessKeyID: id, State: "unknown", Text: "no route to sts.amazonaws.com"}
		}
		all.AccessKeys = append(all.AccessKeys, s)
	}
	return all, nil
}
