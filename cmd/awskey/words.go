package main

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// phase says in plain words where a key stands, in at most 33 columns.
func phase(k api.Key, now time.Time) string {
	if k.Phase == "held" && k.Hold != nil {
		return "held: " + printable(k.Hold.Code)
	}
	if k.Paused {
		return paused(k)
	}
	prev := k.Previous
	switch k.Phase {
	case "creating":
		return "new key is being made"
	case "proving":
		return "new key is being proved"
	case "draining":
		if prev != nil && prev.DeactivateAt != nil && prev.DeactivateAt.After(now) {
			return "old key drains until " + clock(*prev.DeactivateAt, now)
		}
		return "old key drains"
	case "monitoring":
		if prev != nil && prev.DeleteAt != nil && prev.DeleteAt.After(now) {
			return "old key is off, deleted " + day(*prev.DeleteAt, now)
		}
		return "old key is off"
	case "deleting":
		if k.Next != nil {
			return "new key is being given up"
		}
		return "old key is being deleted"
	}
	return printable(k.Phase)
}

// paused says what a pause has stopped.
func paused(k api.Key) string {
	switch k.Phase {
	case "creating", "proving":
		return "paused, new key waits"
	case "draining", "monitoring", "deleting":
		return "paused, old key stays"
	}
	return "paused"
}

// age says how long ago t was.
func age(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	return span(now.Sub(*t))
}

// due says when the next rotation comes.
func due(k api.Key, now time.Time) string {
	switch {
	case k.DueAt == nil || k.Paused || k.Phase == "held":
		return "-"
	case k.Phase == "creating" || k.Phase == "proving":
		return "now"
	case !k.DueAt.After(now):
		return "due"
	}
	return "in " + span(k.DueAt.Sub(now))
}

// nextRotation is due in full.
func nextRotation(k api.Key, now time.Time) string {
	switch {
	case k.Paused:
		return "not while it is paused"
	case k.Phase == "held":
		return "not while it is held"
	case k.Phase == "creating" || k.Phase == "proving":
		return "under way"
	case !k.DueAt.After(now):
		return "due"
	}
	return clock(*k.DueAt, now) + ", in " + span(k.DueAt.Sub(now))
}

// choices says what each choice of resolve does.
var choices = map[string]string{
	"wait":       "leave it as it is and look again in a day",
	"delete-it":  "deactivate that key now and delete it later",
	"deactivate": "deactivate it although somebody may use it",
	"delete":     "delete the key all the same",
	"rollback":   "go back to the old key",
	"keep":       "keep the old key and let the newer one go",
	"forward":    "prove the newer key and switch to it again",
	"replace":    "make a new key at once",
	"retry":      "try again, once the cause is gone",
	"take-over":  "let this machine rotate the key from now on",
}

// hold prints why a key is held and what to type.
func (a *app) hold(k api.Key) {
	h := k.Hold
	since := ""
	if h.Since != nil {
		since = " since " + clock(*h.Since, a.now())
	}
	head := wrapped(k.Name+" is held"+since+" ("+h.Code+"):", "")
	a.printf("%s", strings.Replace(head, " held", " "+a.colour(red, "held"), 1))
	a.printf("%s", wrapped(h.Text, "  "))
	rows := [][]string{}
	for _, c := range h.Choices {
		rows = append(rows, []string{"  awskey resolve " + k.Name + " " + printable(c), choices[c]})
	}
	if len(rows) == 0 {
		return
	}
	lines := table(rows, 10*columns)
	// A long name pushes the words over the edge; a command is never cut.
	if slices.ContainsFunc(lines, func(l string) bool { return utf8.RuneCountInString(l) > columns }) {
		for i, row := range rows {
			lines[i] = row[0] + "\n      " + row[1]
		}
	}
	a.printf("%s\n", strings.Join(lines, "\n"))
}

// warning prints one warning with its remedy.
func (a *app) warning(w api.Warning) {
	word, code := "warning", yellow
	switch w.Severity {
	case "error":
		word, code = "error", red
	case "info":
		word, code = "note", bold
	}
	text := wrapped(word+": "+w.Text, "")
	a.printf("%s%s", a.colour(code, word), text[len(word):])
	if w.Remedy != "" {
		a.printf("%s", wrapped(w.Remedy, "  "))
	}
}
