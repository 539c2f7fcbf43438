package main

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 119 * time.Second: "119s", 2 * time.Minute: "2m", 119 * time.Minute: "119m",
		2 * time.Hour: "2h", 47 * time.Hour: "47h", 48 * time.Hour: "2d", 75 * 24 * time.Hour: "75d",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestClockAndDay(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	for _, c := range []struct {
		at         time.Time
		clock, day string
	}{
		{now.Add(9 * time.Minute), "12:09:00", "12:09:00"},
		{now.Add(-9 * time.Minute), "11:51:00", "11:51:00"},
		{now.Add(80 * time.Minute), "13:20", "13:20"},
		{now.Add(13 * time.Hour), "23 Nov 01:00", "23 Nov"},
		{now.AddDate(0, 0, 100), now.AddDate(0, 0, 100).Format("2 Jan 15:04"), now.AddDate(0, 0, 100).Format("2 Jan")},
		{now.AddDate(1, 0, 0), "22 Nov 2027", "22 Nov 2027"},
	} {
		if got := clock(c.at, now); got != c.clock {
			t.Errorf("clock(%v) = %q, want %q", c.at, got, c.clock)
		}
		if got := day(c.at, now); got != c.day {
			t.Errorf("day(%v) = %q, want %q", c.at, got, c.day)
		}
	}
}

func TestShort(t *testing.T) {
	for id, want := range map[string]string{"": "", "AKIA1234": "AKIA1234", "AKIAIOSFODNN7EXAMPLE": "AKIA…MPLE"} {
		if got := short(id); got != want {
			t.Errorf("short(%q) = %q, want %q", id, got, want)
		}
	}
}

// FuzzText gives any text to everything that lays text out.
func FuzzText(f *testing.F) {
	f.Add("work", "access key AKIA…FFFF was used", 12)
	f.Add(strings.Repeat("n", 64), "\x1b[31mred\x1b[0m \u202e \xff\xfe", 1)
	f.Add("日本語の名前", strings.Repeat("long", 50)+" word", 3)
	f.Fuzz(func(t *testing.T, name, text string, n int) {
		n = 1 + (n%100+100)%100
		if got := utf8.RuneCountInString(cut(name, n)); got > n {
			t.Errorf("cut(%q, %d) is %d characters long", name, n, got)
		}
		for _, line := range strings.Split(strings.TrimSuffix(wrapped(text, "  "), "\n"), "\n") {
			if utf8.RuneCountInString(line) > columns && len(strings.Fields(line)) > 1 {
				t.Errorf("a line of more than %d columns: %q", columns, line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("something that steers the terminal: %q", line)
			}
		}
		for _, line := range table([][]string{{"NAME", "PHASE"}, {printable(name), cut(printable(text), 30)}}, columns) {
			if utf8.RuneCountInString(line) > columns {
				t.Errorf("a row of more than %d columns: %q", columns, line)
			}
		}
		if got := utf8.RuneCountInString(short(text)); got > 9 {
			t.Errorf("short(%q) is %d characters long", text, got)
		}
	})
}
