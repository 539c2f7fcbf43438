package keys_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

// Nobody to sign: nothing is sent.
func TestNobodyToSign(t *testing.T) {
	p := newPlaces(t, awstest.Options{})
	i := p.iam("us-east-1", keys.Monitor{})
	for _, do := range []rotation.Verb{rotation.List, rotation.Create, rotation.Look, rotation.Deactivate, rotation.Activate, rotation.Delete} {
		o := i.Do(t.Context(), "bob", rotation.Action{Do: do, Target: p.about.ID})
		if o.Result != rotation.NotSent || o.Text != "the key that rotates this one cannot be read" {
			t.Errorf("%s: %+v", do, o)
		}
	}
	if o := i.User(t.Context(), rotation.Version{}, "bob"); o.Result != rotation.NotSent {
		t.Errorf("%+v", o)
	}
	if _, o := i.Users(t.Context(), rotation.Version{}); o.Result != rotation.NotSent {
		t.Errorf("%+v", o)
	}
	if n := len(p.Calls()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// What a round asks, in which order, each on a connection of its own.
func TestRounds(t *testing.T) {
	const arn = "arn:aws:iam::123456789012:user/eng/bob"
	for _, try := range []struct {
		name string
		do   rotation.Verb
		at   []rotation.Service
		want string
		arn  string
		keys int
	}{
		{"both", rotation.Prove, nil, "GetCallerIdentity ListAccessKeys", arn, 2},
		{"check", rotation.Check, []rotation.Service{rotation.STS, rotation.IAM}, "GetCallerIdentity ListAccessKeys", arn, 2},
		{"the other way round", rotation.Check, []rotation.Service{rotation.IAM, rotation.STS}, "ListAccessKeys GetCallerIdentity", arn, 2},
		{"STS alone", rotation.Prove, []rotation.Service{rotation.STS}, "GetCallerIdentity", arn, 0},
		{"IAM alone", rotation.Prove, []rotation.Service{rotation.IAM}, "ListAccessKeys", "", 2},
		{"witness", rotation.Witness, nil, "ListAccessKeys", "", 2},
	} {
		p := newPlaces(t, awstest.Options{})
		o := p.iam("us-east-1", keys.Monitor{}).Do(t.Context(), "bob", rotation.Action{Do: try.do, Signer: p.asks, At: try.at})
		var asked []string
		for n, c := range p.Calls() {
			asked = append(asked, c.Action)
			if c.Conn != n+1 || c.KeyID != p.asks.ID {
				t.Errorf("%s: %+v", try.name, c)
			}
		}
		if o.Result != rotation.OK || strings.Join(asked, " ") != try.want || o.ARN != try.arn || len(o.Keys) != try.keys || o.Date.IsZero() {
			t.Errorf("%s: asked %q, %+v", try.name, asked, o)
		}
	}
}

// A renamed user's key still proves itself, and tells the new ARN.
func TestRoundOfARenamedUser(t *testing.T) {
	p := newPlaces(t, awstest.Options{})
	p.RenameUser("bob", "robert")
	check := rotation.Action{Do: rotation.Check, Signer: p.asks}
	i := p.iam("us-east-1", keys.Monitor{})
	if o := i.Do(t.Context(), "bob", check); o.Result != rotation.OK || o.ARN != "arn:aws:iam::123456789012:user/eng/robert" || len(o.Keys) != 2 {
		t.Errorf("%+v", o)
	}
	p.DeleteUser("robert")
	if o := i.Do(t.Context(), "bob", check); o.Result != rotation.Refused {
		t.Errorf("%+v", o)
	}
}

// An administrator acts on another user's key, and tells an explicit deny from a
// right that is missing.
func TestAdministratorCalls(t *testing.T) {
	p := newPlaces(t, awstest.Options{})
	p.CreateUser("boss", "", awstest.Manager())
	id, text := p.IssueKey("boss")
	boss := rotation.Version{ID: id, Secret: secret.New(text)}
	i := p.iam("us-east-1", keys.Monitor{})
	status := func() string { return p.Keys("bob")[1].Status }
	act := func(do rotation.Verb) rotation.Outcome {
		return i.Do(t.Context(), "bob", rotation.Action{Do: do, Signer: boss, Target: p.about.ID, Since: time.Now().Add(-time.Hour)})
	}
	for _, do := range []rotation.Verb{rotation.Deactivate, rotation.Activate, rotation.Deactivate} {
		want := map[rotation.Verb]string{rotation.Deactivate: awstest.Inactive, rotation.Activate: awstest.Active}[do]
		if o := act(do); o.Result != rotation.OK || status() != want {
			t.Errorf("%s: %+v, %s", do, o, status())
		}
	}
	if o := act(rotation.List); o.Result != rotation.OK || len(o.Keys) != 2 {
		t.Errorf("%+v", o)
	}
	if o := act(rotation.Look); o.Result != rotation.OK || len(o.Blind) > 0 {
		t.Errorf("%+v", o)
	}
	if o := i.User(t.Context(), boss, "bob"); o.Result != rotation.OK || o.ARN != "arn:aws:iam::123456789012:user/eng/bob" {
		t.Errorf("%+v", o)
	}
	if o := i.User(t.Context(), boss, "eve"); o.Result != rotation.Missing || o.ARN != "" {
		t.Errorf("%+v", o)
	}
	if names, o := i.Users(t.Context(), boss); o.Result != rotation.OK || !slices.Equal(names, []string{"bob", "boss"}) {
		t.Errorf("%v, %+v", names, o)
	}
	for policy, explicit := range map[*awstest.Policy]bool{{}: false, {Any: []string{"*"}, NeedMFA: true}: true, {Any: []string{"*"}, Deny: []string{"iam:*"}}: true} {
		p.SetPolicy("boss", *policy)
		for _, do := range []rotation.Verb{rotation.List, rotation.Create, rotation.Activate, rotation.Delete} {
			if o := act(do); o.Result != rotation.Denied || o.Explicit != explicit {
				t.Errorf("%s under %+v: %+v", do, *policy, o)
			}
		}
	}
	p.SetPolicy("bob", awstest.Policy{Any: []string{"*"}, NeedMFA: true})
	if o := i.Do(t.Context(), "bob", rotation.Action{Do: rotation.Prove, Signer: p.asks}); o.Result != rotation.OK || o.Explicit {
		t.Errorf("a round: %+v", o)
	}
}
