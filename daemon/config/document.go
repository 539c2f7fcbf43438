package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Error is a mistake in a configuration file, for the person who wrote it.
type Error struct {
	File string
	Line int // 0 when the file as a whole is meant
	Text string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// A place is where a value was written.
type place struct {
	file string
	line int
}

func (p place) errorf(format string, args ...any) error {
	return &Error{p.file, p.line, fmt.Sprintf(format, args...)}
}

// An entry is one thing a document says: a table begins, or a name has a
// value. Entries keep the order of the file.
type entry struct {
	path  []string
	at    place
	table bool
	value any // when no table
}

const (
	bom     = "\ufeff"
	maxSize = 1 << 20 // bytes of a configuration file
)

// entries reads TOML. The library's decoder checks the syntax and gives the
// values; its parser gives the lines, which the decoder only tells in errors.
func entries(file string, data []byte) ([]entry, error) {
	data = bytes.TrimPrefix(data, []byte(bom)) // editors on Windows write one
	values := map[string]any{}
	if err := toml.Unmarshal(data, &values); err != nil {
		var bad *toml.DecodeError
		if !errors.As(err, &bad) {
			return nil, &Error{File: file, Text: "not TOML: " + err.Error()}
		}
		line, _ := bad.Position()
		return nil, &Error{file, line, "not TOML: " + strings.TrimPrefix(bad.Error(), "toml: ") + remedy(data, line)}
	}
	var found []entry
	var table []string
	var p unstable.Parser
	p.Reset(data)
	lines := lineCounter{data: data}
	for p.NextExpression() {
		e := p.Expression()
		names, at := keyOf(e, &lines)
		where := place{file, at}
		switch e.Kind {
		case unstable.ArrayTable:
			return nil, where.errorf("[[%s]] begins a list of tables; write [%s]", show(names), show(names))
		case unstable.Table:
			table = names
			found = append(found, entry{path: names, at: where, table: true})
		case unstable.KeyValue:
			found = add(found, append(table[:len(table):len(table)], names...), where, e.Value(), values, &lines)
		}
	}
	if err := p.Error(); err != nil {
		return nil, &Error{File: file, Text: "not TOML: " + err.Error()}
	}
	return found, nil
}

// add appends a value, and what is in it when it is an inline table.
func add(found []entry, path []string, at place, value *unstable.Node, values map[string]any, lines *lineCounter) []entry {
	if value.Kind != unstable.InlineTable {
		return append(found, entry{path: path, at: at, value: lookUp(values, path)})
	}
	found = append(found, entry{path: path, at: at, table: true})
	for children := value.Children(); children.Next(); {
		child := children.Node()
		names, line := keyOf(child, lines)
		found = add(found, append(path[:len(path):len(path)], names...), place{at.file, line}, child.Value(), values, lines)
	}
	return found
}

func keyOf(e *unstable.Node, lines *lineCounter) (names []string, line int) {
	for keys := e.Key(); keys.Next(); {
		names = append(names, string(keys.Node().Data))
		line = lines.at(int(keys.Node().Raw.Offset))
	}
	return names, line
}

func lookUp(values map[string]any, path []string) any {
	var v any = values
	for _, name := range path {
		in, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = in[name]
	}
	return v
}

// lineCounter turns offsets, asked for in rising order, into line numbers.
type lineCounter struct {
	data         []byte
	offset, line int
}

func (c *lineCounter) at(offset int) int {
	c.line += bytes.Count(c.data[c.offset:offset], []byte("\n"))
	c.offset = offset
	return c.line + 1
}

var (
	bareName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	unquoted = regexp.MustCompile(`^\s*([a-z_]+)\s*=\s*([A-Za-z0-9][A-Za-z0-9._-]{0,30})\s*(?:#.*)?\r?$`)
)

// show writes a dotted name as TOML does.
func show(path []string) string {
	names := make([]string, len(path))
	for i, name := range path {
		names[i] = name
		if !bareName.MatchString(name) {
			names[i] = clip(name)
		}
	}
	return strings.Join(names, ".")
}

// remedy proposes quotes where a line that is not TOML lacks nothing else.
// Only for settings that hold no secret.
func remedy(data []byte, line int) string {
	all := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(all) {
		return ""
	}
	part := unquoted.FindSubmatch(all[line-1])
	if part == nil || !isSetting(string(part[1])) || string(part[1]) == "proxy" {
		return ""
	}
	if _, isList := lists[string(part[1])]; isList {
		return fmt.Sprintf("; write %s = [%q]", part[1], part[2])
	}
	return fmt.Sprintf("; write %s = %q", part[1], part[2])
}

// clip quotes a value for an error.
func clip(text string) string {
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
