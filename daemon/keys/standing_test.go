package keys_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// TestStanding asks by the rights of our own users, and never with the key itself.
func TestStanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		standing := func(ids ...string) []api.Standing {
			t.Helper()
			all, err := r.set.Standing(context.Background(), api.StandingRequest{AccessKeyIDs: ids})
			if err != nil {
				t.Fatal(err)
			}
			return all.AccessKeys
		}
		if _, err := r.set.Standing(context.Background(), api.StandingRequest{AccessKeyIDs: []string{"AKIAX"}}); err == nil {
			t.Error("there is no key to ask with")
		}
		r.add()
		r.aws.mu.Lock()
		r.aws.keys["AKIASECOND"] = &row{active: false}
		r.aws.keys["AKIACAROLS"] = &row{active: true}
		r.aws.owner = map[string]string{"AKIACAROLS": "carol"}
		r.aws.users["carol"] = "arn:aws:iam::123456789012:user/carol"
		r.aws.saw = func(_ string, a rotation.Action) {
			if a.Do != rotation.List && a.Do != rotation.Prove && a.Do != rotation.Check || a.Signer.ID != first {
				t.Errorf("%s by %s", a.Do, a.Signer.ID)
			}
		}
		r.aws.mu.Unlock()
		for _, c := range []struct {
			id, state, user, account string
			manages                  bool
		}{
			{first, "active", "bob", "123456789012", false},
			{"AKIASECOND", "inactive", "bob", "123456789012", false},
			{"AKIACAROLS", "unknown", "", "123456789012", false},
			{"AKIACAROLS", "active", "carol", "123456789012", true},
			{"210987654321FOREIGN", "unknown", "", "210987654321", true},
		} {
			r.aws.mu.Lock()
			r.aws.manages = ""
			if c.manages {
				r.aws.manages = "bob"
			}
			r.aws.mu.Unlock()
			got := standing(c.id)
			if len(got) != 1 || got[0].State != c.state || got[0].User != c.user || got[0].Account != c.account || (got[0].Text == "") != (c.state != "unknown") {
				t.Errorf("%s: %+v", c.id, got)
			}
		}
		if got := standing(); len(got) != 0 {
			t.Error(got)
		}
	})
}

// TestStandingWithoutAWay to AWS waits once, and always ends in time.
func TestStandingWithoutAWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		var ids []string
		for i := range api.MaxStandings {
			ids = append(ids, fmt.Sprint("210987654321FOREIGN", i))
		}
		calls := 0
		noWay := func(ctx context.Context) *rotation.Outcome { // as a call that nobody answers
			calls++
			time.Sleep(30 * time.Second)
			return &rotation.Outcome{Result: rotation.NotSent, Text: "no route"}
		}
		slow := func(ctx context.Context) *rotation.Outcome {
			calls++
			select {
			case <-time.After(25 * time.Second):
				return nil
			case <-ctx.Done():
				return &rotation.Outcome{Result: rotation.Ambiguous, Text: "no answer in time"}
			}
		}
		for _, c := range []struct {
			name         string
			way          func(context.Context) *rotation.Outcome
			listing      *rotation.Outcome
			calls, known int // accounts
			took         time.Duration
			text         string
		}{
			{"none", noWay, nil, 1, 0, 30 * time.Second, "no route"},
			{"a slow one", slow, nil, 3, 2, time.Minute, "no answer in time"},
			{"one to STS alone", nil, &rotation.Outcome{Result: rotation.NotSent, Text: "no route to IAM"}, 0, 0, 0, "no route to IAM"},
		} {
			asked := ids
			if c.listing != nil {
				asked = append([]string{"AKIAOURACCOUNT"}, ids...)
				c.known = 1
			}
			r.aws.mu.Lock()
			r.aws.way, calls = c.way, 0
			r.aws.fail = func(a rotation.Action) *rotation.Outcome {
				if a.Do == rotation.List {
					return c.listing
				}
				return nil
			}
			r.aws.mu.Unlock()
			began := time.Now()
			all, err := r.set.Standing(context.Background(), api.StandingRequest{AccessKeyIDs: asked})
			if err != nil || len(all.AccessKeys) != len(asked) || calls != c.calls || time.Since(began) != c.took {
				t.Errorf("%s: %d answers to %d calls in %s, %v", c.name, len(all.AccessKeys), calls, time.Since(began), err)
			}
			for i, st := range all.AccessKeys {
				known := i < c.known
				if st.State != "unknown" || st.AccessKeyID != asked[i] || (st.Account != "") != known || (!known || c.listing != nil) && st.Text != c.text {
					t.Errorf("%s, %d: %+v", c.name, i, st)
				}
			}
		}
	})
}
