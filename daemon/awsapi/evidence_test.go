package awsapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What is asked of each place, where, and signed for which service.
func TestMonitorCalls(t *testing.T) {
	var target, scope string
	var body map[string]any
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		target = r.Header.Get("X-Amz-Target") + " " + r.Header.Get("Content-Type")
		_, scope, _ = strings.Cut(r.Header.Get("Authorization"), "Credential="+testKey.ID+"/")
		body = nil
		json.NewDecoder(r.Body).Decode(&body)
		w.Header().Set("Date", "Mon, 05 Jan 2026 10:00:00 GMT")
		good(w, r)
	})
	since, ctx := date("2026-01-01T00:00:00Z"), t.Context()
	check := func(m Meta, err error, wantTarget, wantScope, wantBody string) {
		t.Helper()
		var want map[string]any
		if err != nil || json.Unmarshal([]byte(wantBody), &want) != nil {
			t.Fatal(err)
		}
		if target != wantTarget || !strings.Contains(scope, wantScope) || !reflect.DeepEqual(body, want) {
			t.Errorf("%s, scope %s\n got %v\nwant %v", target, scope, body, want)
		}
		if !m.Date.Equal(date("2026-01-05T10:00:00Z")) {
			t.Errorf("meta %+v", m)
		}
	}
	event, m, err := c.LastEvent(ctx, testKey, "eu-west-3", "AKIAVICTIM2345678901", since)
	check(m, err, "CloudTrail_20131101.LookupEvents application/x-amz-json-1.1", "/eu-west-3/cloudtrail/",
		`{"LookupAttributes":[{"AttributeKey":"AccessKeyId","AttributeValue":"AKIAVICTIM2345678901"}],"MaxResults":5,"StartTime":1767225600}`)
	if want := (Event{date("2026-01-02T03:04:05Z"), "GetCallerIdentity", "sts.amazonaws.com", "eu-west-1", "203.0.113.7", ""}); event != want ||
		event.String() != "GetCallerIdentity at sts.amazonaws.com in eu-west-1 from 203.0.113.7" {
		t.Errorf("%+v", event)
	}
	const group = `"filterPattern":"{ ($.userIdentity.accessKeyId = \"AKIAVICTIM2345678901\") && (($.errorCode = \"*UnauthorizedOperation\") || ($.errorCode = \"AccessDenied*\") || ($.errorCode = \"*InvalidClientTokenId\") || ($.errorCode = \"UnrecognizedClient*\") || ($.errorCode = \"InvalidAccessKeyId*\") || ($.errorCode = \"*AuthFailure\") || ($.errorCode = \"SignatureDoesNotMatch\") || ($.errorCode = \"InvalidSignature*\") || ($.errorCode = \"AuthorizationError*\")) }","limit":5,"startTime":1767225600000}`
	for name, where := range map[string][2]string{
		"trail/all": {`{"logGroupName":"trail/all",`, "/us-east-1/logs/"},
		"arn:aws:logs:eu-west-2:123456789012:log-group:trail/all":   {`{"logGroupIdentifier":"arn:aws:logs:eu-west-2:123456789012:log-group:trail/all",`, "/eu-west-2/logs/"},
		"arn:aws:logs:eu-west-2:123456789012:log-group:trail/all:*": {`{"logGroupIdentifier":"arn:aws:logs:eu-west-2:123456789012:log-group:trail/all",`, "/eu-west-2/logs/"},
		"arn:aws:logs:x:1:log-group:t":                              {`{"logGroupName":"arn:aws:logs:x:1:log-group:t",`, "/us-east-1/logs/"},
	} {
		event, m, err := c.FailedEvent(ctx, testKey, name, "AKIAVICTIM2345678901", since)
		check(m, err, "Logs_20140328.FilterLogEvents application/x-amz-json-1.1", where[1], where[0]+group)
		if event.String() != "PutObject at s3.amazonaws.com in eu-west-1 from 203.0.113.7: AccessDenied" || !event.Time.Equal(date("2026-01-02T03:04:05Z")) {
			t.Errorf("%+v", event)
		}
	}
	alarms, m, err := c.Alarms(ctx, testKey, []string{"gone", "bad calls"})
	if names := body["AlarmNames"].([]any); len(names) == 2 && names[0] == "bad calls" {
		names[0], names[1] = names[1], names[0] // in any order
	}
	check(m, err, "GraniteServiceVersion20100801.DescribeAlarms application/x-amz-json-1.0", "/us-east-1/monitoring/",
		`{"AlarmNames":["gone","bad calls"],"AlarmTypes":["MetricAlarm","CompositeAlarm"],"MaxRecords":100}`)
	if want := []Alarm{{Name: "gone"}, {"bad calls", "ALARM", date("2026-01-02T03:04:05Z").Add(500 * time.Millisecond)}}; !reflect.DeepEqual(alarms, want) {
		t.Errorf("%+v", alarms)
	}
	const abroad = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:bad calls"
	alarms, m, err = c.Alarms(ctx, testKey, []string{abroad})
	check(m, err, "GraniteServiceVersion20100801.DescribeAlarms application/x-amz-json-1.0", "/eu-west-2/monitoring/",
		`{"AlarmNames":["bad calls"],"AlarmTypes":["MetricAlarm","CompositeAlarm"],"MaxRecords":100}`)
	if len(alarms) != 1 || alarms[0].Name != abroad || alarms[0].State != "ALARM" {
		t.Errorf("%+v", alarms)
	}
	// AWS's limits: a pattern of 1024 characters, whatever the id.
	if n := len(failedBy(strings.Repeat("A", 128))); n > 1024 {
		t.Errorf("a pattern of %d characters", n)
	}
}

// The places of every partition, and the region where IAM's events are.
func TestMonitorEndpoints(t *testing.T) {
	for _, try := range []struct {
		cfg  Config
		main string
		want string // CloudTrail in the main region
	}{
		{Config{}, "us-east-1", "https://cloudtrail.us-east-1.amazonaws.com/"},
		{Config{Region: "eu-west-1", FIPS: true}, "us-east-1", "https://cloudtrail-fips.us-east-1.amazonaws.com/"},
		{Config{Region: "cn-northwest-1"}, "cn-north-1", "https://cloudtrail.cn-north-1.amazonaws.com.cn/"},
		{Config{Region: "us-gov-east-1"}, "us-gov-west-1", "https://cloudtrail.us-gov-west-1.amazonaws.com/"},
		{Config{Region: "us-iso-west-1"}, "us-iso-east-1", "https://cloudtrail.us-iso-east-1.c2s.ic.gov/"},
		{Config{Region: "us-isob-east-1"}, "us-isob-east-1", "https://cloudtrail.us-isob-east-1.sc2s.sgov.gov/"},
		{Config{Region: "eu-isoe-west-1"}, "eu-isoe-west-1", "https://cloudtrail.eu-isoe-west-1.cloud.adc-e.uk/"},
		{Config{Region: "us-isof-south-1"}, "us-isof-south-1", "https://cloudtrail.us-isof-south-1.csp.hci.ic.gov/"},
		{Config{Region: "eusc-de-east-1"}, "eusc-de-east-1", "https://cloudtrail.eusc-de-east-1.amazonaws.eu/"},
		{Config{Region: "cn-north-1", EndpointURL: "http://127.0.0.1:4599/"}, "cn-north-1", "http://127.0.0.1:4599/"},
	} {
		c := newClient(t, try.cfg)
		r := new(recorder)
		c.wire.transport = r
		if c.MainRegion() != try.main {
			t.Errorf("%+v: main region %s, want %s", try.cfg, c.MainRegion(), try.main)
		}
		c.LastEvent(t.Context(), testKey, c.MainRegion(), testKey.ID, time.Now())
		c.FailedEvent(t.Context(), testKey, "trail", testKey.ID, time.Now())
		c.Alarms(t.Context(), testKey, []string{"a"})
		if len(r.requests) != 3 || r.requests[0].URL.String() != try.want {
			t.Fatalf("%+v: %v, want %s", try.cfg, r.requests, try.want)
		}
		region := try.cfg.Region
		if region == "" {
			region = "us-east-1"
		}
		for i, service := range []string{"logs", "monitoring"} {
			got := r.requests[i+1]
			contains(t, got.Header.Get("Authorization"), "/"+region+"/"+service+"/aws4_request")
			if try.cfg.EndpointURL != "" {
				contains(t, got.URL.String(), try.cfg.EndpointURL)
			} else {
				contains(t, got.URL.String(), "https://"+service, "."+region+".")
			}
		}
	}
}

// Pages follow each other within the service's rate, only while nothing is
// found, and not for ever. Each has a second call's turn too.
func TestPagesOfPlaces(t *testing.T) {
	const none, more = `{"Events":[],"events":[]}`, `{"Events":[],"events":[],"NextToken":"t","nextToken":"t"}`
	for name, try := range map[string]struct {
		op       string
		pages    []string // the last one for ever
		requests int
		took     time.Duration
		want     Class // ClassUnknown: none
	}{
		"events at once":        {"LookupEvents", []string{answers["LookupEvents"]}, 1, 0, ClassUnknown},
		"nothing":               {"LookupEvents", []string{none}, 1, 0, ClassUnknown},
		"events on page three":  {"LookupEvents", []string{more, more, answers["LookupEvents"]}, 3, 2 * lookupGap, ClassUnknown},
		"empty pages":           {"LookupEvents", []string{more, none}, 2, lookupGap, ClassUnknown},
		"endless events":        {"LookupEvents", []string{more}, maxPages, (maxPages - 1) * lookupGap, ClassNoAnswer},
		"no log event":          {"FilterLogEvents", []string{more, more, none}, 3, 2 * filterGap, ClassUnknown},
		"endless log":           {"FilterLogEvents", []string{more}, filterPages, (filterPages - 1) * filterGap, ClassNoAnswer},
		"log event on page two": {"FilterLogEvents", []string{more, answers["FilterLogEvents"]}, 2, filterGap, ClassUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var peers sync.WaitGroup
				c := newClient(t, Config{EndpointURL: "http://127.0.0.1:1"})
				requests := 0
				c.wire.dial = func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					page := try.pages[min(requests, len(try.pages)-1)]
					requests++
					peers.Go(func() {
						defer theirs.Close()
						readRequest(theirs)
						fmt.Fprintf(theirs, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", kindOf(try.op), len(page), page)
					})
					return ours, nil
				}
				begin := time.Now()
				_, err := calls[try.op](t.Context(), c)
				if try.want != ClassUnknown {
					contains(t, failure(t, err, try.want).Error(), "does not end")
				} else if err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); requests != try.requests || took != try.took {
					t.Errorf("%d requests in %v, want %d in %v", requests, took, try.requests, try.took)
				}
				peers.Wait()
			})
		})
	}
}

// Which of several events is told, whatever their order, and what does not count.
func TestLatestEvent(t *testing.T) {
	var page string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kindOf(opOf(r)))
		io.WriteString(w, page)
	})
	since := date("2026-01-02T03:04:05Z") // 1767323045
	event := func(at int, name string) string { return fmt.Sprintf(`{"EventTime":%d,"EventName":%q}`, at, name) }
	record := func(at, name string, stamp int) string {
		text, _ := json.Marshal(fmt.Sprintf(`{"eventTime":%q,"eventName":%q}`, at, name))
		return fmt.Sprintf(`{"timestamp":%d,"message":%s}`, stamp, text)
	}
	for _, try := range []struct{ page, want string }{
		{`{"Events":[` + event(1767323046, "A") + `,` + event(1767323048, "B") + `,` + event(1767323047, "C") + `]}`, "B in eu-test"},
		{`{"Events":[` + event(1767323048, "B") + `,` + event(1767323046, "A") + `]}`, "B in eu-test"},
		{`{"Events":[` + event(1767323045, "A") + `]}`, "A in eu-test"},
		{`{"Events":[` + event(1767323044, "A") + `]}`, ""},
		{`{"Events":[{"EventName":"A"}]}`, ""},
	} {
		page = try.page
		got, _, err := c.LastEvent(t.Context(), testKey, anotherRegion(), testKey.ID, since)
		if err != nil || !strings.HasPrefix(got.String(), try.want) || try.want == "" && got != (Event{}) {
			t.Errorf("%s: %q, %v", try.page, got, err)
		}
	}
	for _, try := range []struct{ page, want string }{
		{`{"events":[` + record("2026-01-02T03:04:06Z", "A", 0) + `,` + record("2026-01-02T03:04:07Z", "B", 0) + `]}`, "B"},
		{`{"events":[` + record("2026-01-02T03:04:07Z", "B", 0) + `,` + record("2026-01-02T03:04:06Z", "A", 0) + `]}`, "B"},
		{`{"events":[` + record("2026-01-02T03:04:04Z", "A", 1767323099000) + `]}`, ""}, // delivered late
		{`{"events":[{"timestamp":1767323046000,"message":"no record"}]}`, ""},
	} {
		page = try.page
		got, _, err := c.FailedEvent(t.Context(), testKey, "arn:aws:logs:"+anotherRegion()+":1:log-group:t", testKey.ID, since)
		if err != nil || got.String() != try.want {
			t.Errorf("%s: %q, %v", try.page, got, err)
		}
		if found := strings.Contains(try.page, "no record") || try.want != ""; found == got.Time.IsZero() {
			t.Errorf("%s: %+v", try.page, got)
		}
	}
}

func FuzzLocated(f *testing.F) {
	f.Add("arn:aws:logs:eu-west-1:123456789012:log-group:trail:*")
	f.Add("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a:b")
	f.Add("trail/all")
	c := &Client{region: "us-east-1"}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []string{"log-group:", "alarm:"} {
			region, name := c.located(text, kind)
			if checkRegion(region) != nil || name == "" && text != "" || !strings.Contains(text, name) || name == text && region != "us-east-1" {
				t.Errorf("%q: %q in %q", text, name, region)
			}
		}
	})
}

// Two calls of one client to one region are apart as pages are; the wait ends
// with the call.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		begin := time.Now()
		for i, want := range []time.Duration{0, time.Second, 2 * time.Second} {
			if err := p.wait(t.Context(), "here", time.Second); err != nil || time.Since(begin) != want {
				t.Errorf("turn %d: %v after %v", i, err, time.Since(begin))
			}
		}
		if err := p.wait(t.Context(), "there", time.Second); err != nil || time.Since(begin) != 2*time.Second {
			t.Errorf("another place waited: %v", time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.wait(ctx, "here", time.Second); err == nil || time.Since(begin) != 2*time.Second+time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
	// A call whose time ends between two pages says so.
	synctest.Test(t, func(t *testing.T) {
		var peers sync.WaitGroup
		c := newClient(t, Config{EndpointURL: "http://127.0.0.1:1"})
		c.wire.dial = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			peers.Go(func() {
				defer theirs.Close()
				readRequest(theirs)
				io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 17\r\n\r\n{\"NextToken\":\"t\"}")
			})
			return ours, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), lookupGap/2)
		defer cancel()
		_, err := calls["LookupEvents"](ctx, c)
		if e := failure(t, err, ClassNoAnswer); e.Err != context.DeadlineExceeded || e.Message != "no time was left to ask for the rest" {
			t.Errorf("%v, %q", e.Err, e.Message)
		}
		peers.Wait()
	})
}

// Texts of a record are AWS's, and whoever wrote a user agent or an address
// there may have chosen them.
func TestHostileRecords(t *testing.T) {
	for record, want := range map[string]string{
		`{"eventName":"A","eventSource":"s","awsRegion":"r","sourceIPAddress":"1.2.3.4","errorCode":"E"}`: "A at s in r from 1.2.3.4: E",
		`{"sourceIPAddress":"` + testSecret + `"}`:                                                        " from AWS's words are left out: they repeat the secret",
		`{"eventName":"a\u001b[31m\nb\u202e"}`:                                                            "a[31m b",
		`{"eventName":"` + strings.Repeat("x", 100) + `"}`:                                                strings.Repeat("x", 64) + "…",
		`{"eventName":1}`: "", `[]`: "", ``: "", `{`: "", `null`: "",
	} {
		if got := read(record, testKey).String(); got != want {
			t.Errorf("%s: %q, want %q", record, got, want)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(`{"eventTime":"2026-01-02T03:04:05Z","eventName":"A","awsRegion":"r"}`)
	f.Add(`{"eventTime":"x"}`)
	f.Add(`{"errorCode":"` + testSecret + `"}`)
	f.Fuzz(func(t *testing.T, record string) {
		text := read(record, testKey).String()
		if strings.Contains(text, testSecret) || len(text) > 5*4*66 || strings.ContainsAny(text, "\n\r\t\x1b\u202e") {
			t.Errorf("%q becomes %q", record, text)
		}
	})
}

// What cannot be asked is not sent.
func TestBadQuestions(t *testing.T) {
	c, _ := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	ctx, now := t.Context(), time.Now()
	for want, ask := range map[string]func() error{
		`"Ireland" is not a region`:             func() error { _, _, err := c.LastEvent(ctx, testKey, "Ireland", testKey.ID, now); return err },
		"a user name or access key id is empty": func() error { _, _, err := c.LastEvent(ctx, testKey, "eu-west-1", "", now); return err },
		`is not an access key id`:               func() error { _, _, err := c.FailedEvent(ctx, testKey, "t", `A" || $.x = "*`, now); return err },
		"is empty":                              func() error { _, _, err := c.Alarms(ctx, testKey, []string{"a", ""}); return err },
		"key id is empty":                       func() error { _, _, err := c.User(ctx, testKey, ""); return err },
	} {
		contains(t, failure(t, ask(), ClassNotSent).Error(), want)
	}
}
