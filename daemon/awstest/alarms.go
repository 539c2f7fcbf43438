package awstest

import (
	"encoding/json"
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The states of a CloudWatch alarm.
const (
	AlarmOK           = "OK"
	AlarmInAlarm      = "ALARM"
	AlarmInsufficient = "INSUFFICIENT_DATA"
)

// alarm is a metric alarm, in the region of Options.
type alarm struct {
	state string
	since time.Time
}

// PutAlarm makes a CloudWatch metric alarm, or moves it to another state, into
// which it came at a time. It panics on a state that is none.
func (s *Server) PutAlarm(name, state string, at time.Time) {
	if state != AlarmOK && state != AlarmInAlarm && state != AlarmInsufficient {
		panic("awstest: an alarm cannot be " + state)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account.alarms[name] = alarm{state, at.UTC()}
}

// alarmList is DescribeAlarms' answer, whatever the protocol.
type alarmList struct {
	rows []alarmRow
	next string
}

type alarmRow struct {
	name, arn, state string
	since            time.Time
}

// MarshalXML is the answer in the Query protocol.
func (l alarmList) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	type row struct {
		AlarmName, AlarmArn, StateValue, StateUpdatedTimestamp, StateTransitionedTimestamp string
	}
	var list struct {
		MetricAlarms struct {
			Member []row `xml:"member"`
		}
		CompositeAlarms struct{}
		NextToken       string `xml:",omitempty"`
	}
	for _, a := range l.rows {
		at := a.since.Format("2006-01-02T15:04:05.000Z")
		list.MetricAlarms.Member = append(list.MetricAlarms.Member, row{a.name, a.arn, a.state, at, at})
	}
	list.NextToken = l.next
	return e.EncodeElement(list, start)
}

// MarshalJSON is the answer in AWS JSON, whose times are seconds.
func (l alarmList) MarshalJSON() ([]byte, error) {
	rows := []any{}
	for _, a := range l.rows {
		at := float64(a.since.UnixMilli()) / 1000
		rows = append(rows, map[string]any{
			"AlarmName": a.name, "AlarmArn": a.arn, "StateValue": a.state, "StateUpdatedTimestamp": at, "StateTransitionedTimestamp": at,
		})
	}
	list := map[string]any{"MetricAlarms": rows, "CompositeAlarms": []any{}}
	if l.next != "" {
		list["NextToken"] = l.next
	}
	return json.Marshal(list)
}

// describeAlarms lists the alarms that exist of those asked for, in the order
// of their names; a name that does not exist is no error.
func describeAlarms(c *action) (any, *failure) {
	a := c.account
	if f := c.allow(false, "arn:aws:cloudwatch:"+c.region+":"+a.opts.Account+":alarm:*"); f != nil {
		return nil, f
	}
	var asked []string
	metric := !c.params.Has("AlarmTypes.member.1") // then "only metric alarms are returned" (API_DescribeAlarms)
	for i := 1; c.params.Has("AlarmNames.member." + strconv.Itoa(i)); i++ {
		asked = append(asked, c.params.Get("AlarmNames.member."+strconv.Itoa(i)))
	}
	for i := 1; c.params.Has("AlarmTypes.member." + strconv.Itoa(i)); i++ {
		switch kind := c.params.Get("AlarmTypes.member." + strconv.Itoa(i)); kind {
		case "MetricAlarm":
			metric = true
		case "CompositeAlarm": // there is none
		default:
			return nil, constraint("'["+kind+"]'", "alarmTypes", "Member must satisfy enum value set: [CompositeAlarm, MetricAlarm]")
		}
	}
	most, ok := c.number("MaxRecords", 50, 1, 100)
	if !ok {
		return nil, constraint("'"+c.params.Get("MaxRecords")+"'", "maxRecords", "Member must be between 1 and 100")
	}
	if len(asked) > 100 {
		return nil, constraint("'"+strconv.Itoa(len(asked))+" names'", "alarmNames", "Member must have length less than or equal to 100")
	}
	next, ok := c.token("NextToken", "alarms")
	if !ok {
		return nil, fail(http.StatusBadRequest, "InvalidNextToken", "The next token specified is invalid.")
	}
	var result alarmList
	if !metric || c.region != a.opts.Region {
		return result, nil
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(a.alarms)), func(name string) bool { return asked != nil && !slices.Contains(asked, name) })
	names = names[min(next, len(names)):]
	if len(names) > most {
		names, result.next = names[:most], token(next+most, "alarms")
	}
	for _, name := range names {
		result.rows = append(result.rows, alarmRow{
			name, "arn:aws:cloudwatch:" + c.region + ":" + a.opts.Account + ":alarm:" + name, a.alarms[name].state, a.alarms[name].since,
		})
	}
	return result, nil
}
