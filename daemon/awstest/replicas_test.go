package awstest

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A connection stays with the replica it drew: it says the same again and
// again, while new connections differ until the last replica has followed.
func TestConnectionsDrawReplicas(t *testing.T) {
	clock := new(handClock)
	s := start(t, Options{Clock: clock.now, Seed: 5, Replicas: map[Service][]time.Duration{
		STS: {0, 10 * time.Second, 20 * time.Second},
	}})
	cred, _ := alice(t, s)
	made := newCaller(s, cred.id, cred.secret).create(t)
	c := newCaller(s, made.id, made.secret)

	good := func() (n int) {
		for range 30 {
			kept := &http.Transport{}
			c.client = &http.Client{Transport: kept}
			first, err := c.call(STS, "GetCallerIdentity")
			if err != nil {
				t.Fatal(err)
			}
			again, err := c.call(STS, "GetCallerIdentity")
			if err != nil {
				t.Fatal(err)
			}
			if first.status != again.status {
				t.Fatalf("one connection said %d and then %d", first.status, again.status)
			}
			calls := s.Calls()
			if calls[len(calls)-1].Conn != calls[len(calls)-2].Conn {
				t.Fatal("the client did not keep its connection: the test proves nothing")
			}
			if first.status == 200 {
				n++
			}
			kept.CloseIdleConnections()
		}
		return n
	}
	one := good()
	clock.advance(10 * time.Second)
	two := good()
	clock.advance(10 * time.Second)
	three := good()
	if one == 0 || one >= two || two >= three || three != 30 {
		t.Errorf("of 30 connections %d, %d, %d knew the key", one, two, three)
	}
}

// Every endpoint follows in its own time: deactivation, reactivation, deletion.
func TestEndpointsFollowInTheirOwnTime(t *testing.T) {
	clock := new(handClock)
	s := start(t, Options{Clock: clock.now, Replicas: map[Service][]time.Duration{STS: {10 * time.Second}, SNS: {20 * time.Second}}})
	cred, id := alice(t, s)
	c := newCaller(s, cred.id, cred.secret)
	expect := func(when string, sts, sns int) {
		t.Helper()
		for service, want := range map[Service]int{STS: sts, SNS: sns} {
			action := map[Service]string{STS: "GetCallerIdentity", SNS: "ListTopics"}[service]
			if g, err := c.call(service, action); err != nil || g.status != want {
				t.Errorf("%s: %s answers %d, want %d (%v)", when, service, g.status, want, err)
			}
		}
	}
	expect("at first", 200, 200)
	s.SetStatus(id, Inactive)
	expect("deactivated", 200, 200)
	clock.advance(10 * time.Second)
	expect("10 s after", 403, 200)
	s.SetStatus(id, Active)
	clock.advance(10 * time.Second)
	expect("20 s after, reactivated 10 s ago", 200, 403)
	clock.advance(10 * time.Second)
	expect("reactivated 20 s ago", 200, 200)
	s.DeleteKey(id)
	expect("deleted", 200, 200)
	clock.advance(20 * time.Second)
	expect("deleted 20 s ago", 403, 403)
}

// Lists are as stale as the replica, writes are not.
func TestStaleLists(t *testing.T) {
	clock := new(handClock)
	s := start(t, Options{Clock: clock.now, Replicas: map[Service][]time.Duration{IAM: {10 * time.Second}}})
	cred, old := alice(t, s)
	c := newCaller(s, cred.id, cred.secret)
	listed := func() string {
		g := c.must(t, 200, "", IAM, "ListAccessKeys")
		var keys []string
		for part := range strings.SplitSeq(g.body, "<member>") {
			if strings.Contains(part, "<AccessKeyId>") {
				keys = append(keys, field(t, part, "AccessKeyId")+" "+field(t, part, "Status"))
			}
		}
		return strings.Join(keys, ",")
	}
	made := c.create(t)
	if got := listed(); got != old+" Active" {
		t.Errorf("just created: %s", got)
	}
	c.must(t, 409, "LimitExceeded", IAM, "CreateAccessKey") // the primary knows both
	clock.advance(10 * time.Second)
	if got := listed(); got != old+" Active,"+made.id+" Active" {
		t.Errorf("10 s later: %s", got)
	}
	c.must(t, 200, "", IAM, "UpdateAccessKey", "AccessKeyId", made.id, "Status", Inactive)
	c.must(t, 200, "", IAM, "DeleteAccessKey", "AccessKeyId", made.id)
	c.must(t, 404, "NoSuchEntity", IAM, "DeleteAccessKey", "AccessKeyId", made.id)
	if got := listed(); got != old+" Active,"+made.id+" Active" {
		t.Errorf("just deleted: %s", got)
	}
	c.create(t) // the slot is free although the list is full
	clock.advance(10 * time.Second)
	if got := listed(); strings.Contains(got, made.id) {
		t.Errorf("deleted 10 s ago: %s", got)
	}
}

func TestLastUsed(t *testing.T) {
	clock := new(handClock)
	s := start(t, Options{Clock: clock.now, Region: "eu-west-1", LastUsedLag: time.Hour})
	_, watched := alice(t, s)
	user := newCaller(s, watched, s.Secret(watched))
	s.CreateUser("admin", "", Admin())
	id, secret := s.IssueKey("admin")
	admin := newCaller(s, id, secret)
	told := func() string {
		g := admin.must(t, 200, "", IAM, "GetAccessKeyLastUsed", "AccessKeyId", watched)
		if field(t, g.body, "UserName") != "alice" {
			t.Error(g.body)
		}
		words := field(t, g.body, "ServiceName") + " " + field(t, g.body, "Region")
		if strings.Contains(g.body, "LastUsedDate") {
			words += " " + field(t, g.body, "LastUsedDate")
		}
		return words
	}
	first := clock.now()
	user.region = "eu-west-1"
	user.must(t, 200, "", STS, "GetCallerIdentity")
	if got := told(); got != "N/A N/A" {
		t.Errorf("just used: %s", got)
	}
	clock.advance(14 * time.Minute)
	user.must(t, 200, "", SNS, "ListTopics") // within the grain: not recorded
	clock.advance(time.Minute)
	user.must(t, 200, "", SNS, "ListTopics")
	second := clock.now()
	clock.advance(44 * time.Minute)
	if got := told(); got != "N/A N/A" {
		t.Errorf("59 minutes after the use: %s", got)
	}
	clock.advance(time.Minute)
	if got, want := told(), "sts eu-west-1 "+timestamp(first); got != want {
		t.Errorf("an hour after the first use: %s, want %s", got, want)
	}
	clock.advance(14 * time.Minute)
	if got, want := told(), "sts eu-west-1 "+timestamp(first); got != want {
		t.Errorf("an hour after a use in the same grain: %s, want %s", got, want)
	}
	// A refused request is no use.
	other := *user
	other.cred.secret = "wrong"
	other.must(t, 403, "SignatureDoesNotMatch", STS, "GetCallerIdentity")
	clock.advance(2 * time.Hour)
	if got, want := told(), "sns eu-west-1 "+timestamp(second); got != want {
		t.Errorf("later: %s, want %s", got, want)
	}
}
