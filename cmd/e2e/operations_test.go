//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
)

// operation is something that a person or the daemon does to a key, so written
// that it can be begun anew wherever it was cut short.
type operation struct {
	name     string
	settings string   // of the rotation; empty is swift
	bare     bool     // alice's key is not taken in yet
	breaks   bool     // clients are refused: a person wants the key to end now
	gone     bool     // no key is served in the end
	failing  bool     // the keyring's faults are tried on it
	slow     bool     // left out of a quick run
	also     []string // beginnings of points: all their passings count, not only what no operation before has passed
	timed    []string // points that time alone brings about: no other operation can count on them
	prepare  func(*stage)
	// step looks how things stand and does what a person would do next. It says
	// what is missing; nothing when it is over. While there is no daemon it
	// misses that.
	step func(*stage) (missing string)
}

// operations are in the order in which they take the points: a rotation first.
func operations() []operation {
	return []operation{
		{name: "rotate", failing: true, also: []string{"store.slot.", "note."}, step: rotates},
		{
			name: "create without an answer", also: []string{"key.saved.", "aws.answered."},
			prepare: func(s *stage) {
				s.aws.SetScript(awstest.Rules(awstest.Rule{Action: "CreateAccessKey", Nth: 1, Fault: awstest.LoseReply()}))
			},
			step: rotates,
		},
		{name: "roll back", settings: strings.Replace(swift, `monitor = "300ms"`, `monitor = "5s"`, 1), also: []string{"key.saved.", "aws.answered."}, step: rollsBack},
		{name: "end a leaked key", also: []string{"key.saved.", "aws.answered."}, breaks: true, step: endsLeaked},
		{name: "current key dead", settings: strings.Replace(swift, `grace = "1s"`, `grace = "20s"`, 1), breaks: true, slow: true, step: survives},
		{name: "make a user's first key", also: []string{"key.saved.", "aws.answered."}, prepare: promoted, step: makesFirst},
		{name: "end a second key", also: []string{"key.saved."}, prepare: secondKey, step: endsSecondKey},
		{name: "move in", bare: true, also: []string{"init.", "awsfiles."}, prepare: messyHome, step: movesIn},
		{name: "move out", also: []string{"eject.", "awsfiles.", "set."}, gone: true, prepare: pointedHome, step: movesOut},
		{name: "move out while a new key is proved", settings: slowProof, also: []string{"eject.", "key.saved."}, gone: true, prepare: provingHome, step: movesOut},
		{name: "add", failing: true, also: []string{"store.slot."}, bare: true, step: adds},
		{name: "add to a full page", also: []string{"store.slot.", "store.index."}, bare: true, slow: true, prepare: fillPage, step: adds},
		{name: "rename", failing: true, also: []string{"store.slot."}, step: renames},
		{name: "remove", failing: true, also: []string{"store.slot."}, gone: true, step: removes},
		{name: "move to the keyring", failing: true, also: []string{"store.slot.", "store.move."}, prepare: keyringThere, step: moves},
		{name: "take over", prepare: fromElsewhere, step: takesOver},
		{name: "prove the key in use", timed: []string{"aws.asking.check", "aws.answered.check"}, step: checks},
		{name: "start", prepare: func(s *stage) { s.d.stop() }, step: starts},
		{name: "stop", step: stops},
		{name: "lock and unlock", step: locks},
		{name: "stop with a key that cannot be stored", slow: true, prepare: failAfterCreation, step: stopsUnstored},
	}
}

// says describes how far a key is.
func (s *stage) says() string {
	k, err := s.h.key("work")
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("the key is %s as %s, IAM has %v", k.Phase, short(k.AccessKeyID), s.aws.Keys("alice"))
	if k.Hold != nil {
		text += "; held: " + k.Hold.Text
	}
	return text
}

func rotates(s *stage) string {
	k, err := s.h.key("work")
	switch {
	case err != nil || k.Phase != "steady":
	case k.AccessKeyID == s.old:
		s.h.awskey("rotate", "work")
	case len(s.aws.Keys("alice")) == 1:
		return ""
	}
	return s.says()
}

// rollsBack rotates, goes back once the old key is Inactive, and stays there.
func rollsBack(s *stage) string {
	k, err := s.h.key("work")
	switch {
	case err != nil:
	case k.Hold != nil && k.Hold.Code == "rolled-back":
		s.rolledBack = true
		s.h.awskey("resolve", "work", "keep")
	case k.Phase == "monitoring" && !s.rolledBack:
		s.h.awskey("rollback", "work")
	case k.Phase != "steady":
	case !s.rolledBack:
		s.h.awskey("rotate", "work")
	case len(s.aws.Keys("alice")) == 1:
		return ""
	}
	return s.says()
}

func endsLeaked(s *stage) string {
	if k, err := s.h.key("work"); err == nil && k.Phase == "steady" && k.AccessKeyID == s.old {
		s.h.awskey("rotate", "work", "--leaked", "--yes")
		return s.says()
	}
	return rotates(s)
}

// survives rotates, sees the new key made Inactive by somebody's hand, and goes
// back to the old one when the daemon has found out.
func survives(s *stage) string {
	k, err := s.h.key("work")
	switch {
	case err != nil:
	case k.Hold != nil && k.Hold.Code == "current-dead":
		s.rolledBack = true
		s.h.awskey("resolve", "work", "rollback")
	case k.Phase == "draining" && !s.rolledBack && k.AccessKeyID != s.old:
		s.aws.SetStatus(k.AccessKeyID, awstest.Inactive)
	case k.Phase != "steady":
	case !s.rolledBack:
		s.h.awskey("rotate", "work")
	case len(s.aws.Keys("alice")) == 1:
		return ""
	}
	return s.says()
}

// promoted lets alice make the access keys of others.
func promoted(s *stage) {
	s.aws.SetPolicy("alice", awstest.Manager())
	s.aws.CreateUser("carol", "", awstest.Rotator())
}

func makesFirst(s *stage) string {
	k, err := s.h.key("carol")
	left := s.aws.Keys("carol")
	switch {
	case err != nil:
		return "asked for again, having failed for " + s.h.awskey("add", "carol", "--create", "--with", "work").stderr
	case k.Phase == "steady" && k.AccessKeyID != "" && len(left) == 1 && left[0].ID == k.AccessKeyID:
		return ""
	}
	return fmt.Sprintf("carol's key is %s as %s, IAM has %v", k.Phase, short(k.AccessKeyID), left)
}

func secondKey(s *stage) {
	id, _ := s.aws.IssueKey("alice")
	s.allowed = append(s.allowed, id)
}

// endsSecondKey lets the daemon end a key that it does not know.
func endsSecondKey(s *stage) string {
	if k, err := s.h.key("work"); err == nil && k.Hold != nil && k.Hold.Code == "second-key" {
		s.h.awskey("resolve", "work", "delete-it")
	}
	return rotates(s)
}

func adds(s *stage) string {
	if r := s.h.add("work", s.old, s.secret); r.exit != exitDone {
		return r.stderr
	}
	return ""
}

// fillPage takes in as many keys as one page of the index names.
func fillPage(s *stage) {
	const perPage = 27
	for i := range perPage {
		user := fmt.Sprintf("user%d", i)
		s.aws.CreateUser(user, "", awstest.Rotator())
		id, secret := s.aws.IssueKey(user)
		s.h.mustAdd(user, id, secret)
	}
}

func renames(s *stage) string {
	s.profile = "job"
	if _, err := s.h.key("job"); err == nil {
		return ""
	}
	return s.h.awskey("rename", "work", "job").stderr
}

func removes(s *stage) string {
	r := s.h.awskey("remove", "work", "--yes")
	if r.exit == exitUnknown {
		return ""
	}
	return "it is still there: " + r.stderr
}

// fromElsewhere lets another machine have written the record.
func fromElsewhere(s *stage) {
	s.t.Helper()
	s.d.stop()
	s.h.withItems(func(items store.Items) {
		elsewhere := store.New(items, store.Identity{Machine: "elsewhere", Instance: "other"})
		r, err := elsewhere.Load(context.Background(), "work")
		if err == nil {
			err = elsewhere.TakeOver(context.Background(), "work", r.Payload)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	})
	s.d = s.h.start()
}

func takesOver(s *stage) string {
	k, err := s.h.key("work")
	switch {
	case err == nil && k.Phase == "steady":
		return ""
	case err == nil && k.Hold != nil && k.Hold.Code == "other-machine":
		s.h.awskey("resolve", "work", "take-over")
	}
	return s.says()
}

// checks waits until the daemon has once more proved the version in use, which
// it does every few seconds against an emulator.
func checks(s *stage) string {
	done := strings.Count(s.h.log(), "action=check")
	if s.checks == 0 {
		s.checks = done + 1
	}
	if done >= s.checks {
		return ""
	}
	return "it has not proved its key since: " + s.says()
}

func starts(s *stage) string {
	if s.d.over() {
		s.d = s.h.launch()
	}
	if r := s.h.helper("work"); r.exit != exitDone {
		return r.stderr
	}
	return ""
}

func stops(s *stage) string {
	if !s.d.over() && !s.calm.Load() {
		s.told.Do(func() { s.d.signal(syscall.SIGTERM) }) // a second one would end it at once
		return "it is not over"
	}
	return ""
}

// locks locks the store until that is confirmed once, and unlocks it.
func locks(s *stage) string {
	if !s.wasLocked {
		r := s.h.awskey("lock")
		s.wasLocked = r.exit == exitDone
		return "it is not locked: " + r.stderr
	}
	if r := s.h.awskey("unlock"); r.exit != exitDone {
		return "it is not unlocked: " + r.stderr
	}
	if r := s.h.helper("work"); r.exit != exitDone {
		return r.stderr
	}
	return ""
}

// failAfterCreation lets the keyring refuse every write from the moment on in
// which AWS has made the new key.
func failAfterCreation(s *stage) {
	s.aws.SetHook(func(_ context.Context, m awstest.Moment, c awstest.Call) {
		if m == awstest.Executed && c.Action == "CreateAccessKey" && !s.calm.Load() {
			s.steer("keychain.setting 1-9999 error " + lockedForWriting)
		}
	})
}

// stopsUnstored ends the daemon as a person does while it holds a key that it
// cannot store, and lets the next one go on.
func stopsUnstored(s *stage) string {
	text, _ := os.ReadFile(s.h.path(".local/state/awskeyd/created")) // none yet
	switch {
	case s.d.killed():
		return "it was killed"
	case s.d.over() && s.calm.CompareAndSwap(false, true): // it has ended by itself
		s.h.steer()
		s.d = s.h.start()
	case s.d.over():
	case !s.calm.Load() && strings.TrimSpace(string(text)) != "":
		return stops(s)
	}
	return rotates(s)
}

// keyringThere starts a keyring beside the file store.
func keyringThere(s *stage) {
	s.t.Helper()
	s.d.stop()
	gnomeKeyring(s.t, s.h)
	s.d = s.h.start()
}

// moves takes all keys to the keyring, until nothing of them is left in the file
// store.
func moves(s *stage) string {
	status, err := ask(s.h, func(ctx context.Context, c *api.Client) (api.Status, error) { return c.Status(ctx) })
	if err != nil {
		return err.Error()
	}
	if at := status.Daemon.Store; at.Backend != keychain.SecretService || at.State != "ready" {
		r := s.h.awskey("store", "migrate", keychain.SecretService, "--yes")
		return fmt.Sprintf("the keys are in %+v; asked for again: %d %q", at, r.exit, r.stderr)
	}
	for _, w := range status.Warnings {
		if strings.HasPrefix(w.Code, "store-") {
			return w.Text + "; asked for again: " + s.h.awskey("store", "migrate", keychain.SecretService).stderr
		}
	}
	for _, item := range []string{"work.a", "work.b"} {
		if _, err := os.Stat(s.h.path(".local/share/awskeyd/keys/awskeyd." + item)); err == nil {
			return item + " is still in the file store"
		}
	}
	text, _ := os.ReadFile(s.h.path(".config/awskeyd/config.toml"))
	if !strings.Contains(string(text), keyringStore) {
		s.t.Errorf("the configuration says %q", text)
	}
	return ""
}
