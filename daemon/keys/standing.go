package keys

import (
	"context"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
)

// Standing asks AWS how access keys stand that are not ours: by the rights of the
// users whose keys are, and never by signing with one of them. STS tells the
// account of any; whether one is active only its own account's IAM tells, and only
// to whom it lets see.
func (s *Set) Standing(ctx context.Context, q api.StandingRequest) (api.Standings, error) {
	asking, done, err := s.alone(ctx, "ask AWS how access keys stand")
	if err != nil {
		return api.Standings{}, err
	}
	defer done()
	signers, err := s.signers()
	if err != nil {
		return api.Standings{}, err
	}
	if len(signers) == 0 {
		return api.Standings{}, api.NewError(helper.ExitUnknown, "no-keys", "there is no key here to ask AWS with", "take one in: awskey add NAME")
	}
	var all api.Standings
	for _, id := range q.AccessKeyIDs {
		if asking.Err() != nil {
			return api.Standings{}, StoreError("ask AWS how access keys stand", ErrBusy)
		}
		all.AccessKeys = append(all.AccessKeys, standing(asking, signers, id))
	}
	return all, nil
}

// witness is a key of ours that may ask.
type witness struct {
	aws     AWS
	user    rotation.User
	version rotation.Version
	listed  map[string]rotation.Outcome // by user
}

func (w *witness) account() string {
	if parts := strings.SplitN(w.user.ARN, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// list asks for a user's access keys once.
func (w *witness) list(ctx context.Context, user string) rotation.Outcome {
	o, ok := w.listed[user]
	if !ok {
		o = w.aws.Do(ctx, user, rotation.Action{Do: rotation.List, Signer: w.version})
		w.listed[user] = o
	}
	return o
}

// signers are all keys whose secret is at hand.
func (s *Set) signers() (all []*witness, err error) {
	for _, k := range s.all() {
		k.mu.Lock()
		r, loaded := k.r, k.loaded
		k.mu.Unlock()
		if !loaded || r.Current.ID == "" {
			continue
		}
		aws, err := s.AWS(k.name)
		if err != nil {
			return nil, api.NewError(helper.ExitUsage, "bad-aws-settings", err.Error(), "mend [aws] in the configuration")
		}
		all = append(all, &witness{aws, r.User, r.Current, map[string]rotation.Outcome{}})
	}
	return all, nil
}

func standing(ctx context.Context, signers []*witness, id string) api.Standing {
	st := api.Standing{AccessKeyID: id, State: "unknown"}
	account, user := "", ""
	for _, w := range signers {
		a, u, o := w.aws.Owner(ctx, w.version, id)
		if o.Result != rotation.OK {
			st.Text = o.Text
			continue
		}
		if account, st.Account, st.Text = a, a, ""; w.account() == a && u != "" {
			user = u
			break
		}
	}
	for _, w := range signers {
		if account != "" && w.account() != account {
			continue
		}
		names := []string{w.user.Name()}
		if user != "" {
			names = append(names, user)
		}
		for _, name := range names {
			for _, row := range w.list(ctx, name).Keys {
				if row.ID == id {
					st.Account, st.User, st.State, st.Text = w.account(), name, "inactive", ""
					if row.Active {
						st.State = "active"
					}
					return st
				}
			}
		}
	}
	if account != "" && st.Text == "" {
		st.Text = "none of the keys here may look at its users"
	}
	return st
}
