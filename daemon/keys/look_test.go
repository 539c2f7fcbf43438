package keys_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awsapi"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

// places is an emulated AWS with bob's two keys: one that asks, and one that is
// asked about.
type places struct {
	*awstest.Server
	t           *testing.T
	now         atomic.Int64 // AWS's clock against ours
	asks, about rotation.Version
}

func newPlaces(t *testing.T, o awstest.Options) *places {
	p := &places{t: t}
	o.Clock = func() time.Time { return time.Now().Add(time.Duration(p.now.Load())) }
	if o.LogGroup == "" {
		o.LogGroup = "trail"
	}
	p.Server = awstest.NewServer(o)
	t.Cleanup(p.Close)
	p.CreateUser("bob", "/eng/", awstest.Watcher())
	for _, v := range []*rotation.Version{&p.asks, &p.about} {
		id, text := p.IssueKey("bob")
		*v = rotation.Version{ID: id, Secret: secret.New(text)}
	}
	return p
}

// iam is a client of a region with what it is to watch.
func (p *places) iam(region string, m keys.Monitor) keys.IAM {
	p.t.Helper()
	c, err := awsapi.New(awsapi.Config{EndpointURL: p.URL, Region: region})
	if err != nil {
		p.t.Fatal(err)
	}
	return keys.IAM{Client: c, Monitor: func() keys.Monitor { return m }}
}

// eye is where a look is made from, and what it watches.
type eye struct {
	region  string
	monitor keys.Monitor
}

// look asks about a key since some time ago. A new client each time does not
// wait for its turn at CloudTrail.
func (p *places) look(e eye, ago time.Duration, watch bool) rotation.Outcome {
	p.t.Helper()
	return p.iam(e.region, e.monitor).Do(p.t.Context(), "bob", rotation.Action{Do: rotation.Look, Signer: p.asks, Target: p.about.ID,
		Since: time.Now().Add(time.Duration(p.now.Load()) - ago), Watch: watch})
}

// uses lets somebody use the key at STS, signed for a region.
func (p *places) uses(region string) {
	p.t.Helper()
	p.signs(awstest.STS, "Action=GetCallerIdentity&Version=2011-06-15", region)
}

func (p *places) signs(service awstest.Service, body, region string) {
	p.t.Helper()
	r, err := http.NewRequest("POST", p.URL, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	awstest.Sign(r, []byte(body), p.about.ID, p.about.Secret.Reveal(), service, region, time.Now().Add(time.Duration(p.now.Load())))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	resp.Body.Close()
}

func (p *places) advance(d time.Duration) { p.now.Add(int64(d)) }

// check compares a look with what it must tell; want is Where, or "" for no use.
func (p *places) check(name string, o rotation.Outcome, result rotation.Result, where, trouble string, blind ...string) {
	p.t.Helper()
	if o.Result != result || o.Where != where || o.Used.IsZero() != (where == "") {
		p.t.Errorf("%s: %s, used %v %q, want %s %q (%s)", name, o.Result, o.Used, o.Where, result, where, o.Text)
	}
	if trouble == "" && o.Trouble != "" || !strings.Contains(o.Trouble, trouble) {
		p.t.Errorf("%s: trouble %q, want %q", name, o.Trouble, trouble)
	}
	slices.Sort(o.Blind)
	slices.Sort(blind)
	if !slices.Equal(o.Blind, blind) {
		p.t.Errorf("%s: blind\n%s\nwant\n%s", name, strings.Join(o.Blind, "\n"), strings.Join(blind, "\n"))
	}
	if all := strings.Join(append(o.Blind, o.Text, o.Where, o.Trouble), "\n"); strings.Contains(all, p.asks.Secret.Reveal()) || strings.Contains(all, p.about.Secret.Reveal()) {
		p.t.Errorf("%s: tells a secret", name)
	}
}

const used = "GetCallerIdentity at sts.amazonaws.com in "

// Each place tells in its own time, and the latest that any tells counts.
func TestALateTrail(t *testing.T) {
	// All within the quarter of an hour that AWS's clock may be ahead.
	p := newPlaces(t, awstest.Options{TrailLag: 2 * time.Minute, LastUsedLag: 5 * time.Minute, LastUsedGrain: time.Second})
	i := eye{"us-east-1", keys.Monitor{}}
	p.check("never used", p.look(i, time.Hour, true), rotation.OK, "", "")
	p.uses("us-east-1")
	p.check("too early", p.look(i, time.Hour, true), rotation.OK, "", "")
	p.advance(3 * time.Minute)
	p.check("CloudTrail tells", p.look(i, time.Hour, true), rotation.OK, used+"us-east-1 from 127.0.0.1", "")
	p.check("before it counts", p.look(i, time.Minute, true), rotation.OK, "", "")
	p.advance(3 * time.Minute)
	p.check("last-used tells too", p.look(i, time.Minute, true), rotation.OK, "sts in us-east-1", "")
	o := p.look(i, time.Hour, true)
	p.check("both tell", o, rotation.OK, used+"us-east-1 from 127.0.0.1", "")
	if ago := time.Since(o.Used); ago.Abs() > time.Minute || o.Date.Sub(o.Used) < 5*time.Minute {
		t.Errorf("used %v ago, AWS's clock %v", ago, o.Date)
	}
}

// Data events, which CloudTrail does not tell, are in last-used data alone.
func TestADataEvent(t *testing.T) {
	p := newPlaces(t, awstest.Options{LastUsedGrain: time.Second})
	i := eye{"us-east-1", keys.Monitor{}}
	p.uses("us-east-1")
	p.advance(time.Minute)
	p.signs(awstest.SNS, "Action=ListTopics&Version=2010-03-31", "eu-central-1")
	o := p.look(i, time.Hour, true)
	p.check("the later use", o, rotation.OK, "sns in eu-central-1", "")
	if o.Date.Sub(o.Used).Abs() > 10*time.Second {
		t.Errorf("used at %v, now %v", o.Used, o.Date)
	}
}

// What is used in another region is seen there alone.
func TestAForeignRegion(t *testing.T) {
	p := newPlaces(t, awstest.Options{Region: "eu-west-1", LastUsedLag: time.Hour})
	p.uses("eu-west-1")
	p.check("not asked", p.look(eye{"eu-west-1", keys.Monitor{}}, time.Hour, false), rotation.OK, "", "")
	asked := eye{"eu-west-1", keys.Monitor{Regions: []string{"ap-southeast-2", "eu-west-1", "us-east-1"}}}
	p.check("asked", p.look(asked, time.Hour, false), rotation.OK, used+"eu-west-1 from 127.0.0.1", "")
	p.uses("us-east-1") // the global endpoint
	o := p.look(asked, time.Hour, false)
	if !strings.HasPrefix(o.Where, used) || o.Result != rotation.OK {
		t.Errorf("%+v", o)
	}
	regions := map[string]int{}
	for _, c := range p.Calls() {
		if c.Service == awstest.CloudTrail {
			regions[c.Params.Get("LookupAttributes.member.1.AttributeValue")]++
		}
	}
	if regions[p.about.ID] != 1+3+3 {
		t.Errorf("CloudTrail was asked %v times", regions)
	}
	bad := eye{"eu-west-1", keys.Monitor{Regions: []string{"Ireland"}}}
	p.check("no region", p.look(bad, time.Second, false), rotation.OK, o.Where, "", `CloudTrail in Ireland: the request could not be made: "Ireland" is not a region: write one like eu-west-1`)
}

// A place that may not be asked is blind; the others still tell.
func TestDeniedPlaces(t *testing.T) {
	p := newPlaces(t, awstest.Options{})
	p.uses("us-east-1")
	watching := keys.Monitor{LogGroup: "trail", Alarms: []string{"bad calls"}}
	p.PutAlarm("bad calls", awstest.AlarmOK, time.Now())
	where := used + "us-east-1 from 127.0.0.1"
	const (
		noTrail  = "CloudTrail in us-east-1: no policy allows cloudtrail:LookupEvents"
		noLogs   = "the log group trail: no policy allows logs:FilterLogEvents"
		noAlarms = "the CloudWatch alarms: no policy allows cloudwatch:DescribeAlarms"
		noLast   = "last-used data: no policy allows iam:GetAccessKeyLastUsed"
	)
	for _, try := range []struct {
		name   string
		policy awstest.Policy
		watch  bool
		result rotation.Result
		where  string
		blind  []string
	}{
		{"all allowed", awstest.Watcher(), true, rotation.OK, where, nil},
		{"rotator", awstest.Rotator(), true, rotation.OK, "sts in us-east-1", []string{noTrail, noLogs, noAlarms}},
		{"rotator, not watching", awstest.Rotator(), false, rotation.OK, "sts in us-east-1", []string{noTrail}},
		{"CloudTrail alone", awstest.Policy{Any: []string{"cloudtrail:*"}}, false, rotation.Denied, where, []string{noLast}},
		{"nothing", awstest.Policy{}, true, rotation.Denied, "", []string{noLast, noTrail, noLogs, noAlarms}},
		{"denied without MFA", awstest.Policy{Any: []string{"*"}, NeedMFA: true}, true, rotation.Denied, "", []string{
			"last-used data: a policy denies iam:GetAccessKeyLastUsed", "CloudTrail in us-east-1: a policy denies cloudtrail:LookupEvents",
			"the log group trail: a policy denies logs:FilterLogEvents", "the CloudWatch alarms: a policy denies cloudwatch:DescribeAlarms"}},
	} {
		p.SetPolicy("bob", try.policy)
		o := p.look(eye{"us-east-1", watching}, time.Hour, try.watch)
		p.check(try.name, o, try.result, try.where, "", try.blind...)
		if o.Explicit != try.policy.NeedMFA {
			t.Errorf("%s: explicit %v", try.name, o.Explicit)
		}
	}
	p.SetPolicy("bob", awstest.Watcher())
	p.check("not configured is not blind", p.look(eye{"us-east-1", keys.Monitor{}}, time.Hour, true), rotation.OK, where, "")
	absent := eye{"us-east-1", keys.Monitor{LogGroup: "trial", Alarms: []string{"bad calls", "worse calls"}}}
	p.check("misspelt", p.look(absent, time.Hour, true), rotation.OK, where, "",
		"the log group trial: The specified log group does not exist.", "the CloudWatch alarm worse calls: there is none of that name")
}

// An alarm counts if it is on, and only since the look's time.
func TestAlarms(t *testing.T) {
	p := newPlaces(t, awstest.Options{})
	i := eye{"us-east-1", keys.Monitor{Alarms: []string{"bad calls", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:root"}}}
	now := time.Now()
	for _, try := range []struct {
		state   string
		at      time.Time
		trouble string
	}{
		{awstest.AlarmInAlarm, now.Add(-2 * time.Hour), ""},
		{awstest.AlarmInAlarm, now.Add(-30 * time.Minute), "the alarm bad calls is on since " + now.Add(-30*time.Minute).UTC().Format(time.RFC3339)},
		{awstest.AlarmOK, now.Add(-10 * time.Minute), ""},
		{awstest.AlarmInsufficient, now.Add(-10 * time.Minute), ""},
	} {
		p.PutAlarm("root", awstest.AlarmOK, now)
		p.PutAlarm("bad calls", try.state, try.at)
		p.check(try.state, p.look(i, time.Hour, true), rotation.OK, "", try.trouble)
		p.check(try.state+", not watching", p.look(i, time.Hour, false), rotation.OK, "", "")
	}
	p.PutAlarm("root", awstest.AlarmInAlarm, now)
	p.PutAlarm("bad calls", awstest.AlarmInAlarm, now)
	o := p.look(i, time.Hour, true)
	p.check("two", o, rotation.OK, "", "; the alarm arn:aws:cloudwatch:us-east-1:123456789012:alarm:root is on since ")
}

// The log group tells of calls that failed, once the victim is Inactive.
func TestTroubleInTheLogGroup(t *testing.T) {
	p := newPlaces(t, awstest.Options{TrailRefused: true, TrailLag: time.Minute})
	i := eye{"us-east-1", keys.Monitor{LogGroup: "trail"}}
	p.uses("us-east-1")
	p.advance(5 * time.Minute)
	p.SetStatus(p.about.ID, awstest.Inactive)
	p.check("nothing since", p.look(i, time.Minute, true), rotation.OK, "sts in us-east-1", "")
	p.uses("us-east-1")
	p.check("not told yet", p.look(i, time.Minute, true), rotation.OK, "sts in us-east-1", "")
	p.advance(2 * time.Minute)
	o := p.look(i, 3*time.Minute, true)
	failed := used + "us-east-1 from 127.0.0.1: InvalidClientTokenId"
	p.check("told", o, rotation.OK, failed, "a call failed at "+o.Used.Format(time.RFC3339)+": "+failed)
	if n := len(o.Trouble); n > 160 {
		t.Errorf("%d bytes of trouble: %s", n, o.Trouble)
	}
	p.check("not watching", p.look(i, 3*time.Minute, false), rotation.OK, failed, "")
}

// Trouble on the way to one place makes that place blind; on the way to last-used
// data it is the result of the look.
func TestTroubleOnTheWay(t *testing.T) {
	all := keys.Monitor{LogGroup: "trail", Alarms: []string{"a"}}
	p := newPlaces(t, awstest.Options{})
	p.PutAlarm("a", awstest.AlarmOK, time.Now())
	for _, try := range []struct {
		name   string
		script awstest.Script
		result rotation.Result
		blind  []string
	}{
		{"busy", awstest.Rules(awstest.Rule{Action: "LookupEvents", Fault: awstest.Throttle()}, awstest.Rule{Action: "FilterLogEvents", Fault: awstest.Fail(503)}),
			rotation.OK, []string{"CloudTrail in us-east-1: AWS asks for patience", "the log group trail: The request has failed due to a temporary failure of the server."}},
		{"cut", awstest.Rules(awstest.Rule{Action: "LookupEvents", Fault: awstest.Drop()}, awstest.Rule{Action: "DescribeAlarms", Fault: awstest.CaptivePortal()}),
			rotation.OK, []string{"CloudTrail in us-east-1: the connection to HOST broke before the answer was here",
				"the CloudWatch alarms: something between this machine and AWS answered (200 OK, text/html)"}},
		{"last-used is cut", awstest.Rules(awstest.Rule{Action: "GetAccessKeyLastUsed", Fault: awstest.Drop()}),
			rotation.Ambiguous, []string{"last-used data: the connection to HOST broke before the answer was here"}},
		{"last-used is busy", awstest.Rules(awstest.Rule{Action: "GetAccessKeyLastUsed", Fault: awstest.Throttle()}),
			rotation.Throttled, []string{"last-used data: AWS asks for patience"}},
	} {
		p.SetScript(try.script)
		for n := range try.blind {
			try.blind[n] = strings.Replace(try.blind[n], "HOST", strings.TrimPrefix(p.URL, "http://"), 1)
		}
		p.check(try.name, p.look(eye{"us-east-1", all}, time.Hour, true), try.result, "", "", try.blind...)
	}
	p.SetScript(nil)
	for _, c := range p.Calls() {
		for _, other := range p.Calls() {
			if c.Number != other.Number && c.Conn == other.Conn {
				t.Fatalf("calls %d and %d shared a connection", c.Number, other.Number)
			}
		}
	}
	p.SetStatus(p.asks.ID, awstest.Inactive)
	o := p.look(eye{"us-east-1", all}, time.Hour, true)
	p.check("the asking key is refused", o, rotation.Refused, "", "",
		"last-used data: AWS does not accept the access key there (InvalidClientTokenId)", "CloudTrail in us-east-1: AWS does not accept the access key there (UnrecognizedClientException)",
		"the log group trail: AWS does not accept the access key there (UnrecognizedClientException)", "the CloudWatch alarms: AWS does not accept the access key there (InvalidClientTokenId)")
}
