package config

import (
	"strings"
	"testing"
	"time"
)

func TestLockOn(t *testing.T) {
	for text, want := range map[string]LockOn{
		"":                                       {},
		"[]":                                     {},
		`["sleep"]`:                              {Sleep: true},
		`["idle 30m", "screen-lock"]`:            {ScreenLock: true, Idle: 30 * time.Minute},
		`["sleep", "screen-lock", "idle 1h30m"]`: {true, true, 90 * time.Minute},
	} {
		if text != "" {
			text = "[store]\nlock_on = " + text + "\n"
		}
		l, err := parse("config.toml", []byte(text), time.Now())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if c, err := build(l, time.Now()); err != nil || c.Store().LockOn != want {
			t.Errorf("%s: %+v %v", text, c.Store(), err)
		}
	}
}

// TestLockOnElsewhere: what nobody tells of on a system is refused there.
func TestLockOnElsewhere(t *testing.T) {
	s := setting{table: "[store]", list: []string{"idle 30m", "sleep"}, at: place{"config.toml", 2}}
	if err := checkLockOn(s, "darwin"); err == nil || !strings.Contains(err.Error(), `config.toml:2: [store] lock_on: "sleep" is not on darwin yet`) {
		t.Error(err)
	}
	s.list = s.list[:1]
	if err := checkLockOn(s, "darwin"); err != nil {
		t.Error(err)
	}
}
