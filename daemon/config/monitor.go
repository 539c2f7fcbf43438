package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Monitor is the table [monitor]: where to look for a use of a deactivated
// access key, and for trouble it causes, besides last-used data and the
// CloudTrail of us-east-1 (another partition's main region), which is always
// asked. The zero Monitor is an empty table.
type Monitor struct {
	Regions  []string // whose CloudTrail is asked
	LogGroup string   // a CloudWatch Logs group that holds a CloudTrail: its name, or its ARN where it is in another region
	Alarms   []string // CloudWatch alarms, by name or ARN
}

// A listRule is what a list may hold.
type listRule struct {
	most    int
	valid   func(string) bool
	is      string // what one item must be
	example string
}

// lists are the settings that are lists. There are fewer regions than their
// bound; DescribeAlarms takes as many names as its own in one call
// (API_DescribeAlarms).
var lists = map[string]listRule{
	"lock_on": {3, validOccasion, `occasion; there are "sleep", "screen-lock" and "idle 30m"`, `["sleep", "screen-lock"]`},
	"regions": {50, validRegion.MatchString, "region of AWS", `["eu-west-1"]`},
	"alarms":  {100, validAlarm, "name of an alarm, nor its ARN", `["failed-logins"]`},
}

// The names are those that API_CreateLogGroup and API_PutMetricAlarm take. How long
// they are is counted apart: in the expressions it would cost each start a megabyte.
var (
	logGroup = regexp.MustCompile(`^(?:([A-Za-z0-9_./#-]+)|arn:aws[a-z-]*:logs:[a-z0-9-]+:[0-9]{12}:log-group:([A-Za-z0-9_./#-]+)(?::\*)?)$`)
	alarm    = regexp.MustCompile(`^(?:arn:aws[a-z-]*:cloudwatch:[a-z0-9-]+:[0-9]{12}:alarm:)?([^\x00-\x1f\x7f]+)$`)
)

func validLogGroup(text string) bool {
	name := logGroup.FindStringSubmatch(text)
	return name != nil && len(name[1]+name[2]) <= 512
}

func validAlarm(text string) bool {
	name := alarm.FindStringSubmatch(text)
	return name != nil && utf8.RuneCountInString(name[1]) <= 255
}

// checkList turns a value into a list without doubles. An empty one is a list.
func checkList(s setting, value any, rule listRule) (setting, error) {
	items, ok := value.([]any)
	if !ok {
		return s, s.at.errorf("%s %s is a list in brackets; write for example %s = %s", s.table, s.name, s.name, rule.example)
	}
	if len(items) > rule.most {
		return s, s.at.errorf("%s %s has %d items and may have %d; write the most important ones", s.table, s.name, len(items), rule.most)
	}
	s.list = make([]string, 0, len(items))
	for _, item := range items {
		text, ok := item.(string)
		switch {
		case !ok:
			return s, s.at.errorf("%s %s is a list of texts in quotes; write for example %s = %s", s.table, s.name, s.name, rule.example)
		case !rule.valid(text):
			return s, s.at.errorf("%s %s: %s is no %s; write for example %s = %s", s.table, s.name, clip(text), rule.is, s.name, rule.example)
		case slices.Contains(s.list, text):
			return s, s.at.errorf("%s %s names %s twice; delete one of the two", s.table, s.name, clip(text))
		}
		s.list = append(s.list, text)
	}
	s.text = fmt.Sprintf("[%s]", strings.Join(s.list, ", "))
	return s, nil
}

func newMonitor(t table) Monitor {
	return Monitor{Regions: t["regions"].list, LogGroup: t["log_group"].text, Alarms: t["alarms"].list}.clone()
}

func (m Monitor) clone() Monitor {
	m.Regions, m.Alarms = slices.Clone(m.Regions), slices.Clone(m.Alarms)
	return m
}
