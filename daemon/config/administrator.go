package config

import (
	"fmt"
	"slices"
	"strings"
)

// administrators resolves every rotate_with, which names a profile, to the key
// behind it; by the lower-case name of the key that has one. A key that rotates
// itself by a detour, or keys in a circle, would have nobody to begin with when
// one of them is refused, so both are mistakes. A chain is none.
func (l *layer) administrators() (map[string]string, error) {
	with := map[string]string{}
	for id, k := range l.keys {
		if s, written := k.table["rotate_with"]; written {
			with[id] = l.keyOf(s.text)
		}
	}
	for _, id := range sorted(l.keys) {
		s := l.keys[id].table["rotate_with"]
		switch circle := circle(with, id); {
		case len(circle) == 1:
			return nil, s.at.errorf("%s is a profile of this very key; delete the line, or write a profile of another user's key", s)
		case len(circle) > 1:
			return nil, s.at.errorf("%s: the keys would rotate each other in a circle: %s; delete one of these lines", s, l.tell(circle, with, s.at.file))
		}
	}
	return with, nil
}

// keyOf is the key that a profile serves: a profile that is not written is named
// like its key.
func (l *layer) keyOf(profile string) string {
	if p := l.profiles[strings.ToLower(profile)]; p != nil {
		return p.table["key"].text
	}
	return profile
}

// circle follows rotate_with from a key back to the same key. It is empty where
// the chain ends, or runs into a circle of others.
func circle(with map[string]string, start string) []string {
	var passed []string
	for id := start; with[id] != "" && !slices.Contains(passed, id); {
		passed = append(passed, id)
		if id = strings.ToLower(with[id]); id == start {
			return passed
		}
	}
	return nil
}

// tell writes a circle with the line of every step.
func (l *layer) tell(circle []string, with map[string]string, file string) string {
	steps := make([]string, len(circle))
	for i, id := range circle {
		k, verb := l.keys[id], ""
		if i == 0 {
			verb = "is rotated "
		}
		at := k.table["rotate_with"].at
		where := fmt.Sprintf("line %d", at.line)
		if at.file != file {
			where = fmt.Sprintf("%s:%d", at.file, at.line)
		}
		steps[i] = fmt.Sprintf("%s %swith %s (%s)", k.name, verb, with[id], where)
	}
	return strings.Join(steps, ", ")
}
