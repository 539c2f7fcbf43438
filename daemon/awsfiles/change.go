package awsfiles

import (
	"cmp"
	"slices"
	"strings"
)

// A Change is one line of an edit, for a person to read: secrets are masked.
type Change struct {
	File string
	Line int    // counted from 1: in the file as it was, and for a line put in, as it will be
	Old  string // "" for a line put in
	New  string // "" for a line taken out
}

const (
	masked    = "(not shown)"  // stands in place of a secret
	emptyLine = "(empty line)" // stands for one that is taken out, or it would be one put in
)

// changes tells what differs from the document as parsed.
func (d *document) changes(path string) []Change {
	var list []Change
	was := d.was
	out := func(l line) {
		list = append(list, Change{File: path, Line: l.origin, Old: cmp.Or(l.shown(), emptyLine)})
	}
	now := 0
	for i, l := range d.lines {
		if l.origin == 0 {
			if slices.Contains(secretKeys, l.key) {
				l.text = l.text[:l.valueAt] + masked
			}
			for _, text := range ownLines(d.lines[:i], l.text) {
				now++
				list = append(list, Change{File: path, Line: now, New: text})
			}
			continue
		}
		for ; was[0].origin < l.origin; was = was[1:] {
			out(was[0])
		}
		now++
		if was[0].text != l.text {
			list = append(list, Change{File: path, Line: l.origin, Old: was[0].shown(), New: l.shown()})
		}
		was = was[1:]
	}
	for _, l := range was {
		out(l)
	}
	return list
}

// shown is a line without its end, and without a secret.
func (l line) shown() string {
	if slices.Contains(secretKeys, l.key) {
		return l.text[:l.valueAt] + masked
	}
	return strings.TrimRight(l.text, "\r\n")
}

// ownLines are the lines that a text of ours puts in. One that begins with the end
// of the line before, which had none, puts in no empty line.
func ownLines(before []line, text string) []string {
	lines := strings.Split(strings.ReplaceAll(strings.TrimRight(text, "\r\n"), "\r\n", "\n"), "\n")
	if n := len(before); n > 0 && !strings.HasSuffix(before[n-1].text, "\n") {
		lines = lines[1:]
	}
	return lines
}
