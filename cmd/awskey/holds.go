package main

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// choices says what each choice of resolve does: for one hold that came from one
// phase, for one hold, or for any.
var choices = map[string]string{
	"wait":       "leave it as it is and look again in a day",
	"delete-it":  "deactivate that key now and delete it later",
	"deactivate": "deactivate it although somebody may use it",
	"delete":     "delete the old key all the same",
	"rollback":   "go back to the old key",
	"keep":       "keep the earlier key, end the newer one",
	"forward":    "prove the newer key and use it",
	"retry":      "try again, once the cause is gone",
	"take-over":  "let this machine rotate the key from now on",

	"second-key wait":             "leave both keys and look again in a day",
	"reactivated deactivate":      "deactivate it again and go on",
	"current-dead rollback":       "stay with the earlier key",
	"current-dead replace":        "delete the dead key and make a new one now",
	"rolled-back proving keep":    "keep the old key, delete the new one",
	"rolled-back proving forward": "go on with the new key",
	"never-proves draining retry": "go on with the newer key, end the earlier one",
}

// choice is the meaning of one choice of a hold; of one that a newer service
// may offer, nothing.
func choice(h *api.Hold, word string) string {
	for _, key := range []string{h.Code + " " + h.Phase + " " + word, h.Code + " " + word, word} {
		if text, ok := choices[key]; ok {
			return text
		}
	}
	return ""
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
		rows = append(rows, []string{"  awskey resolve " + k.Name + " " + printable(c), choice(h, c)})
	}
	a.commands(rows)
}

// commands prints what can be typed, each with what it does. A long name pushes
// the words over the edge; a command is never cut.
func (a *app) commands(rows [][]string) {
	if len(rows) == 0 {
		return
	}
	lines := table(rows, 10*columns)
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
