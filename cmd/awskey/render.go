package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// columns is the width that every text fits in; a wider terminal shows more.
const columns = 80

// Colours, as ANSI writes them.
const (
	bold   = "1"
	red    = "31"
	yellow = "33"
)

// printf writes text for a person to standard output.
func (a *app) printf(format string, args ...any) {
	a.progress.Load().above(func() {
		if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil && a.writeErr == nil {
			a.writeErr = err
		}
	})
}

// document writes v as one indented JSON document.
func (a *app) document(v any) { a.encode(v, "  ") }

// line writes v as one line of JSON.
func (a *app) line(v any) { a.encode(v, "") }

// encode leaves <, > and & as they are: nothing here is put into a web page.
func (a *app) encode(v any, indent string) {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	a.progress.Load().above(func() {
		if err := enc.Encode(v); err != nil && a.writeErr == nil {
			a.writeErr = err
		}
	})
}

// colour paints s where a person looks at a terminal and did not ask for none
// (https://no-color.org).
func (a *app) colour(code, s string) string {
	if s == "" || !a.colours() {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// colours asks standard output: diagnostics are never coloured.
func (a *app) colours() bool {
	if a.env("NO_COLOR") != "" || a.env("TERM") == "dumb" {
		return false
	}
	if runtime.GOOS == "windows" && a.env("WT_SESSION") == "" { // the old console prints the codes
		return false
	}
	return term.IsTerminal(int(a.stdout.Fd()))
}

// width is how many columns a table may take.
func (a *app) width() int {
	if w, _, err := term.GetSize(int(a.stdout.Fd())); err == nil && w > columns {
		return w
	}
	return columns
}

// table lays cells out in columns two spaces apart. The first column, a name,
// is cut in its middle when the whole would be wider than width.
func table(rows [][]string, width int) []string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	total := 2 * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	if over := total - width; over > 0 {
		widths[0] = max(widths[0]-over, 8)
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			cell = cut(cell, widths[i])
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		lines[n] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// cut shortens s to n characters in its middle: names of one family differ at
// their ends.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	tail := (n - 1) / 2
	return string(r[:n-1-tail]) + "…" + string(r[len(r)-tail:])
}

// short is how a person reads an access key id: its two ends.
func short(id string) string {
	r := []rune(printable(id))
	if len(r) <= 8 {
		return string(r)
	}
	return string(r[:4]) + "…" + string(r[len(r)-4:])
}

// printable takes out of s what could steer a terminal. Names and texts come
// from IAM and from files.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// wrapped breaks s into indented lines of at most 80 columns.
func wrapped(s, indent string) string {
	var b strings.Builder
	col := 0
	for _, word := range strings.Fields(printable(s)) {
		n := utf8.RuneCountInString(word)
		switch {
		case col == 0:
			b.WriteString(indent)
			col = len(indent)
		case col+1+n > columns:
			b.WriteString("\n" + indent)
			col = len(indent)
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += n
	}
	b.WriteByte('\n')
	return b.String()
}

// span says a length of time in its greatest unit: 45s, 12m, 5h, 63d.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// clock says a moment in local time, as short as it can be told from now.
func clock(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	apart := t.Sub(now).Abs()
	switch {
	case apart < 10*time.Minute:
		return t.Format("15:04:05")
	case sameDay(t, now):
		return t.Format("15:04")
	case apart < 180*24*time.Hour:
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006")
}

// day is clock without the hour, for another day.
func day(t, now time.Time) string {
	if t, now = t.Local(), now.Local(); !sameDay(t, now) && t.Sub(now).Abs() < 180*24*time.Hour {
		return t.Format("2 Jan")
	}
	return clock(t, now)
}

// sameDay compares dates in the zone that both are in.
func sameDay(a, b time.Time) bool {
	return a.YearDay() == b.YearDay() && a.Year() == b.Year()
}
