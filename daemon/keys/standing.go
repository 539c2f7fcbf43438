package keys

import (
	"context"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
)

// standingWithin is how long AWS is asked at most: the API gives an answer 90
// seconds, and whoever wants to change a key waits meanwhile.
const standingWithin = time.Minute

// Standing asks AWS how access keys stand that are not ours: by the rights of the
// users whose keys are, and never by signing with one of them. STS tells the
// account of any; whether one is active only its own account's IAM tells, and only
// to whom it lets see. Once a call fails on the way, no more is asked: the others
// would only wait for the same.
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
	limited, cancel := context.WithTimeout(asking, standingWithin)
	defer cancel()
	var all api.Standings
	var lost string
	for _, id := range q.AccessKeyIDs {
		st := api.Standing{AccessKeyID: id, State: "unknown", Text: lost}
		if lost == "" {
			st, lost = standing(limited, signers, id)
		}
		if asking.Err() != nil {
			return api.Standings{}, StoreError("ask AWS how access keys stand", ErrBusy)
		}
		all.AccessKeys = append(all.AccessKeys, st)
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

// lost reports whether a call has failed on the way to AWS or back.
func (w *witness) lost(o rotation.Outcome) bool {
	return (o.Result == rotation.NotSent || o.Result == rotation.Ambiguous) && !w.version.Secret.IsZero()
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

// standing is how one access key stands, and what was wrong if a call was lost.
func standing(ctx context.Context, signers []*witness, id string) (st api.Standing, lost string) {
	st = api.Standing{AccessKeyID: id, State: "unknown"}
	account, user := "", ""
	for _, w := range signers {
		a, u, o := w.aws.Owner(ctx, w.version, id)
		if w.lost(o) {
			st.Text = o.Text
			return st, o.Text
		}
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
			listed := w.list(ctx, name)
			if w.lost(listed) {
				st.Text = listed.Text
				return st, listed.Text
			}
			for _, row := range listed.Keys {
				if row.ID == id {
					st.Account, st.User, st.State, st.Text = w.account(), name, "inactive", ""
					if row.Active {
						st.State = "active"
					}
					return st, ""
				}
			}
		}
	}
	if account != "" && st.Text == "" {
		st.Text = "none of the keys here may look at its users"
	}
	return st, ""
}
