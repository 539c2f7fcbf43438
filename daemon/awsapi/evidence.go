package awsapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	alarmtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// Event is one call that was signed by a key, as CloudTrail tells it. The texts
// are AWS's, made printable and short.
type Event struct {
	Time    time.Time // whole seconds of AWS's clock; zero: there is no event
	Name    string    // such as GetCallerIdentity
	Source  string    // such as sts.amazonaws.com
	Region  string
	Address string // where it came from; also a name such as "AWS Internal"
	Code    string // why it was refused; empty if it was not
}

// String says what was called, where and from where, in one line.
func (e Event) String() string {
	text := e.Name
	for _, part := range [][2]string{{" at ", e.Source}, {" in ", e.Region}, {" from ", e.Address}, {": ", e.Code}} {
		if part[1] != "" {
			text += part[0] + part[1]
		}
	}
	return text
}

const (
	// lookupGap keeps LookupEvents within its two requests a second, account and
	// region (API_LookupEvents), with room for somebody else's.
	lookupGap = 600 * time.Millisecond
	// filterGap keeps FilterLogEvents within the five requests a second that the
	// smallest regions allow (CloudWatch Logs quotas).
	filterGap = 250 * time.Millisecond
	// perPage asks for few events, since one alone may have 256 KB and the latest
	// is enough.
	perPage = 5
	// filterPages bounds a search of a log group: most pages are empty.
	filterPages = 64
)

// LastEvent is cloudtrail:LookupEvents by access key in one region: the latest
// management event since a time that the key signed. None is no proof of no
// use: data events never appear, others late.
func (c *Client) LastEvent(ctx context.Context, creds Credentials, region, id string, since time.Time) (Event, Meta, error) {
	var last Event
	meta, err := c.call(ctx, creds, "LookupEvents", fmt.Sprintf("asked CloudTrail in %s for calls signed by access key %s", region, id), []string{region, id},
		func(ctx context.Context) error {
			if err := checkRegion(region); err != nil {
				return err
			}
			in := cloudtrail.LookupEventsInput{StartTime: &since, MaxResults: aws.Int32(perPage), LookupAttributes: []trailtypes.LookupAttribute{
				{AttributeKey: trailtypes.LookupAttributeKeyAccessKeyId, AttributeValue: &id}}}
			for range maxPages {
				if err := c.pace.wait(ctx, "cloudtrail "+region, lookupGap); err != nil {
					return err
				}
				out, err := c.trail.LookupEvents(ctx, &in, func(o *cloudtrail.Options) { o.Region, o.Credentials = region, static(creds) })
				if err != nil {
					return err
				}
				for _, e := range out.Events {
					found := read(aws.ToString(e.CloudTrailEvent), creds)
					found.Name, found.Source = cmp.Or(word(aws.ToString(e.EventName), creds), found.Name), cmp.Or(word(aws.ToString(e.EventSource), creds), found.Source)
					found.Time, found.Region = aws.ToTime(e.EventTime).UTC(), cmp.Or(found.Region, region)
					if !found.Time.Before(since) && found.Time.After(last.Time) {
						last = found
					}
				}
				// The newest come first, so the first page that has any has the latest.
				if !last.Time.IsZero() || aws.ToString(out.NextToken) == "" {
					return nil
				}
				in.NextToken = out.NextToken
			}
			return incomplete(fmt.Sprintf("does not end after %d pages", maxPages))
		})
	return last, meta, err
}

// failures are the error codes of calls that failed to authenticate or were not
// authorized. The first two are the filter of the CIS AWS Foundations Benchmark
// for unauthorized API calls (3.1 in v1.2.0, 4.1 in v1.4.0; Security Hub
// CloudWatch.2), which knows authorization alone; the others are what a key that
// is not Active, or a wrong secret, is answered, by service.
var failures = []string{
	"*UnauthorizedOperation", "AccessDenied*",
	"*InvalidClientTokenId", "UnrecognizedClient*", "InvalidAccessKeyId*", "*AuthFailure",
	"SignatureDoesNotMatch", "InvalidSignature*", "AuthorizationError*",
}

var keyForm = regexp.MustCompile(`^\w{16,128}$`) // API_AccessKey

// failedBy is the filter pattern of CloudWatch Logs for the failed calls of a key.
func failedBy(id string) string {
	codes := make([]string, len(failures))
	for i, code := range failures {
		codes[i] = `($.errorCode = "` + code + `")`
	}
	return `{ ($.userIdentity.accessKeyId = "` + id + `") && (` + strings.Join(codes, " || ") + `) }`
}

// FailedEvent is logs:FilterLogEvents on a group that a CloudTrail fills: a call
// since a time that was signed by the key and failed to authenticate or was not
// authorized. The group is a name, in the client's region, or an ARN. CloudTrail
// need not log failed authentication, so none is no proof.
func (c *Client) FailedEvent(ctx context.Context, creds Credentials, group, id string, since time.Time) (Event, Meta, error) {
	var found Event
	region, name := c.located(group, "log-group:")
	meta, err := c.call(ctx, creds, "FilterLogEvents", fmt.Sprintf("asked CloudWatch Logs in %s for failed calls of access key %s in the group %s", region, id, name), []string{group, id},
		func(ctx context.Context) error {
			if !keyForm.MatchString(id) { // it becomes part of the pattern
				return fmt.Errorf("%q is not an access key id", id)
			}
			in := cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(failedBy(id)), StartTime: aws.Int64(since.UnixMilli()), Limit: aws.Int32(perPage)}
			if name == group {
				in.LogGroupName = &group
			} else {
				in.LogGroupIdentifier = aws.String(strings.TrimSuffix(group, ":*"))
			}
			for range filterPages {
				if err := c.pace.wait(ctx, "logs "+region, filterGap); err != nil {
					return err
				}
				out, err := c.logs.FilterLogEvents(ctx, &in, func(o *cloudwatchlogs.Options) { o.Region, o.Credentials = region, static(creds) })
				if err != nil {
					return err
				}
				for _, e := range out.Events {
					event := read(aws.ToString(e.Message), creds)
					if event.Time.IsZero() { // not a CloudTrail record by its form, but it matched
						event.Time = time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC()
					}
					if !event.Time.Before(since) && event.Time.After(found.Time) {
						found = event
					}
				}
				if !found.Time.IsZero() || aws.ToString(out.NextToken) == "" {
					return nil
				}
				in.NextToken = out.NextToken
			}
			return incomplete(fmt.Sprintf("does not end after %d pages", filterPages))
		})
	return found, meta, err
}

// Alarm is the state of a CloudWatch alarm.
type Alarm struct {
	Name  string    // as it was asked for
	State string    // OK, ALARM or INSUFFICIENT_DATA; empty: there is no such alarm
	Since time.Time // when it came into that state
}

// namesPerCall is the most names that DescribeAlarms takes (API_DescribeAlarms).
const namesPerCall = 100

// Alarms is cloudwatch:DescribeAlarms for metric and composite alarms by name,
// in the client's region, or by ARN. The answer has the order of the names.
func (c *Client) Alarms(ctx context.Context, creds Credentials, names []string) ([]Alarm, Meta, error) {
	alarms := make([]Alarm, len(names))
	asked := map[string]map[string]int{} // region, name, index in alarms
	for i, text := range names {
		alarms[i].Name = text
		region, name := c.located(text, "alarm:")
		if asked[region] == nil {
			asked[region] = map[string]int{}
		}
		asked[region][name] = i
	}
	meta, err := c.call(ctx, creds, "DescribeAlarms", "asked CloudWatch for its alarms", names, func(ctx context.Context) error {
		for region, wanted := range asked {
			names := make([]string, 0, len(wanted))
			for name := range wanted {
				names = append(names, name)
			}
			for some := range slices.Chunk(names, namesPerCall) {
				// No more alarms than names: there is no second page.
				out, err := c.alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
					AlarmNames: some, MaxRecords: aws.Int32(namesPerCall),
					AlarmTypes: []alarmtypes.AlarmType{alarmtypes.AlarmTypeMetricAlarm, alarmtypes.AlarmTypeCompositeAlarm},
				}, func(o *cloudwatch.Options) { o.Region, o.Credentials = region, static(creds) })
				if err != nil {
					return err
				}
				state := func(name *string, value alarmtypes.StateValue, since, updated *time.Time) {
					if i, ok := wanted[aws.ToString(name)]; ok {
						alarms[i].State = word(string(value), creds)
						alarms[i].Since = aws.ToTime(cmp.Or(since, updated)).UTC()
					}
				}
				for _, a := range out.MetricAlarms {
					state(a.AlarmName, a.StateValue, a.StateTransitionedTimestamp, a.StateUpdatedTimestamp)
				}
				for _, a := range out.CompositeAlarms {
					state(a.AlarmName, a.StateValue, a.StateTransitionedTimestamp, a.StateUpdatedTimestamp)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, meta, err // some without a state would pass for absent
	}
	return alarms, meta, nil
}

// located takes an ARN apart, arn:PARTITION:SERVICE:REGION:ACCOUNT:KIND:NAME, or
// leaves a name as it is, in the client's region.
func (c *Client) located(text, kind string) (region, name string) {
	part := strings.SplitN(text, ":", 6)
	if len(part) == 6 && part[0] == "arn" && checkRegion(part[3]) == nil {
		if name, ok := strings.CutPrefix(part[5], kind); ok && name != "" {
			return part[3], strings.TrimSuffix(name, ":*")
		}
	}
	return c.region, text
}

func checkRegion(region string) error {
	if len(region) > 63 || !regionForm.MatchString(region) {
		return fmt.Errorf("%q is not a region: write one like eu-west-1", region)
	}
	return nil
}

// read takes what is told of a call from a CloudTrail record. Whatever is not
// there, or is no record at all, stays empty.
func read(record string, creds Credentials) Event {
	var r struct {
		EventTime                                                     time.Time
		EventName, EventSource, AWSRegion, SourceIPAddress, ErrorCode string
	}
	if json.Unmarshal([]byte(record), &r) != nil {
		return Event{}
	}
	return Event{
		Time: r.EventTime.UTC(), Name: word(r.EventName, creds), Source: word(r.EventSource, creds),
		Region: word(r.AWSRegion, creds), Address: word(r.SourceIPAddress, creds), Code: word(r.ErrorCode, creds),
	}
}

// word makes a short text of AWS's fit for a line.
func word(text string, creds Credentials) string {
	const most = 64 // runes; the longest event name has 60
	text = clean(text, creds)
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}

// errNoTime ends a call between two of its requests.
var errNoTime = errors.New("no time was left to ask for the rest")
