package awstest

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// trailed is an event of the account's CloudTrail.
type trailed struct {
	number          int
	at              time.Time // whole seconds
	region          string
	service         Service
	action          string
	keyID           string
	user            *user
	name, arn       string // of the user at that time
	address, client string
	code, message   string // why it was refused
	request, id     string
}

// keepTrail bounds the trail, so that a demo may run for days.
const keepTrail = 1 << 16

// trail is the account's CloudTrail, oldest first; Server.mu guards it.
type trail struct {
	total  int
	events []trailed
	asked  map[string][]time.Time // when LookupEvents was answered, by region
}

// trace enters a call in the trail: management events alone, as LookupEvents
// shows them, which here are those of IAM and STS. IAM's are in us-east-1, and
// so are those of the global STS endpoint, which is signed for that region.
func (a *account) trace(q *request, u *user, refusal *failure) {
	if service := q.call.Service; service != IAM && service != STS {
		return
	}
	address, _, err := net.SplitHostPort(q.http.RemoteAddr)
	if err != nil {
		address = q.http.RemoteAddr
	}
	a.trail.total++
	e := trailed{
		number: a.trail.total, at: a.second(), region: q.signed.region,
		service: q.call.Service, action: q.call.Action, keyID: q.signed.keyID,
		user: u, name: u.name, arn: u.arn, address: address, client: q.call.Client,
		// Not drawn from the seed: ids of keys must not depend on calls.
		request: q.id, id: fmt.Sprintf("00000000-0000-4000-8000-%012x", a.trail.total),
	}
	if refusal != nil {
		e.code, e.message = refusal.code, refusal.message
	}
	if len(a.trail.events) == keepTrail {
		a.trail.events = append(a.trail.events[:0:0], a.trail.events[keepTrail/2:]...)
	}
	a.trail.events = append(a.trail.events, e)
}

// record is the event as CloudTrail writes it ("CloudTrail record contents"),
// as far as the emulator knows its members.
func (e trailed) record(account string) map[string]any {
	who := map[string]any{"type": "IAMUser", "principalId": e.user.id, "arn": e.arn, "accountId": account, "accessKeyId": e.keyID, "userName": e.name}
	if e.name == "" {
		who["type"] = "Root"
		delete(who, "userName")
	}
	r := map[string]any{
		"eventVersion": "1.08", "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": account,
		"userIdentity": who, "eventTime": timestamp(e.at), "eventSource": string(e.service) + ".amazonaws.com", "eventName": e.action,
		"awsRegion": e.region, "sourceIPAddress": e.address, "userAgent": e.client, "requestID": e.request, "eventID": e.id,
	}
	if e.code != "" {
		r["errorCode"], r["errorMessage"] = e.code, e.message
	}
	return r
}

const (
	mostLookedUp = 50                  // events a page
	trailKept    = 90 * 24 * time.Hour // what LookupEvents looks back
	filterScan   = 100                 // events a page of FilterLogEvents looks at
	mostFiltered = 10000
)

// lookupEvents is LookupEvents by AccessKeyId: one region, the newest first.
func lookupEvents(c *action) (any, *failure) {
	bad := func(code, message string) (any, *failure) { return nil, fail(http.StatusBadRequest, code, message) }
	if f := c.allow(false, ""); f != nil {
		return nil, f
	}
	a, now := c.account, c.now
	if !a.trail.admit(c.region, now, a.opts.TrailRate) {
		return bad("ThrottlingException", "Rate exceeded")
	}
	const attribute = "LookupAttributes.member."
	if c.params.Get(attribute+"1.AttributeKey") != "AccessKeyId" || c.params.Get(attribute+"1.AttributeValue") == "" || c.params.Has(attribute+"2.AttributeKey") {
		return bad("InvalidLookupAttributesException", "awstest: exactly one lookup attribute, AccessKeyId, is emulated")
	}
	key := c.params.Get(attribute + "1.AttributeValue")
	most, ok := c.number("MaxResults", mostLookedUp, 1, mostLookedUp)
	if !ok {
		return bad("InvalidMaxResultsException", "A value must be between 1 and 50")
	}
	from, to := c.moment("StartTime", time.Second), c.moment("EndTime", time.Second)
	if to.IsZero() {
		to = now
	}
	if from.After(to) {
		return bad("InvalidTimeRangeException", "StartTime must be before EndTime")
	}
	if oldest := now.Add(-trailKept); from.Before(oldest) {
		from = oldest
	}
	next, ok := c.token("NextToken", key+c.params.Get("StartTime")+c.params.Get("EndTime"))
	if !ok {
		return bad("InvalidNextTokenException", "Invalid token")
	}
	var result struct {
		Events    []map[string]any
		NextToken string `json:",omitempty"`
	}
	result.Events = []map[string]any{}
	last := 0
	for i := len(a.trail.events) - 1; i >= 0; i-- {
		e := a.trail.events[i]
		if next > 0 && e.number >= next || e.keyID != key || e.region != c.region || e.at.Before(from) || e.at.After(to) || e.at.Add(a.opts.TrailLag).After(now) {
			continue
		}
		if len(result.Events) == most {
			result.NextToken = token(last, key+c.params.Get("StartTime")+c.params.Get("EndTime"))
			break
		}
		last = e.number
		result.Events = append(result.Events, map[string]any{
			"EventId": e.id, "EventName": e.action, "EventSource": string(e.service) + ".amazonaws.com", "EventTime": e.at.Unix(),
			"AccessKeyId": e.keyID, "Username": e.name, "ReadOnly": strconv.FormatBool(readsOnly(e.action)), "Resources": []any{},
			"CloudTrailEvent": string(mustJSON(e.record(a.opts.Account))),
		})
	}
	return result, nil
}

// admit counts a request to LookupEvents; a rate of 0 is no limit.
func (t *trail) admit(region string, now time.Time, rate int) bool {
	if rate == 0 {
		return true
	}
	recent := t.asked[region][:0:0]
	for _, at := range t.asked[region] {
		if now.Sub(at) < time.Second {
			recent = append(recent, at)
		}
	}
	admitted := len(recent) < rate
	if admitted {
		recent = append(recent, now)
	}
	if t.asked == nil {
		t.asked = map[string][]time.Time{}
	}
	t.asked[region] = recent
	return admitted
}

// filterLogEvents searches the log group that the trail of all regions fills,
// oldest first. A page looks at a bounded part of the group and may be empty
// while another follows, as AWS's may.
func filterLogEvents(c *action) (any, *failure) {
	bad := func(message string) (any, *failure) {
		return nil, fail(http.StatusBadRequest, "InvalidParameterException", message)
	}
	a := c.account
	name := c.params.Get("logGroupName")
	if c.params.Has("logGroupIdentifier") {
		if name != "" {
			return bad("logGroupName and logGroupIdentifier cannot both be given")
		}
		name = strings.TrimPrefix(c.params.Get("logGroupIdentifier"), "arn:aws:logs:"+c.region+":"+a.opts.Account+":log-group:")
	}
	if name == "" {
		return bad("1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null")
	}
	if f := c.allow(false, "arn:aws:logs:"+c.region+":"+a.opts.Account+":log-group:"+name+":log-stream:"); f != nil {
		return nil, f
	}
	if name != a.opts.LogGroup || c.region != a.opts.Region {
		return nil, fail(http.StatusBadRequest, "ResourceNotFoundException", "The specified log group does not exist.")
	}
	filter := pattern(allOf{})
	if text := c.params.Get("filterPattern"); text != "" {
		var err error
		if filter, err = parsePattern(text); err != nil {
			return bad(err.Error())
		}
	}
	most, ok := c.number("limit", mostFiltered, 1, mostFiltered)
	if !ok {
		return bad("limit must be between 1 and 10000")
	}
	from, to := c.moment("startTime", time.Millisecond), c.moment("endTime", time.Millisecond)
	same := name + c.params.Get("filterPattern") + c.params.Get("startTime") + c.params.Get("endTime")
	next, ok := c.token("nextToken", same)
	if !ok {
		return bad("The specified nextToken is invalid.")
	}
	result := map[string]any{"searchedLogStreams": []any{}}
	events := []map[string]any{}
	seen := 0
	for _, e := range a.trail.events {
		if e.number <= next || e.at.Before(from) || !to.IsZero() && e.at.After(to) || e.at.Add(a.opts.TrailLag).After(c.now) {
			continue
		}
		if seen == filterScan || len(events) == most {
			result["nextToken"] = token(next, same)
			break
		}
		seen, next = seen+1, e.number
		if record := e.record(a.opts.Account); filter.match(record) {
			events = append(events, map[string]any{
				"logStreamName": a.opts.Account + "_CloudTrail_" + c.region, "eventId": strconv.Itoa(e.number), "message": string(mustJSON(record)),
				"timestamp": e.at.UnixMilli(), "ingestionTime": e.at.Add(a.opts.TrailLag).UnixMilli(),
			})
		}
	}
	result["events"] = events
	return result, nil
}

// token is where a list goes on. It holds for the same question alone.
func token(number int, question string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(number) + " " + question))
}

// token reads such a token; 0 where there is none.
func (c *action) token(name, question string) (number int, ok bool) {
	if !c.params.Has(name) {
		return 0, true
	}
	text, err := base64.RawURLEncoding.DecodeString(c.params.Get(name))
	if err != nil {
		return 0, false
	}
	count, asked, _ := strings.Cut(string(text), " ")
	number, err = strconv.Atoi(count)
	return number, err == nil && number > 0 && asked == question
}

func readsOnly(action string) bool {
	return strings.HasPrefix(action, "Get") || strings.HasPrefix(action, "List")
}
