package awsfiles

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A document is an AWS file as a list of lines. Each line keeps its bytes, so
// that printing is the inverse of parsing for any input.
//
// Lines are classified as Python's configparser does it for the AWS CLI, the
// strictest reader: an indented line below an option continues its value, and
// blank and comment lines do not end it. The Go SDK instead reads an indented
// "a = b" below a value as a property of its own, and an indented "[x]" as a
// section (aws-sdk-go-v2 config/internal/ini). Where this matters an edit is
// refused.
type document struct {
	lines []line
	was   []line // as parsed
}

type kind int

const (
	plain        kind = iota // blank or a comment
	junk                     // what the AWS CLI refuses, with the whole file
	header                   // begins a section
	option                   // key = value
	continuation             // goes on with the value of the option above
)

type line struct {
	text    string // with its line ending, if it has one
	origin  int    // the line it was when parsed, counted from 1; 0 for one of ours
	kind    kind
	key     string // of an option, in lower case
	value   string // of an option, without the space around it
	valueAt int    // where the value begins in text
	goName  string // of a header: the section as the Go SDK names it, "" for none
	pyName  string // of a header: the section as the AWS CLI names it, "" for none
}

const bom = "\ufeff"

// isSpace is what Python's str.strip removes; the Go SDK's idea of space lies
// within it.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func trim(s string) string { return strings.TrimFunc(s, isSpace) }

// parse fails, with a line number, where the readers do not agree on what is a
// section and what is not.
func parse(data []byte) (*document, error) {
	doc := &document{}
	inSection, inOption, level := false, false, 0
	for text := range strings.Lines(string(data)) {
		l := line{text: text, origin: len(doc.lines) + 1}
		body := text
		if len(doc.lines) == 0 {
			body = strings.TrimPrefix(text, bom)
		}
		trimmed := trim(body)
		indent := utf8.RuneCountInString(body) - utf8.RuneCountInString(strings.TrimLeftFunc(body, isSpace))
		goName, pyName := goHeader(body), pyHeader(trimmed)
		at := len(doc.lines) + 1
		switch {
		// Python ends a line at a lone CR, the Go SDK does not.
		case strings.Contains(strings.TrimSuffix(text, "\r\n"), "\r"):
			return nil, fmt.Errorf("%d: a carriage return ends no line here; save the file with ordinary line endings", at)
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case inOption && indent > level:
			if goName != "" {
				return nil, fmt.Errorf("%d: the AWS CLI takes this indented section for a part of the value above it; move it to the start of the line", at)
			}
			l.kind = continuation
		case trimmed[0] == '[':
			if goName == "" || pyName == "" {
				return nil, fmt.Errorf("%d: only some programs take this line for the beginning of a section; write [ and ] around the name and nothing else", at)
			}
			l.kind, l.goName, l.pyName = header, goName, pyName
			inSection, inOption, level = true, false, indent
		default:
			level = indent
			l.kind = junk
			if sep := strings.IndexAny(body, "=:"); sep >= 0 && inSection {
				l.kind = option
				l.key = strings.ToLower(trim(body[:sep]))
				l.value = trim(body[sep+1:])
				l.valueAt = len(text) - len(strings.TrimLeft(body[sep+1:], " \t"))
				inOption = true
			}
		}
		doc.lines = append(doc.lines, l)
	}
	doc.was = slices.Clone(doc.lines)
	return doc, nil
}

func (d *document) bytes() []byte {
	var b bytes.Buffer
	for _, l := range d.lines {
		b.WriteString(l.text)
	}
	return b.Bytes()
}

// goHeader is asProfile of the Go SDK's tokenizer: comments first, then the
// brackets, then one space between the words.
func goHeader(text string) string {
	text, _, _ = strings.Cut(text, "#")
	text, _, _ = strings.Cut(text, ";")
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return ""
	}
	text = strings.TrimSpace(text[1 : len(text)-1])
	if i := strings.IndexAny(text, " \t"); i > 0 {
		return text[:i] + " " + strings.TrimLeft(text[i:], " \t")
	}
	return text
}

// pyHeader is configparser's SECTCRE: all up to the last bracket.
func pyHeader(trimmed string) string {
	end := strings.LastIndexByte(trimmed, ']')
	if end < 2 || trimmed[0] != '[' {
		return ""
	}
	return trimmed[1:end]
}

// A section is a range of lines, from its header up to the next one.
type section struct{ begin, end int }

// sections returns every section that a reader takes for the AWS profile.
// With strict, one that only some readers take for it is an error.
func (d *document) sections(f form, profile string, strict bool) ([]section, error) {
	var found []section
	for _, s := range d.all() {
		l := d.lines[s.begin]
		inGo, inPython := f.goProfile(l.goName) == profile, f.pyProfile(l.pyName) == profile
		if strict && inGo != inPython {
			how := "write it as " + f.header(profile)
			if !sectionName.MatchString(profile) {
				how = "rename it: " + sectionLetters + " only"
			}
			return nil, fmt.Errorf("%d: only some programs take this section for the AWS profile %s; %s", s.begin+1, profile, how)
		}
		if inGo || inPython {
			found = append(found, s)
		}
	}
	if strict && len(found) > 1 {
		why := "the AWS CLI refuses such a file"
		if d.lines[found[0].begin].pyName != d.lines[found[1].begin].pyName {
			why = "programs disagree about which counts"
		}
		return nil, fmt.Errorf("%d: the AWS profile %s begins a second time (first in line %d), and %s; join the two", found[1].begin+1, profile, found[0].begin+1, why)
	}
	return found, nil
}

func (d *document) all() []section {
	var found []section
	for i, l := range d.lines {
		if l.kind != header {
			continue
		}
		if n := len(found); n > 0 {
			found[n-1].end = i
		}
		found = append(found, section{i, len(d.lines)})
	}
	return found
}

// profile is the AWS profile that a section belongs to, as the AWS CLI names it,
// else as the Go SDK does; "" for none.
func (d *document) profile(f form, s section) string {
	l := d.lines[s.begin]
	if name := f.pyProfile(l.pyName); name != "" {
		return name
	}
	return f.goProfile(l.goName)
}

// A form is one of the two ways to name an AWS profile in a section's header.
type form int

const (
	configForm      form = iota // [default] and [profile NAME]
	credentialsForm             // [NAME]
)

func (f form) header(profile string) string {
	if f == configForm && profile != "default" {
		return "[profile " + profile + "]"
	}
	return "[" + profile + "]"
}

func (f form) goProfile(name string) string {
	if f == credentialsForm || name == "default" {
		return name
	}
	rest, _ := strings.CutPrefix(name, "profile ")
	if rest == name {
		return ""
	}
	return rest
}

// pyProfile follows botocore's configloader.build_profile_map: two words as a shell
// would split them, of which the first need only begin with "profile".
func (f form) pyProfile(name string) string {
	if f == credentialsForm || name == "default" {
		return name
	}
	words, ok := shellWords(name)
	if !ok || len(words) != 2 || !strings.HasPrefix(name, "profile") {
		return ""
	}
	return words[1]
}

// options calls each with every option of a section and its line; hidden is
// true for an indented one that the AWS CLI takes for a part of the value
// above, and the Go SDK for an option.
func (d *document) options(s section, each func(at int, key string, hidden bool)) {
	owner := ""
	for i := s.begin + 1; i < s.end; i++ {
		switch l := d.lines[i]; l.kind {
		case option:
			owner = l.value
			each(i, l.key, false)
		case continuation:
			if sep := strings.IndexAny(l.text, "=:"); sep >= 0 && owner != "" {
				each(i, strings.ToLower(trim(l.text[:sep])), true)
			}
		}
	}
}

// continues reports whether the value of the option in line i goes on below.
func (d *document) continues(i int) bool {
	for _, l := range d.lines[i+1:] {
		switch l.kind {
		case continuation:
			return true
		case header, option:
			return false
		}
	}
	return false
}

// empty tells whether the line i is an option without any value, below it neither.
func (d *document) empty(i int) bool {
	return d.lines[i].kind == option && d.lines[i].value == "" && !d.continues(i)
}
