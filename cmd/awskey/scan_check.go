package main

import (
	"context"
	"errors"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// ask has AWS asked how the access keys stand that are not ours, and fills it in.
func (s *scanning) ask(ctx context.Context, found []*finding) error {
	byID := map[string][]*finding{}
	var ids []string
	for _, f := range found {
		if f.name != "" || !strings.HasPrefix(f.id, "AKIA") {
			continue
		}
		if byID[f.id] == nil {
			ids = append(ids, f.id)
		}
		byID[f.id] = append(byID[f.id], f)
	}
	for len(ids) > 0 {
		some := ids[:min(len(ids), api.MaxStandings)]
		ids = ids[len(some):]
		told, err := s.daemon.Standing(ctx, api.StandingRequest{AccessKeyIDs: some})
		if err != nil {
			return noStanding(err)
		}
		for _, st := range told.AccessKeys {
			if st.State == stateUnknown && s.sign {
				st = s.signed(ctx, st)
			}
			for _, f := range byID[st.AccessKeyID] {
				f.state, f.account, f.user, f.asked = st.State, st.Account, st.User, st.Text
			}
		}
	}
	return nil
}

func noStanding(err error) error {
	e := asError(err)
	return &api.Error{Code: e.Code, Message: "AWS was not asked how they stand: " + e.Message, Remedy: e.Remedy, Exit: e.Exit}
}

// refusedByAWS is what is told of a key that AWS does not take.
const refusedByAWS = "AWS refuses it: it is inactive or deleted, or the secret is another one's"

// signed has the access key itself sign a request, as a person has asked for: whose
// it is shows in the account's CloudTrail.
func (s *scanning) signed(ctx context.Context, st api.Standing) api.Standing {
	key, ok := s.search.secrets[st.AccessKeyID]
	if !ok {
		return st
	}
	who, err := s.daemon.Identify(ctx, api.IdentifyRequest{AccessKeyID: st.AccessKeyID, SecretAccessKey: key.Reveal()})
	var e *api.Error
	switch {
	case err == nil:
		st.State, st.Text, st.Account = stateActive, "", account(who.UserARN)
		st.User = who.UserARN[strings.LastIndexByte(who.UserARN, '/')+1:]
	case errors.As(err, &e) && e.Exit == helper.ExitAWS:
		st.Text = refusedByAWS
	default:
		st.Text = "AWS could not be asked: " + err.Error()
	}
	return st
}
