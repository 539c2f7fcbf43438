package keys_test

import (
	"context"
	"testing"
	"testing/synctest"

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
