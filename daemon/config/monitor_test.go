package config

import (
	"strings"
	"testing"
)

func TestHowLongANameMayBe(t *testing.T) {
	group, alarm := "arn:aws:logs:eu-west-1:123456789012:log-group:", "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
	for name, is := range map[string]struct {
		valid func(string) bool
		good  bool
	}{
		strings.Repeat("g", 512):                {validLogGroup, true},
		strings.Repeat("g", 513):                {validLogGroup, false},
		group + strings.Repeat("g", 512):        {validLogGroup, true},
		group + strings.Repeat("g", 512) + ":*": {validLogGroup, true},
		group + strings.Repeat("g", 513):        {validLogGroup, false},
		"g:*":                                   {validLogGroup, false},
		group:                                   {validLogGroup, false},
		strings.Repeat("ä", 255):                {validAlarm, true},
		strings.Repeat("ä", 256):                {validAlarm, false},
		alarm + strings.Repeat("ä", 255):        {validAlarm, true},
		alarm + strings.Repeat("ä", 256):        {validAlarm, false},
		"":                                      {validAlarm, false},
		"a\nb":                                  {validAlarm, false},
	} {
		if got := is.valid(name); got != is.good {
			t.Errorf("%.60q of %d bytes: %v", name, len(name), got)
		}
	}
}
