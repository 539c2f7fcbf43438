package awsapi

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/store/secret"
)

// The emulator's places, asked by the client: what each tells, and how each
// refuses.
func TestEmulatedPlaces(t *testing.T) {
	s, c, key := emulated(t, awstest.Options{Region: "eu-west-1", LogGroup: "trail", TrailRefused: true}, awstest.Watcher())
	victim, text := s.IssueKey("bob")
	old := Credentials{victim, secret.New(text)}
	ctx, since := t.Context(), time.Now().Add(-time.Hour)
	// A new client each time does not wait for its turn.
	last := func(region string, since time.Time) (Event, Meta, error) {
		return newClient(t, Config{EndpointURL: s.URL, Region: "eu-west-1"}).LastEvent(ctx, key, region, victim, since)
	}

	for _, region := range []string{"us-east-1", "eu-west-1"} {
		if e, _, err := last(region, since); err != nil || e != (Event{}) {
			t.Errorf("before any use in %s: %+v, %v", region, e, err)
		}
	}
	if _, _, err := c.WhoAmI(ctx, old); err != nil {
		t.Fatal(err)
	}
	e, _, err := last("eu-west-1", since)
	if err != nil || e.String() != "GetCallerIdentity at sts.amazonaws.com in eu-west-1 from 127.0.0.1" || time.Since(e.Time).Abs() > time.Minute {
		t.Errorf("%+v, %v", e, err)
	}
	if e, _, err := last("eu-west-1", time.Now().Add(time.Hour)); err == nil {
		t.Errorf("since a time to come: %+v", e) // AWS refuses a range that ends before it begins
	}
	if e, _, err := last(c.MainRegion(), since); err != nil || e != (Event{}) {
		t.Errorf("%+v, %v", e, err)
	}
	if _, _, err := c.ListKeys(ctx, old, "bob"); err != nil {
		t.Fatal(err)
	}
	if e, _, err := last(c.MainRegion(), since); err != nil || e.Name != "ListAccessKeys" || e.Region != "us-east-1" {
		t.Errorf("%+v, %v", e, err)
	}
	if e, _, err := c.FailedEvent(ctx, key, "trail", victim, since); err != nil || e != (Event{}) {
		t.Errorf("good calls count as failed: %+v, %v", e, err)
	}
	s.SetStatus(victim, awstest.Inactive)
	c.WhoAmI(ctx, old)
	if e, _, err := c.FailedEvent(ctx, key, "trail", victim, since); err != nil || e.Code != "InvalidClientTokenId" || e.Name != "GetCallerIdentity" {
		t.Errorf("%+v, %v", e, err)
	}
	if e, _, err := c.FailedEvent(ctx, key, "trail", key.ID, since); err != nil || e != (Event{}) {
		t.Errorf("another key's failure: %+v, %v", e, err)
	}
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	s.PutAlarm("bad calls", awstest.AlarmInAlarm, at)
	want := []Alarm{{"bad calls", "ALARM", at}, {Name: "gone"}}
	if alarms, _, err := c.Alarms(ctx, key, []string{"bad calls", "gone"}); err != nil || !reflect.DeepEqual(alarms, want) {
		t.Errorf("%+v, %v", alarms, err)
	}

	refused := func(err error, want Class, explicit bool, part ...string) {
		t.Helper()
		e := failure(t, err, want)
		contains(t, err.Error(), part...)
		if e.Explicit != explicit || e.Date.IsZero() {
			t.Errorf("explicit %v: %#v", e.Explicit, *e)
		}
	}
	_, _, err = c.FailedEvent(ctx, key, "trial", victim, since)
	refused(err, ClassNotFound, false, "asked CloudWatch Logs in eu-west-1", "does not exist", "check [monitor]")
	places := map[string]func() error{
		"cloudtrail:LookupEvents":   func() error { _, _, err := last("eu-west-1", since); return err },
		"logs:FilterLogEvents":      func() error { _, _, err := c.FailedEvent(ctx, key, "trail", victim, since); return err },
		"cloudwatch:DescribeAlarms": func() error { _, _, err := c.Alarms(ctx, key, []string{"a"}); return err },
		"iam:ListUsers":             func() error { _, _, err := c.Users(ctx, key); return err },
		"iam:SimulatePrincipalPolicy": func() error {
			_, _, err := c.Allowed(ctx, key, "arn:aws:iam::123456789012:user/bob", []string{"iam:CreateAccessKey"})
			return err
		},
	}
	s.SetPolicy("bob", awstest.Rotator())
	for action, ask := range places {
		refused(ask(), ClassDenied, false, "not authorized to perform: "+action)
		if e := failure(t, ask(), ClassDenied); e.Action() != action {
			t.Errorf("action %s, want %s", e.Action(), action)
		}
	}
	s.SetPolicy("bob", awstest.Policy{Any: []string{"*"}, NeedMFA: true})
	for _, ask := range places {
		refused(ask(), ClassDenied, true, "explicit deny", "MFA")
	}
	_, _, err = c.ListKeys(ctx, key, "bob")
	refused(err, ClassDenied, true, "explicit deny")
	s.SetPolicy("bob", awstest.Admin())
	s.SetStatus(key.ID, awstest.Inactive)
	for _, ask := range places {
		failure(t, ask(), ClassUnauthenticated)
	}
	s.SetStatus(key.ID, awstest.Active)
	key.Secret = testKey.Secret
	c = newClient(t, Config{EndpointURL: s.URL, Region: "eu-west-1"}) // the SDK's signer remembers what it derived from a secret by the id alone
	for _, ask := range places {
		failure(t, ask(), ClassWrongSecret)
	}
}

// CloudTrail's third request in a second, on a clock that stands.
func TestEmulatedRate(t *testing.T) {
	now := time.Now()
	s, c, key := emulated(t, awstest.Options{TrailRate: 2, Clock: func() time.Time { return now }}, awstest.Watcher())
	for i := range 3 {
		_, _, err := newClient(t, Config{EndpointURL: s.URL}).LastEvent(t.Context(), key, "us-east-1", key.ID, now.Add(-time.Hour))
		if i < 2 && err != nil {
			t.Error(err)
		} else if i == 2 {
			contains(t, failure(t, err, ClassThrottled).Error(), "Rate exceeded")
		}
	}
	if _, _, err := c.LastEvent(t.Context(), key, "eu-west-1", key.ID, now.Add(-time.Hour)); err != nil {
		t.Errorf("another region: %v", err)
	}
}

// The calls of administrators.
func TestEmulatedUsers(t *testing.T) {
	s, c, key := emulated(t, awstest.Options{}, awstest.Manager())
	ctx := t.Context()
	who, _, err := c.User(ctx, key, "bob")
	if err != nil || who.ARN != "arn:aws:iam::123456789012:user/eng/bob" || who.UserName != "bob" || who.Account != "123456789012" || !strings.HasPrefix(who.UserID, "AIDA") {
		t.Errorf("%+v, %v", who, err)
	}
	var want []string
	for i := range perList + 1 {
		want = append(want, fmt.Sprintf("user-%04d", i))
		s.CreateUser(want[i], "", awstest.Policy{})
	}
	want = append([]string{"bob"}, want...)
	if names, _, err := c.Users(ctx, key); err != nil || !reflect.DeepEqual(names, want) {
		t.Errorf("%d names, %v", len(names), err)
	}
	if n := len(s.Calls()); n != 3 {
		t.Errorf("%d calls, want a page of %d and one more", n, perList)
	}
	id, _ := s.IssueKey("user-0007")
	s.RenameUser("user-0007", "seven")
	if who, _, err := c.User(ctx, key, "seven"); err != nil || who.ARN != "arn:aws:iam::123456789012:user/seven" {
		t.Errorf("%+v, %v", who, err)
	}
	_, _, err = c.User(ctx, key, "user-0007")
	failure(t, err, ClassNotFound)
	if _, err := c.SetKeyStatus(ctx, key, "seven", id, true); err != nil {
		t.Error(err)
	}
	s.DeleteUser("seven")
	_, _, err = c.ListKeys(ctx, key, "seven")
	failure(t, err, ClassNotFound)
}

// What a policy allows is told without trying it: asked for somebody else as well,
// and a condition on MFA left out, as AWS does.
func TestAllowed(t *testing.T) {
	s := awstest.NewServer(awstest.Options{})
	t.Cleanup(s.Close)
	arn := s.CreateUser("carol", "/eng/", awstest.Policy{Own: []string{"iam:*"}, Deny: []string{"iam:DeleteAccessKey"}})
	id, text := s.IssueKey("carol")
	boss := s.CreateUser("boss", "", awstest.Admin())
	bossID, bossText := s.IssueKey("boss")
	c := newClient(t, Config{EndpointURL: s.URL, Region: "eu-west-1"})
	actions := []string{"iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListUsers"}
	for name, x := range map[string]struct {
		id, text, about string
		want            map[string]bool
	}{
		"her own":         {id, text, arn, map[string]bool{"iam:CreateAccessKey": true, "iam:DeleteAccessKey": false, "iam:ListUsers": true}},
		"administrator's": {bossID, bossText, arn, map[string]bool{"iam:CreateAccessKey": true, "iam:DeleteAccessKey": false, "iam:ListUsers": true}},
		"boss's own":      {bossID, bossText, boss, map[string]bool{"iam:CreateAccessKey": true, "iam:DeleteAccessKey": true, "iam:ListUsers": true}},
	} {
		got, meta, err := c.Allowed(t.Context(), Credentials{x.id, secret.New(x.text)}, x.about, actions)
		if err != nil || !reflect.DeepEqual(got, x.want) || meta.Date.IsZero() {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	_, _, err := c.Allowed(t.Context(), Credentials{bossID, secret.New(bossText)}, arn+"s", actions)
	failure(t, err, ClassNotFound)
}
