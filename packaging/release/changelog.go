package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// entry is what CHANGELOG.md says of one version.
type entry struct {
	version    string
	unreleased bool
	date       time.Time
	notes      []string // each in one line
}

var heading = regexp.MustCompile(`^## (?:Unreleased|(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\))$`)

// readChangelog reads CHANGELOG.md, the newest first. What is not released yet is
// of the version and date at hand.
func readChangelog(text, version string, date time.Time) ([]entry, error) {
	var entries []entry
	fresh := true // the next line begins a note
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch m := heading.FindStringSubmatch(line); {
		case m != nil && m[1] == "":
			entries = append(entries, entry{version: version, unreleased: true, date: date})
			fresh = true
		case m != nil:
			day, err := time.Parse(time.DateOnly, m[2])
			if err != nil {
				return nil, fmt.Errorf("CHANGELOG.md: %q: %w", line, err)
			}
			entries = append(entries, entry{version: m[1], date: day})
			fresh = true
		case strings.HasPrefix(line, "## "):
			return nil, fmt.Errorf("CHANGELOG.md: %q is no heading of a version; write ## Unreleased or ## 1.2.3 (2026-12-31)", line)
		case len(entries) == 0: // its title
		case strings.TrimSpace(line) == "":
			fresh = true
		default:
			e := &entries[len(entries)-1]
			text, isNote := strings.CutPrefix(line, "- ")
			if isNote || fresh {
				e.notes = append(e.notes, text)
			} else {
				e.notes[len(e.notes)-1] += " " + strings.TrimSpace(text)
			}
			fresh = false
		}
	}
	if len(entries) == 0 {
		return nil, errors.New("CHANGELOG.md tells of no version; write a heading such as ## Unreleased")
	}
	return entries, nil
}

// changes are what CHANGELOG.md says.
func (r *release) changes() ([]entry, error) {
	text, err := os.ReadFile(filepath.Join(r.root, "CHANGELOG.md"))
	if err != nil {
		return nil, err
	}
	return readChangelog(string(text), r.version, r.date)
}

// wrap breaks a text between its words.
func wrap(text string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		if n := len(lines) - 1; n >= 0 && len(lines[n])+1+len(word) <= width {
			lines[n] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// debianChangelog is the form of deb-changelog(5).
func debianChangelog(name string, entries []entry) []byte {
	var b bytes.Buffer
	for i, e := range entries {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s (%s) unstable; urgency=medium\n\n", name, fullVersion(e.version))
		for _, note := range e.notes {
			fmt.Fprintf(&b, "  * %s\n", strings.Join(wrap(note, 74), "\n    "))
		}
		fmt.Fprintf(&b, "\n -- %s  %s\n", maintainer, e.date.Format(time.RFC1123Z))
	}
	return b.Bytes()
}
