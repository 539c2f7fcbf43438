package awstest

import (
	"fmt"
	"strings"
)

// pattern is a filter pattern of CloudWatch Logs for JSON events ("Filter
// pattern syntax"): { ($.a.b = "x*") && ($.c = "y" || $.c = "z") }. The
// emulator knows =, !=, &&, || and parentheses; && binds more tightly. A value
// is quoted, and an asterisk at its ends stands for anything.
type pattern interface {
	match(event map[string]any) bool
}

type (
	anyOf []pattern
	allOf []pattern
	equal struct {
		path  []string
		not   bool
		value string
	}
)

func (p anyOf) match(event map[string]any) bool {
	for _, q := range p {
		if q.match(event) {
			return true
		}
	}
	return false
}

func (p allOf) match(event map[string]any) bool {
	for _, q := range p {
		if !q.match(event) {
			return false
		}
	}
	return true
}

// match is false where the event lacks the field, whatever the comparison.
func (p equal) match(event map[string]any) bool {
	var value any = event
	for _, name := range p.path {
		m, ok := value.(map[string]any)
		if !ok {
			return false
		}
		value = m[name]
	}
	have, ok := value.(string)
	return ok && like(p.value, have) != p.not
}

func like(want, have string) bool {
	head, open := strings.CutPrefix(want, "*")
	middle, close := strings.CutSuffix(head, "*")
	switch {
	case open && close:
		return strings.Contains(have, middle)
	case open:
		return strings.HasSuffix(have, head)
	case close:
		return strings.HasPrefix(have, middle)
	}
	return have == want
}

// longestPattern is AWS's limit on FilterLogEvents' filterPattern, characters.
const longestPattern = 1024

// parsePattern refuses what it does not know rather than match too much.
func parsePattern(text string) (pattern, error) {
	if len(text) > longestPattern {
		return nil, fmt.Errorf("the filter pattern is longer than %d characters", longestPattern)
	}
	r := &patternReader{rest: text}
	if !r.take("{") {
		return nil, r.wrong("a JSON pattern, which begins with {")
	}
	p, err := r.either(0)
	if err != nil {
		return nil, err
	}
	if !r.take("}") {
		return nil, r.wrong("}")
	}
	if r.skip(); r.rest != "" {
		return nil, r.wrong("nothing more")
	}
	return p, nil
}

type patternReader struct{ rest string }

func (r *patternReader) skip() { r.rest = strings.TrimLeft(r.rest, " \t\r\n") }

func (r *patternReader) take(token string) bool {
	r.skip()
	rest, ok := strings.CutPrefix(r.rest, token)
	if ok {
		r.rest = rest
	}
	return ok
}

func (r *patternReader) wrong(want string) error {
	return fmt.Errorf("invalid filter pattern: expected %s before %q", want, r.rest)
}

func (r *patternReader) either(depth int) (pattern, error) {
	var list anyOf
	for {
		p, err := r.both(depth)
		if err != nil {
			return nil, err
		}
		if list = append(list, p); !r.take("||") {
			return list, nil
		}
	}
}

func (r *patternReader) both(depth int) (pattern, error) {
	var list allOf
	for {
		p, err := r.term(depth)
		if err != nil {
			return nil, err
		}
		if list = append(list, p); !r.take("&&") {
			return list, nil
		}
	}
}

func (r *patternReader) term(depth int) (pattern, error) {
	if !r.take("(") {
		return r.comparison()
	}
	if depth > 16 {
		return nil, r.wrong("fewer parentheses")
	}
	p, err := r.either(depth + 1)
	if err == nil && !r.take(")") {
		err = r.wrong(")")
	}
	return p, err
}

func (r *patternReader) comparison() (pattern, error) {
	if !r.take("$.") {
		return nil, r.wrong("a field like $.errorCode")
	}
	end := strings.IndexFunc(r.rest, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_')
	})
	if end <= 0 {
		return nil, r.wrong("the name of a field")
	}
	p := equal{path: strings.Split(r.rest[:end], ".")}
	r.rest = r.rest[end:]
	if p.not = r.take("!="); !p.not && !r.take("=") {
		return nil, r.wrong("= or !=")
	}
	if !r.take(`"`) {
		return nil, r.wrong("a quoted value")
	}
	value, rest, ok := strings.Cut(r.rest, `"`)
	if !ok || strings.Contains(value, `\`) || strings.Contains(strings.Trim(value, "*"), "*") {
		return nil, r.wrong("a value without escapes, with asterisks at its ends alone")
	}
	p.value, r.rest = value, rest
	return p, nil
}
