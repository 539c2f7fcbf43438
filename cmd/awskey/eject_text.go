package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/awskeyd/awskeyd/helper"
)

// show prints the plan as a person reads it.
func (e *ejecting) show(p *ejectPlan) {
	if p.nothing() {
		e.printf("no key is here, and no AWS profile asks for one: nothing is to be moved out\n")
		return
	}
	for n, k := range p.keys {
		if n == 0 {
			e.headline(false, "To stand in plaintext again:")
		}
		e.printf("  %s  %s\n", short(k.id), k.name)
		switch about := "AWS profile" + plural(len(k.profiles)) + " " + printable(strings.Join(k.profiles, ", ")); {
		case k.unasked:
			e.printf("%s", wrapped(about+", since no AWS profile asks for it", "             "))
		default:
			e.printf("%s", wrapped(about, "             "))
		}
		if k.settles {
			e.printf("%s", wrapped("the new access key under way is given up: deleted, where AWS can be reached", "             "))
		}
		for _, id := range k.left {
			e.printf("             %s stays in IAM%s\n", printable(id), of(k.user))
		}
	}
	e.showChanges(p.changes)
	for n, l := range p.stale {
		if n == 0 {
			e.headline(len(p.keys) > 0, "Lines that ask for a key that is not here, to be taken out:")
		}
		e.printf("  %s:%d  AWS profile %s\n", printable(e.tilde(l.File)), l.Line, printable(l.Profile))
	}
	if p.manager != nil {
		e.headline(len(p.keys)+len(p.stale) > 0, "The service is stopped, and its registration taken back.")
	}
	if mode, open := e.open(); open && len(p.keys) > 0 {
		e.printf("\n%s can be read by others (mode %04o); make it yours alone with\n\n    chmod 600 %s\n", printable(e.tilde(e.files.Credentials)), mode, e.word(e.files.Credentials))
	}
}

// open tells whether others than the owner can read the credentials file.
func (e *ejecting) open() (os.FileMode, bool) {
	info, err := os.Stat(e.files.Credentials)
	if err != nil || runtime.GOOS == "windows" {
		return 0, false
	}
	return info.Mode().Perm(), info.Mode().Perm()&0o077 != 0
}

// whatStays says what has come of it, and what is left for a person to delete.
func (e *ejecting) whatStays(p *ejectPlan) {
	if len(p.keys) > 0 {
		e.printf("\n")
	}
	for _, k := range p.keys {
		e.printf("%s  %s stands in %s\n", k.name, short(k.id), printable(e.tilde(k.file)))
		for _, id := range k.left {
			e.printf("  %s is left in IAM%s\n", printable(id), of(k.user))
		}
		if k.unsure {
			e.printf("%s", wrapped("AWS was just asked for a new access key and has not answered: look in the IAM console whether there is one more", "  "))
		}
	}
	if len(p.keys) > 0 {
		e.printf("\nThe store holds no key any more, and whoever can read your files can read the\n%s.\n", keysWord(len(p.keys)))
	}
	if p.manager != nil {
		e.printf("\nThe service has ended, and nothing starts it again.\n")
		if places := e.places(); len(places) > 0 {
			e.printf("\nWhat is left for you to delete: its settings, history and log, which hold no\nsecret:\n\n    rm -r %s\n", strings.Join(places, " "))
		}
		return
	}
	e.printf("\nWhat is left for you to end and to delete:\n\n")
	end := fmt.Sprintf("kill %d", p.status.Daemon.PID)
	if runtime.GOOS == "windows" {
		end = fmt.Sprintf("taskkill /PID %d", p.status.Daemon.PID)
	}
	e.printf("  the service, which runs on without a key and does not end by itself; also\n  take it out of what starts it, if you put it there:\n\n    %s\n", end)
	if places := e.places(); len(places) > 0 && runtime.GOOS != "windows" {
		e.printf("\n  its settings, history and log, which hold no secret:\n\n    rm -r %s\n", strings.Join(places, " "))
	} else if len(places) > 0 {
		e.printf("\n  its settings, history and log, which hold no secret:\n\n    %s\n", strings.Join(places, "\n    "))
	}
}

// places are the folders of ours that are there, as a shell takes them.
func (e *ejecting) places() (list []string) {
	var all []string
	if file, err := helper.ConfigFile(e.env); err == nil {
		if dir := filepath.Dir(file); filepath.Base(dir) == "awskeyd" {
			file = dir
		}
		all = append(all, file)
	}
	if dir, err := helper.StateDir(e.env); err == nil && (len(all) == 0 || dir != all[0]) {
		all = append(all, dir)
	}
	for _, path := range all {
		if _, err := os.Stat(path); err == nil {
			list = append(list, e.word(path))
		}
	}
	return list
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./~+-]+$`)

// word is a path as a shell takes it.
func (a *app) word(path string) string {
	if short := a.tilde(path); plainWord.MatchString(short) {
		return short
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func keysWord(n int) string { return "key" + plural(n) }

// ejectDocument is the answer of eject --json: what is to be done, or was.
type ejectDocument struct {
	DryRun  bool         `json:"dry_run"`
	Ejected []ejected    `json:"ejected"`
	Changes []initChange `json:"changes"`
}

// ejected is one key in plaintext. LeftInIAM are the ids beside it.
type ejected struct {
	Key         string   `json:"key"`
	AccessKeyID string   `json:"access_key_id"`
	AWSProfiles []string `json:"aws_profiles"`
	File        string   `json:"file"`
	LeftInIAM   []string `json:"left_in_iam"`
}

func (p *ejectPlan) document(dryRun bool) ejectDocument {
	d := ejectDocument{DryRun: dryRun, Ejected: []ejected{}, Changes: []initChange{}}
	for _, k := range p.keys {
		d.Ejected = append(d.Ejected, ejected{k.name, k.id, k.profiles, k.file, k.left})
	}
	for _, c := range p.changes {
		d.Changes = append(d.Changes, initChange(c))
	}
	return d
}
