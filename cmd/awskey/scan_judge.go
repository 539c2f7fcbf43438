package main

import (
	"context"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// How an access key stands at AWS, as far as is known without asking.
const (
	stateActive   = "active"
	stateInactive = "inactive"
	stateDeleted  = "deleted"
	stateUnknown  = "unknown"
)

// judge says of each finding whether it is ours, and what to type.
func (s *scanning) judge(ctx context.Context, found []*finding) error {
	if len(found) == 0 {
		return nil
	}
	ours := s.ours(context.WithoutCancel(ctx))
	for _, f := range found {
		if k, yes := ours[f.id]; yes && f.id != "" {
			f.name, f.state = k.name, k.state
		} else {
			f.state = stateUnknown
		}
	}
	var err error
	if s.check {
		err = s.ask(ctx, found)
	}
	for _, f := range found {
		f.remedy = s.remedyOf(f)
	}
	return err
}

// version is one access key that the daemon holds, or has held.
type version struct{ name, state string }

// ours are all of them by id. Without a daemon nothing is known of them.
func (s *scanning) ours(ctx context.Context) map[string]version {
	all := map[string]version{}
	status, err := s.daemon.Status(ctx)
	if err == nil {
		var past []api.Event
		if past, err = s.daemon.History(ctx, "", 0); err == nil {
			for _, e := range past {
				if e.Event == "deleted" && e.AccessKeyID != "" {
					all[e.AccessKeyID] = version{e.Key, stateDeleted}
				}
			}
		}
	}
	if err != nil {
		s.note("which of them are ours is not known: %v", err)
	}
	for _, k := range status.Keys {
		if k.AccessKeyID != "" {
			all[k.AccessKeyID] = version{k.Name, stateActive}
		}
		if k.Next != nil {
			all[k.Next.AccessKeyID] = version{k.Name, stateActive}
		}
		if k.Previous != nil {
			state := stateActive
			if k.Previous.Status == "Inactive" {
				state = stateInactive
			}
			all[k.Previous.AccessKeyID] = version{k.Name, state}
		}
	}
	return all
}

// remedyOf is what to type, or nothing.
func (s *scanning) remedyOf(f *finding) string {
	switch {
	case s.staged:
		return "git reset -- " + quoteWord(f.path)
	case f.state == stateDeleted:
		return ""
	case f.name != "" && f.state == stateInactive:
		return "awskey status " + f.name
	case f.name != "":
		return "awskey rotate " + f.name + " --leaked"
	case f.id == "" || strings.HasPrefix(f.id, "ASIA"):
		return ""
	case f.user != "" && !f.paired && f.state == stateActive:
		return "aws iam update-access-key --user-name " + quoteWord(f.user) + " --status Inactive --access-key-id " + f.id
	case f.asked == refusedByAWS, f.account != "" && !f.paired, f.user != "" && f.state == stateInactive:
		return ""
	case !f.paired:
		return "aws sts get-access-key-info --access-key-id " + f.id
	case f.path == "":
		return ""
	default:
		return "awskey add NAME --from " + quoteWord(f.from.String())
	}
}

// meaning is what a finding is to its reader, in a few words.
func (f *finding) meaning() string {
	switch {
	case f.state == stateDeleted:
		return "it was " + f.name + "'s and is deleted at AWS: nothing to fear"
	case f.name != "" && f.state == stateInactive:
		return "it is " + f.name + "'s, inactive already, and will be deleted"
	case f.name != "" && f.staged:
		return "it is " + f.name + "'s and works: keep it out of the commit"
	case f.name != "":
		return "it is " + f.name + "'s and works: give it no grace"
	case f.staged:
		return "keep it out of the commit"
	case strings.HasPrefix(f.id, "ASIA"):
		return "it is temporary and ends by itself, 36 hours after it was made at the latest"
	case f.id == "":
		return "the id that goes with it stands elsewhere"
	case f.account != "", f.asked != "":
		return f.atAWS()
	case !f.paired:
		return "not ours, and no secret stands near: this tells whose account it is of"
	case f.path == "":
		return "not ours: take it in with awskey add, which proves it"
	case f.now:
		return "not ours: take it in, and out of the file"
	default:
		return "not ours: take it in"
	}
}

// atAWS is what AWS has told.
func (f *finding) atAWS() string {
	whose := "not ours"
	switch {
	case f.user != "":
		whose += ": of the IAM user " + f.user + " in account " + f.account
	case f.account != "":
		whose += ": of account " + f.account
	}
	switch f.state {
	case stateActive:
		return whose + ", and it works"
	case stateInactive:
		return whose + ", and it is inactive"
	default:
		return whose + "; " + f.asked
	}
}

// quoteWord is a word as a shell reads it.
func quoteWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,+=@%", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
