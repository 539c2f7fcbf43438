package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A table holds the settings that one table of one or more files writes.
type table map[string]setting

// A setting is one written value.
type setting struct {
	table    string // such as [rotation], for errors
	name     string
	text     string
	on       bool     // of a setting that is true or false
	duration Duration // of a setting that is a duration
	list     []string // of a setting that is a list
	at       place
}

func (s setting) String() string { return fmt.Sprintf("%s %s = %s", s.table, s.name, clip(s.text)) }

// A layer is what one file says.
type layer struct {
	store, aws, rotation, monitor, guard, service table
	keys, profiles                                map[string]*named // by lower-case name
}

type named struct {
	name string // as it is written
	at   place
	table
}

func newLayer() *layer {
	return &layer{table{}, table{}, table{}, table{}, table{}, table{}, map[string]*named{}, map[string]*named{}}
}

// The schema: every setting that is accepted, by table, and the values that are
// promised but not built yet.
var (
	rotationSettings = []string{"every", "schedule", "ttl", "prove", "settle", "grace", "imported_grace", "monitor"}

	schema = map[string][]string{
		"store":    {"backend", "passphrase_file", "volatile", "lock_on"},
		"aws":      {"region", "endpoint_url", "proxy", "no_proxy", "ca_bundle", "fips"},
		"rotation": rotationSettings,
		"monitor":  {"regions", "log_group", "alarms"},
		"guard":    {"adopt", "downloads"},
		"service":  {"leave_after"},
		"keys":     append([]string{"region", "rotate_with"}, rotationSettings...),
		"profiles": {"key", "serve"},
	}
	tableNames = []string{"store", "aws", "rotation", "monitor", "guard", "service", "keys", "profiles"}

	// version is the newest version of the format that is read. A change in what
	// something means that an older program would take for its own raises it; what
	// is merely new is refused there as unknown.
	version int64 = 1

	notBuiltServes = []string{"session", "role"}
)

// validName is what a key or a profile may be called.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func isSetting(name string) bool {
	return slices.ContainsFunc(tableNames, func(t string) bool { return slices.Contains(schema[t], name) })
}

// parse reads one file strictly: every value is checked as far as it can be
// by itself.
func parse(file string, data []byte, now time.Time) (*layer, error) {
	all, err := entries(file, data)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.isVersion() { // before anything that only a newer program may know
			if err := checkVersion(e); err != nil {
				return nil, err
			}
		}
	}
	l := newLayer()
	for _, e := range all {
		if e.isVersion() {
			continue
		}
		if err := l.add(e, now); err != nil {
			return nil, err
		}
	}
	return l, l.complete()
}

func (e entry) isVersion() bool { return len(e.path) == 1 && e.path[0] == "version" }

// checkVersion refuses a file for a newer program as a whole. One without the
// line has the first version.
func checkVersion(e entry) error {
	n, ok := e.value.(int64)
	switch {
	case !ok || n < 1:
		return e.at.errorf("version is the number of the configuration's format; write version = %d, above the tables", version)
	case n > version:
		return e.at.errorf("version = %d: this file is for a newer awskeyd, this one reads version %d; install that one again, or write version = %d and take out what is new", n, version, version)
	}
	return nil
}

func (l *layer) add(e entry, now time.Time) error {
	first, rest := e.path[0], e.path[1:]
	switch {
	case !slices.Contains(tableNames, first):
		return unknownTable(e)
	case !e.table && len(rest) == 0 && slices.Contains(rotationSettings, first): // monitor is both
		return unknownTable(e)
	case !e.table && len(rest) == 0:
		return e.at.errorf("%s is a table; write [%s], and its settings in the lines below", first, first)
	}
	var into table
	label := "[" + first + "]"
	switch first {
	case "store":
		into = l.store
	case "aws":
		into = l.aws
	case "rotation":
		into = l.rotation
	case "monitor":
		into = l.monitor
	case "guard":
		into = l.guard
	case "service":
		into = l.service
	default:
		if len(rest) == 0 {
			return nil // [keys] alone says nothing
		}
		if !e.table && len(rest) == 1 {
			return e.at.errorf("[%s] %s: each of the %s has a table of its own; write [%s.%s]", first, show(rest), first, first, show(rest))
		}
		names := map[string]map[string]*named{"keys": l.keys, "profiles": l.profiles}[first]
		n, err := name(names, first, rest[0], e.at)
		if err != nil {
			return err
		}
		into, label, rest = n.table, "["+first+"."+n.name+"]", rest[1:]
	}
	switch {
	case e.table && len(rest) == 0:
		return nil
	case e.table || len(rest) > 1:
		return e.at.errorf("[%s] is no table here; the settings of %s are %s", show(e.path[:len(e.path)-len(rest)+1]), label, list(schema[first]))
	case !slices.Contains(schema[first], rest[0]):
		return e.at.errorf("%s %s is no setting; %s", label, show(rest), suggest(rest[0], schema[first], "write %s", "the settings here are "+list(schema[first])))
	}
	s, err := check(setting{table: label, name: rest[0], at: e.at}, e.value, now)
	if err == nil {
		into[s.name] = s
	}
	return err
}

// name finds or makes the table of one key or profile.
func name(names map[string]*named, kind, text string, at place) (*named, error) {
	if !validName.MatchString(text) {
		return nil, at.errorf("[%s.%s]: a name has up to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit", kind, show([]string{text}))
	}
	n := names[strings.ToLower(text)]
	if n == nil {
		n = &named{text, at, table{}}
		names[strings.ToLower(text)] = n
	}
	if n.name != text {
		return nil, at.errorf("[%s.%s] and [%s.%s] (line %d) are the same name, since case does not count; write them as one table", kind, show([]string{text}), kind, show([]string{n.name}), n.at.line)
	}
	return n, nil
}

func unknownTable(e entry) error {
	tables := "the tables are [" + strings.Join(tableNames, "], [") + "]"
	if e.table {
		rest := ""
		if len(e.path) > 1 {
			rest = "." + show(e.path[1:])
		}
		return e.at.errorf("[%s] is no table of the configuration; %s", show(e.path), suggest(e.path[0], tableNames, "write [%s"+strings.ReplaceAll(rest, "%", "%%")+"]", tables))
	}
	for _, t := range []string{"rotation", "aws", "store", "monitor", "guard", "service"} {
		if slices.Contains(schema[t], e.path[0]) {
			return e.at.errorf("%s stands in no table; write it below [%s]", e.path[0], t)
		}
	}
	if slices.Contains(schema["keys"], e.path[0]) {
		return e.at.errorf("%s stands in no table; write it below [keys.NAME]", e.path[0])
	}
	return e.at.errorf("%s is no setting; %s", show(e.path), tables)
}

// complete checks what only shows when the whole file is read.
func (l *layer) complete() error {
	all := []table{l.rotation}
	for _, k := range l.keys {
		all = append(all, k.table)
	}
	for _, t := range all {
		if every, schedule := t["every"], t["schedule"]; every.name != "" && schedule.name != "" {
			return schedule.at.errorf("%s has every (line %d) and schedule; keep one of the two", schedule.table, every.at.line)
		}
	}
	for _, name := range sorted(l.profiles) {
		if p := l.profiles[name]; p.table["key"].name == "" {
			return p.at.errorf("[profiles.%s] names no key; write key = %q below it", p.name, p.name)
		}
	}
	return nil
}

// over lays the layer over a lower one, which it changes and returns. A list is
// one value: the upper one replaces the lower.
func (l *layer) over(lower *layer) *layer {
	merge(lower.store, l.store)
	merge(lower.aws, l.aws)
	merge(lower.rotation, l.rotation)
	merge(lower.monitor, l.monitor)
	merge(lower.guard, l.guard)
	merge(lower.service, l.service)
	for _, names := range []struct{ to, from map[string]*named }{{lower.keys, l.keys}, {lower.profiles, l.profiles}} {
		for id, n := range names.from {
			if below := names.to[id]; below != nil {
				merge(below.table, n.table)
				n = &named{n.name, n.at, below.table}
			}
			names.to[id] = n
		}
	}
	return lower
}

// merge lets the upper table win. every and schedule are two forms of one
// setting.
func merge(lower, upper table) {
	if upper["every"].name != "" || upper["schedule"].name != "" {
		delete(lower, "every")
		delete(lower, "schedule")
	}
	for name, s := range upper {
		lower[name] = s
	}
}

func sorted(names map[string]*named) []string {
	all := make([]string, 0, len(names))
	for id := range names {
		all = append(all, id)
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(names[a].at.line-names[b].at.line, strings.Compare(a, b)) // lines of two files may be equal
	})
	return all
}

func list(names []string) string { return strings.Join(names, ", ") }

// suggest proposes the nearest of the known names, or says otherwise.
func suggest(text string, known []string, write, otherwise string) string {
	best, least := "", 3 // a distance of 3 is another word
	for _, k := range known {
		if d := distance(strings.ToLower(text), k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return otherwise
	}
	return fmt.Sprintf(write, best)
}

// distance counts the letters to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, corner+1, row[j]+1)
		}
	}
	return row[len(b)]
}
