package config

import (
	"slices"
	"strings"
	"time"
)

// LockOn says upon what the store is locked by itself: the setting lock_on of
// [store]. The zero LockOn is an empty list.
type LockOn struct {
	Sleep      bool
	ScreenLock bool
	Idle       time.Duration // without a request for credentials, by the wall clock; 0 is never
}

const (
	onSleep  = "sleep"
	onScreen = "screen-lock"
	onIdle   = "idle "
)

// minIdle keeps a store from being locked between two requests of one program.
const minIdle = time.Minute

func validOccasion(text string) bool {
	after, idle := strings.CutPrefix(text, onIdle)
	if idle {
		_, err := ParseDuration(after)
		return err == nil
	}
	return text == onSleep || text == onScreen
}

// checkLockOn checks what only the whole list shows, and what only this system
// can do: elsewhere nobody tells of sleep and of the screen yet.
func checkLockOn(s setting, system string) error {
	idles := 0
	for _, item := range s.list {
		after, idle := strings.CutPrefix(item, onIdle)
		switch d, _ := ParseDuration(after); {
		case !idle && system != "linux":
			return s.at.errorf("%s lock_on: %q is not on %s yet; write for example lock_on = [\"idle 30m\"]", s.table, item, system)
		case !idle:
		case time.Duration(d) < minIdle:
			return s.at.errorf("%s lock_on: %q is too short; write \"idle 1m\" at least", s.table, item)
		default:
			idles++
		}
	}
	if idles > 1 {
		return s.at.errorf("%s lock_on names idle twice; delete one of the two", s.table)
	}
	return nil
}

func newLockOn(t table) LockOn {
	list := t["lock_on"].list
	l := LockOn{Sleep: slices.Contains(list, onSleep), ScreenLock: slices.Contains(list, onScreen)}
	for _, item := range list {
		if after, idle := strings.CutPrefix(item, onIdle); idle {
			d, _ := ParseDuration(after) // it was checked
			l.Idle = time.Duration(d)
		}
	}
	return l
}
