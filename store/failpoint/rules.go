package failpoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What a rule does.
const (
	kill = "kill"
	stop = "stop"
	fail = "error"
)

// rule lets something happen at some passings of a point.
type rule struct {
	point    string
	from, to int // passings, the first is 1
	action   string
	text     string // of an error
}

// rules are a steering file, and how often each point was passed under it.
type rules struct {
	source string
	list   []rule
	passed map[string]int
}

// parse reads a steering file. Its errors name the line.
func parse(source string) (*rules, error) {
	r := &rules{source: source, passed: map[string]int{}}
	n := 0
	for line := range strings.Lines(source) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		one, err := parseRule(line)
		if err != nil {
			return nil, fmt.Errorf("line %d of the steering file: %w", n, err)
		}
		r.list = append(r.list, one)
	}
	return r, nil
}

func parseRule(line string) (rule, error) {
	point, rest, _ := strings.Cut(line, " ")
	span, rest, _ := strings.Cut(rest, " ")
	action, text, _ := strings.Cut(rest, " ")
	if !slices.Contains(All, point) {
		return rule{}, fmt.Errorf("there is no point %q", point)
	}
	first, last, ranges := strings.Cut(span, "-")
	if !ranges {
		last = first
	}
	from, err := strconv.Atoi(first)
	if err != nil {
		return rule{}, fmt.Errorf("%q is no passing", span)
	}
	to, err := strconv.Atoi(last)
	if err != nil || from < 1 || to < from {
		return rule{}, fmt.Errorf("%q is no passing", span)
	}
	switch {
	case action == fail && text == "":
		return rule{}, fmt.Errorf("an error needs a text")
	case action != kill && action != stop && action != fail, action != fail && text != "":
		return rule{}, fmt.Errorf("%q is nothing to do", rest)
	}
	return rule{point, from, to, action, text}, nil
}

// pass counts a passing and returns what is to happen; the zero rule is nothing.
func (r *rules) pass(point string) rule {
	r.passed[point]++
	n := r.passed[point]
	for _, one := range r.list {
		if one.point == point && one.from <= n && n <= one.to {
			return one
		}
	}
	return rule{}
}
