package main

import (
	"fmt"
	"path/filepath"
	"time"
)

// scanned is the answer of scan --json.
type scanned struct {
	Findings []scanFinding `json:"findings"`
}

// scanFinding is one access key at one path. Absent is absent: a path for what
// stands in the message of a commit, an id for a secret by itself, a commit for
// what no commit has.
type scanFinding struct {
	Path        string     `json:"path,omitempty"`
	Line        int        `json:"line"`
	AccessKeyID string     `json:"access_key_id,omitempty"`
	Secret      bool       `json:"secret"` // stands there too
	Commit      string     `json:"commit,omitempty"`
	AuthorDate  *time.Time `json:"author_date,omitempty"`
	LastCommit  string     `json:"last_commit,omitempty"`
	Ours        bool       `json:"ours"`
	Key         string     `json:"key,omitempty"`
	State       string     `json:"state"` // active inactive deleted unknown
	Account     string     `json:"account,omitempty"`
	User        string     `json:"user,omitempty"` // of the account, where AWS tells
	Remedy      string     `json:"remedy,omitempty"`
}

func documents(found []*finding) []scanFinding {
	all := make([]scanFinding, 0, len(found))
	for _, f := range found {
		d := scanFinding{Path: filepath.ToSlash(f.path), Line: f.line, AccessKeyID: f.id, Secret: f.paired || f.id == "", Commit: f.commit, LastCommit: f.last,
			Ours: f.name != "", Key: f.name, State: f.state, Account: f.account, User: f.user, Remedy: f.remedy}
		if f.commit != "" {
			d.AuthorDate = &f.author
		}
		all = append(all, d)
	}
	return all
}

// show says the findings to a person.
func (s *scanning) show(found []*finding) {
	keys := map[string]bool{}
	for _, f := range found {
		keys[f.print] = true
		what := "a secret access key"
		switch {
		case f.id != "" && f.paired:
			what = short(f.id) + " with its secret"
		case f.id != "":
			what = short(f.id)
		}
		where := fmt.Sprintf("%s:%d", printable(s.tilde(f.path)), f.line)
		if f.path == "" {
			where = fmt.Sprintf("the message of %.12s", f.commit)
		}
		colour := red
		if f.state == stateDeleted || f.state == stateInactive {
			colour = ""
		}
		s.printf("%s  %s\n", where, s.paint(colour, what))
		if f.commit != "" && f.path != "" {
			s.printf("%s", wrapped(s.since(f), "    "))
		}
		s.printf("%s", wrapped(f.meaning(), "    "))
		if f.remedy != "" {
			s.printf("      %s\n", printable(f.remedy))
		}
		s.printf("\n")
	}
	switch {
	case s.staged && len(found) == 0: // git commit is not to be talkative
	case len(found) == 0:
		s.printf("no access key found in %s\n", s.search.extent())
	case s.staged:
		s.printf("%d access key%s would be committed\n", len(keys), plural(len(keys)))
	default:
		s.printf("%d access key%s in %d place%s (%s)\n", len(keys), plural(len(keys)), len(found), plural(len(found)), s.search.extent())
	}
}

func (s *scanning) paint(colour, text string) string {
	if colour == "" {
		return text
	}
	return s.colour(colour, text)
}

// since says from when to when git has had it.
func (s *scanning) since(f *finding) string {
	text := fmt.Sprintf("since commit %.12s of %s", f.commit, f.author.Format("2 Jan 2006"))
	switch {
	case f.still:
		text += ", and still there"
	case f.last != "":
		text += fmt.Sprintf(", last in %.12s", f.last)
	}
	return text
}
