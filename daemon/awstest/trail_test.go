package awstest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwschemas "github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	alarmtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
)

// watched is an account with a clock of its own, alice, and an administrator
// who asks through the SDK's clients.
type watched struct {
	*Server
	clock *handClock
	alice *caller
	boss  aws.CredentialsProviderFunc
}

func watch(t *testing.T, o Options) *watched {
	w := &watched{clock: new(handClock)}
	// The SDK signs by the true time, so AWS's clock begins there and is moved.
	begin := time.Now()
	o.Clock = func() time.Time { return begin.Add(time.Duration(w.clock.seconds.Load()) * time.Second) }
	w.Server = start(t, o)
	cred, _ := alice(t, w.Server)
	w.alice = newCaller(w.Server, cred.id, cred.secret)
	w.CreateUser("boss", "", Manager())
	id, secret := w.IssueKey("boss")
	w.boss = func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
	}
	return w
}

func (w *watched) lookup(t *testing.T, region string, change func(*cloudtrail.LookupEventsInput)) (*cloudtrail.LookupEventsOutput, error) {
	t.Helper()
	c := cloudtrail.New(cloudtrail.Options{Region: region, Credentials: w.boss, BaseEndpoint: &w.URL, HTTPClient: fresh(), Retryer: aws.NopRetryer{}})
	in := &cloudtrail.LookupEventsInput{LookupAttributes: []trailtypes.LookupAttribute{
		{AttributeKey: trailtypes.LookupAttributeKeyAccessKeyId, AttributeValue: &w.alice.cred.id}}}
	if change != nil {
		change(in)
	}
	return c.LookupEvents(t.Context(), in)
}

// names are the events found, as "source action" with the region of the record.
func (w *watched) names(t *testing.T, region string, change func(*cloudtrail.LookupEventsInput)) string {
	t.Helper()
	out, err := w.lookup(t, region, change)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range out.Events {
		var r struct {
			AWSRegion, ErrorCode string
			UserIdentity         struct{ AccessKeyId string }
		}
		if err := json.Unmarshal([]byte(*e.CloudTrailEvent), &r); err != nil || *e.AccessKeyId != w.alice.cred.id || r.UserIdentity.AccessKeyId != *e.AccessKeyId || r.AWSRegion != region {
			t.Errorf("%v: %s", err, *e.CloudTrailEvent)
		}
		names = append(names, strings.TrimSpace(strings.TrimSuffix(*e.EventSource, ".amazonaws.com")+" "+*e.EventName+" "+r.ErrorCode))
	}
	return strings.Join(names, ", ")
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// What CloudTrail tells, where, and when.
func TestTrail(t *testing.T) {
	w := watch(t, Options{Region: "eu-west-1", TrailLag: 5 * time.Minute})
	began := w.opts.Clock()
	w.alice.must(t, 200, "", STS, "GetCallerIdentity") // signed for us-east-1: the global endpoint
	w.clock.advance(time.Minute)
	regional := *w.alice
	regional.region = "eu-west-1"
	regional.must(t, 200, "", STS, "GetCallerIdentity")
	w.alice.must(t, 200, "", SNS, "ListTopics") // no management event here
	w.alice.must(t, 403, "AccessDenied", IAM, "ListUsers")
	w.alice.must(t, 404, "NoSuchEntity", IAM, "DeleteAccessKey", "AccessKeyId", "AKIAIOSFODNN7EXAMPLE")

	for _, at := range []struct{ wait, home, abroad string }{
		{"3m59s", "", ""},
		{"2s", "sts GetCallerIdentity", ""},
		{"59s", "iam DeleteAccessKey NoSuchEntity, iam ListUsers AccessDenied, sts GetCallerIdentity", "sts GetCallerIdentity"},
	} {
		wait, _ := time.ParseDuration(at.wait)
		w.clock.advance(wait)
		if got := w.names(t, "us-east-1", nil); got != at.home {
			t.Errorf("%s later in us-east-1: %q, want %q", at.wait, got, at.home)
		}
		if got := w.names(t, "eu-west-1", nil); got != at.abroad {
			t.Errorf("%s later in eu-west-1: %q, want %q", at.wait, got, at.abroad)
		}
	}
	if got := w.names(t, "us-east-1", func(in *cloudtrail.LookupEventsInput) { in.StartTime = aws.Time(began.Add(30 * time.Second)) }); got != "iam DeleteAccessKey NoSuchEntity, iam ListUsers AccessDenied" {
		t.Errorf("since a time: %q", got)
	}
	if got := w.names(t, "us-east-1", func(in *cloudtrail.LookupEventsInput) { in.EndTime = aws.Time(began.Add(30 * time.Second)) }); got != "sts GetCallerIdentity" {
		t.Errorf("until a time: %q", got)
	}

	// Pages go on where the last one ended, though a newer event came between.
	one := func(in *cloudtrail.LookupEventsInput) { in.MaxResults = aws.Int32(1) }
	first, err := w.lookup(t, "us-east-1", one)
	if err != nil || len(first.Events) != 1 || first.NextToken == nil {
		t.Fatalf("%+v, %v", first, err)
	}
	next := func(in *cloudtrail.LookupEventsInput) { one(in); in.NextToken = first.NextToken }
	w.alice.must(t, 200, "", STS, "GetCallerIdentity")
	w.clock.advance(5 * time.Minute)
	if got := w.names(t, "us-east-1", next); got != "iam ListUsers AccessDenied" {
		t.Errorf("second page %q", got)
	}
	if _, err := w.lookup(t, "us-east-1", func(in *cloudtrail.LookupEventsInput) { next(in); in.StartTime = &began }); code(err) != "InvalidNextTokenException" {
		t.Errorf("token of another question: %v", err)
	}

	w.clock.advance(trailKept) // the SDK's clock does not follow
	g, err := w.as(t).ask(CloudTrail, "LookupEvents", inserted(lookup("AccessKeyId"), w.alice.cred.id).(map[string]any))
	if err != nil || g.status != 200 || strings.Contains(g.body, "EventId") {
		t.Errorf("after 90 days: %v, %s", err, g.body)
	}
}

func TestTrailRate(t *testing.T) {
	w := watch(t, Options{TrailRate: 2})
	for i, want := range []string{"", "", "ThrottlingException", "ThrottlingException"} {
		if _, err := w.lookup(t, "us-east-1", nil); code(err) != want || (err == nil) != (want == "") {
			t.Errorf("call %d: %v, want %q", i+1, err, want)
		}
	}
	if _, err := w.lookup(t, "eu-west-1", nil); err != nil {
		t.Errorf("another region: %v", err)
	}
	w.clock.advance(time.Second)
	if _, err := w.lookup(t, "us-east-1", nil); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

func TestTrailOfInactiveKeys(t *testing.T) {
	for told, want := range map[bool]string{false: "", true: "sts GetCallerIdentity InvalidClientTokenId"} {
		w := watch(t, Options{TrailRefused: told})
		w.SetStatus(w.alice.cred.id, Inactive)
		w.alice.must(t, 403, "InvalidClientTokenId", STS, "GetCallerIdentity")
		if got := w.names(t, "us-east-1", nil); got != want {
			t.Errorf("told %v: %q, want %q", told, got, want)
		}
	}
}

// The log group, in pages of which most are empty.
func TestLogGroup(t *testing.T) {
	w := watch(t, Options{Region: "eu-west-1", LogGroup: "trail/of all", TrailLag: time.Minute, TrailRefused: true})
	began := w.opts.Clock()
	for range filterScan + 5 {
		w.alice.must(t, 200, "", STS, "GetCallerIdentity")
	}
	w.clock.advance(10 * time.Second)
	w.alice.must(t, 403, "AccessDenied", IAM, "ListUsers")
	w.SetStatus(w.alice.cred.id, Inactive)
	w.clock.advance(10 * time.Second)
	w.alice.must(t, 403, "InvalidClientTokenId", STS, "GetCallerIdentity")

	c := cloudwatchlogs.New(cloudwatchlogs.Options{Region: "eu-west-1", Credentials: w.boss, BaseEndpoint: &w.URL, HTTPClient: fresh(), Retryer: aws.NopRetryer{}})
	ask := func(change func(*cloudwatchlogs.FilterLogEventsInput)) (pages, found string) {
		t.Helper()
		in := &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName:  aws.String("trail/of all"),
			FilterPattern: aws.String(`{ $.userIdentity.accessKeyId = "` + w.alice.cred.id + `" && ($.errorCode = "AccessDenied*" || $.errorCode = "*TokenId") }`),
		}
		if change != nil {
			change(in)
		}
		for range 10 {
			out, err := c.FilterLogEvents(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			pages += string(rune('0' + len(out.Events)))
			for _, e := range out.Events {
				var r struct{ ErrorCode, EventTime string }
				if err := json.Unmarshal([]byte(*e.Message), &r); err != nil {
					t.Error(err)
				}
				if at := time.UnixMilli(*e.Timestamp).UTC(); timestamp(at) != r.EventTime {
					t.Errorf("at %v: %s", at, *e.Message)
				}
				found += r.ErrorCode + " "
			}
			if in.NextToken = out.NextToken; out.NextToken == nil {
				return pages, found
			}
		}
		t.Fatal("no end")
		return
	}
	if pages, found := ask(nil); pages != "0" || found != "" {
		t.Errorf("too early: pages of %s, %s", pages, found)
	}
	w.clock.advance(time.Minute)
	if pages, found := ask(nil); pages != "02" || found != "AccessDenied InvalidClientTokenId " {
		t.Errorf("pages of %s, %s", pages, found)
	}
	since := func(in *cloudwatchlogs.FilterLogEventsInput) {
		in.StartTime = aws.Int64(began.Add(15 * time.Second).UnixMilli())
	}
	if pages, found := ask(since); pages != "1" || found != "InvalidClientTokenId " {
		t.Errorf("since: pages of %s, %s", pages, found)
	}
	if _, found := ask(func(in *cloudwatchlogs.FilterLogEventsInput) {
		in.LogGroupName, in.LogGroupIdentifier = nil, aws.String("arn:aws:logs:eu-west-1:123456789012:log-group:trail/of all")
		in.EndTime = aws.Int64(began.Add(15 * time.Second).UnixMilli())
	}); found != "AccessDenied " {
		t.Errorf("by ARN, until: %s", found)
	}
	if pages, _ := ask(func(in *cloudwatchlogs.FilterLogEventsInput) { in.Limit = aws.Int32(1) }); pages != "011" {
		t.Errorf("one a page: pages of %s", pages)
	}
}

// Alarms, in AWS JSON and by the paths of pages.
func TestAlarms(t *testing.T) {
	w := watch(t, Options{Region: "eu-west-1"})
	at := time.Date(2026, 3, 4, 5, 6, 7, 250_000_000, time.UTC)
	w.PutAlarm("one", AlarmOK, at.Add(-time.Hour))
	w.PutAlarm("two", AlarmOK, at)
	w.PutAlarm("three", AlarmInsufficient, at)
	w.PutAlarm("one", AlarmInAlarm, at)
	ask := func(region string, in *cloudwatch.DescribeAlarmsInput) (string, *string) {
		t.Helper()
		c := cloudwatch.New(cloudwatch.Options{Region: region, Credentials: w.boss, BaseEndpoint: &w.URL, HTTPClient: fresh(), Retryer: aws.NopRetryer{}},
			func(o *cloudwatch.Options) { o.Protocol = awsjson.New10(cwschemas.GraniteServiceVersion20100801) })
		out, err := c.DescribeAlarms(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for _, a := range out.MetricAlarms {
			if !a.StateTransitionedTimestamp.Equal(at) || !strings.HasSuffix(*a.AlarmArn, ":eu-west-1:123456789012:alarm:"+*a.AlarmName) {
				t.Errorf("%s: %v, %s", *a.AlarmName, a.StateTransitionedTimestamp, *a.AlarmArn)
			}
			rows = append(rows, *a.AlarmName+" "+string(a.StateValue))
		}
		return strings.Join(rows, ", "), out.NextToken
	}
	for _, c := range []struct {
		region string
		in     cloudwatch.DescribeAlarmsInput
		want   string
	}{
		{"eu-west-1", cloudwatch.DescribeAlarmsInput{}, "one ALARM, three INSUFFICIENT_DATA, two OK"},
		{"eu-west-1", cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"two", "four", "one"}}, "one ALARM, two OK"},
		{"eu-west-1", cloudwatch.DescribeAlarmsInput{AlarmTypes: []alarmtypes.AlarmType{"CompositeAlarm"}}, ""},
		{"eu-west-1", cloudwatch.DescribeAlarmsInput{AlarmTypes: []alarmtypes.AlarmType{"MetricAlarm", "CompositeAlarm"}, AlarmNames: []string{"one"}}, "one ALARM"},
		{"us-east-1", cloudwatch.DescribeAlarmsInput{}, ""},
	} {
		if got, next := ask(c.region, &c.in); got != c.want || next != nil {
			t.Errorf("%s %+v: %q, want %q", c.region, c.in, got, c.want)
		}
	}
	in := cloudwatch.DescribeAlarmsInput{MaxRecords: aws.Int32(2)}
	first, next := ask("eu-west-1", &in)
	if first != "one ALARM, three INSUFFICIENT_DATA" || next == nil {
		t.Fatalf("%q", first)
	}
	in.NextToken = next
	if second, next := ask("eu-west-1", &in); second != "two OK" || next != nil {
		t.Errorf("%q", second)
	}
	// The Query protocol, as older clients speak it.
	g := w.as(t).must(t, 200, "", CloudWatch, "DescribeAlarms", "AlarmNames.member.1", "one")
	if g := g.body; field(t, g, "StateTransitionedTimestamp") != "2026-03-04T05:06:07.250Z" || field(t, g, "StateValue") != AlarmInAlarm {
		t.Error(g)
	}
}

// as is a caller with the administrator's key, in the region of the alarms.
func (w *watched) as(t *testing.T) *caller {
	cred, err := w.boss(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(w.Server, cred.AccessKeyID, cred.SecretAccessKey)
	c.region = w.opts.Region
	return c
}
