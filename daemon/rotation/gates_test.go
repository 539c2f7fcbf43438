package rotation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

const arn = "arn:aws:iam::123456789012:user/eng/bob"

var settings = rotation.Settings{
	Every: 75 * 24 * time.Hour, TTL: time.Hour, Prove: time.Minute, Settle: 20 * time.Minute,
	Grace: 24 * time.Hour, ImportedGrace: 7 * 24 * time.Hour, Monitor: 7 * 24 * time.Hour,
}

var t0 = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func version(id string) rotation.Version {
	return rotation.Version{ID: id, Secret: secret.New("secret of " + id), Created: t0}
}

const (
	idOld = "AKIAOLDOLDOLDOLDOLD1"
	idNew = "AKIANEWNEWNEWNEWNEW1"
	idX   = "AKIAXXXXXXXXXXXXXXX1"
)

// draining is a key at its switch at t0.
func draining() rotation.Record {
	old := version(idOld)
	r := rotation.New(rotation.User{ARN: arn}, version(idNew), "", settings.TTL, t0)
	r.Phase, r.Previous = rotation.Draining, &old
	r.Victim = &rotation.Victim{ID: idOld, Why: rotation.Rotated, Since: t0}
	r.Switched, r.Stopped, r.DeactivateAt, r.PatientAt = t0, t0, t0.Add(settings.Grace), t0.Add(settings.ImportedGrace)
	return r
}

func at(d time.Duration) rotation.Now {
	return rotation.Now{Local: t0.Add(d), Known: true, LockTaken: t0.Add(-time.Hour)}
}

func lastUsed(d time.Duration, read time.Duration) rotation.Memory {
	return rotation.Memory{Evidence: &rotation.Outcome{Result: rotation.OK, Used: t0.Add(d), Where: "s3 in eu-west-1"}, EvidenceAt: t0.Add(read)}
}

// TestGatesOfDraining moves one thing at a time across each gate.
func TestGatesOfDraining(t *testing.T) {
	day := 24 * time.Hour
	soon := settings
	soon.Grace = settings.TTL + settings.Settle
	short := draining()
	short.DeactivateAt = t0.Add(soon.Grace)
	decided := draining()
	decided.Victim.Decided = true
	quiet := rotation.Memory{Evidence: &rotation.Outcome{Result: rotation.OK}, EvidenceAt: t0.Add(day)}
	fresh := rotation.Memory{Fresh: true, FreshAt: t0.Add(day), Survivor: true}
	handedOut := at(day)
	handedOut.HandedOut = t0.Add(day + 30*time.Minute)
	restarted := at(day)
	restarted.LockTaken = t0.Add(day - time.Minute)
	unknown := at(day)
	unknown.Known = false
	skewed := at(day)
	skewed.Offset = -6 * time.Minute
	jumped := at(-2 * time.Hour)

	for _, c := range []struct {
		name string
		r    rotation.Record
		m    rotation.Memory
		n    rotation.Now
		want string
	}{
		{"before the grace ends", draining(), lastUsed(0, 0), at(day - time.Second), "wait grace"},
		{"after it, evidence is asked", draining(), rotation.Memory{}, at(day), "look"},
		{"evidence from before the gate is asked again", draining(), lastUsed(0, day-time.Second), at(day), "look"},
		{"no use since", draining(), lastUsed(time.Hour, day), at(day), "save draining"},
		{"used within its leases and the grain", draining(), lastUsed(time.Hour+15*time.Minute, day), at(day), "save draining"},
		{"used after its leases", draining(), lastUsed(time.Hour+16*time.Minute, day), at(day), "save held used-elsewhere"},
		{"no evidence waits the imported grace", draining(), quiet, at(day), "wait evidence"},
		{"then asks again", draining(), quiet, at(7 * day), "look"},
		{"a short grace waits until last-used data can be true", short, rotation.Memory{}, at(soon.Grace), "wait evidence"},
		{"a lease given later counts", draining(), lastUsed(0, day), handedOut, "wait leases"},
		{"a decision does not open that gate", decided, fresh, handedOut, "wait leases"},
		{"a restart starts the leases anew", decided, fresh, restarted, "wait leases"},
		{"the clock is asked before a gate opens", draining(), lastUsed(0, day), unknown, "prove"},
		{"a doubtful clock keeps gates shut", draining(), lastUsed(0, day), skewed, "wait clock"},
		{"a clock that jumped back holds", draining(), lastUsed(0, day), jumped, "save held clock"},
		{"the record is read again first", decided, rotation.Memory{}, at(day), "reload"},
		{"the survivor proves itself", decided, rotation.Memory{Fresh: true, FreshAt: t0.Add(day)}, at(day), "prove"},
		{"and only then", decided, fresh, at(day), "deactivate"},
	} {
		if got := describe(rotation.Decide(c.r, c.m, settings, c.n)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func describe(a rotation.Action) string {
	words := []string{string(a.Do)}
	if a.Do == rotation.Wait {
		words = append(words, string(a.Why))
	}
	if a.Do == rotation.Save {
		words = append(words, string(a.Record.Phase))
		if a.Record.Hold != nil {
			words = append(words, string(a.Record.Hold.Code))
		}
	}
	return strings.Join(words, " ")
}

// creating is a process that begins in the middle of CreateAccessKey.
func creating() rotation.Record {
	r := rotation.New(rotation.User{ARN: arn}, version(idOld), "", settings.TTL, t0.Add(-80*24*time.Hour))
	r.Phase, r.Intent = rotation.Creating, &rotation.Intent{At: t0, Seen: []string{idOld}}
	return r
}

func listed(rows ...rotation.KeyInfo) rotation.Memory {
	return rotation.Memory{Listed: &rotation.Outcome{Result: rotation.OK, Keys: append(rows, rotation.KeyInfo{ID: idOld, Active: true})}, ListedAt: t0.Add(time.Hour)}
}

func TestWhoseKeyIsIt(t *testing.T) {
	key := func(d time.Duration) rotation.KeyInfo {
		return rotation.KeyInfo{ID: idX, Active: true, Created: t0.Add(d)}
	}
	noted := at(time.Hour)
	noted.Noted = []string{idX}
	asked := creating()
	asked.Phase, asked.Intent, asked.Asked = rotation.Steady, nil, true
	unborn := rotation.NewUnborn(rotation.User{ARN: arn}, "boss", "", settings.TTL, t0)
	for _, c := range []struct {
		name string
		r    rotation.Record
		m    rotation.Memory
		n    rotation.Now
		want string
		id   string
	}{
		{"made in the intent's second", creating(), listed(key(0)), at(time.Hour), "save creating", idX},
		{"made within the time limit", creating(), listed(key(2 * time.Minute)), at(time.Hour), "save creating", idX},
		{"made before the intent", creating(), listed(key(-time.Second)), at(time.Hour), "save held second-key", ""},
		{"made long after it", creating(), listed(key(3 * time.Minute)), at(time.Hour), "save held second-key", ""},
		{"noted, whatever its date", creating(), listed(key(-time.Hour)), noted, "save creating", idX},
		{"noted, although the record forgot", asked, listed(key(-time.Hour)), noted, "save creating", idX},
		{"not noted, and the record knows nothing", asked, listed(key(0)), at(time.Hour), "save held second-key", ""},
		{"one of two is noted", creating(), listed(rotation.KeyInfo{ID: idNew, Created: t0.Add(-time.Hour)}, key(0)), noted, "save creating", idX},
		{"an unborn's own, beside no other", unborn, listed(key(0)), noted, "save creating", idX},
		{"two unknown", creating(), listed(key(0), rotation.KeyInfo{ID: idNew, Created: t0}), at(time.Hour), "save held second-key", ""},
		{"none yet: one List is not enough", creating(), listed(), at(time.Hour), "list", ""},
	} {
		a := rotation.Decide(c.r, c.m, settings, c.n)
		if got := describe(a); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if v := a.Record.Victim; c.id != "" && (v == nil || v.ID != c.id || v.Why != rotation.Orphaned || v.Decided) {
			t.Errorf("%s: the victim is %+v", c.name, v)
		}
	}
}

// TestAClearNoEndsTheAttempt holds each answer to CreateAccessKey against what
// may be concluded from it.
func TestAClearNoEndsTheAttempt(t *testing.T) {
	for result, want := range map[rotation.Result]string{
		rotation.Throttled: "save steady", rotation.Rejected: "save steady", rotation.NotSent: "save steady", rotation.Full: "save steady", rotation.Refused: "save steady",
		rotation.Denied: "save held access-denied", rotation.Missing: "save held user-gone",
		rotation.Ambiguous: "list",
	} {
		r, n := creating(), at(time.Second)
		m := rotation.Memory{Unsent: true}
		a := rotation.Decide(r, m, settings, n)
		if a.Do != rotation.Create {
			t.Fatalf("the request is not sent: %s", describe(a))
		}
		m = rotation.Observe(r, m, a, rotation.Outcome{Result: result}, settings, n)
		a = rotation.Decide(r, m, settings, n)
		if got := describe(a); got != want {
			t.Errorf("after %s: %s, want %s", result, got, want)
		}
		if want == "save steady" && !a.Record.NotBefore.After(n.Local) {
			t.Errorf("after %s it tries again at once", result)
		}
	}
	if a := rotation.Decide(creating(), rotation.Memory{Unsent: true}, settings, at(time.Minute)); describe(a) != "save steady" {
		t.Errorf("an intent that is a minute old is acted on: %s", describe(a))
	}
}

func TestPersonsRequests(t *testing.T) {
	steady := rotation.New(rotation.User{ARN: arn}, version(idOld), "", settings.TTL, t0)
	asked, err := rotation.Rotate(steady, settings, false)
	if err != nil || describe(rotation.Decide(asked, rotation.Memory{}, settings, at(time.Minute))) != "list" {
		t.Errorf("a rotation asked for does not begin: %v", err)
	}
	if a := rotation.Decide(rotation.Pause(asked), rotation.Memory{}, settings, at(time.Minute)); describe(a) != "wait person" {
		t.Errorf("a paused key does %s", describe(a))
	}
	if _, err := rotation.Rotate(rotation.Resume(rotation.Pause(steady)), settings, false); err != nil {
		t.Errorf("after resume: %v", err)
	}
	if _, err := rotation.Rotate(draining(), settings, false); err == nil {
		t.Error("a second rotation begins while one is under way")
	}
	held := rotation.Decide(creating(), listed(rotation.KeyInfo{ID: idX, Created: t0.Add(-time.Hour)}), settings, at(time.Hour)).Record
	if _, err := rotation.Resolve(held, "rollback", settings, at(time.Hour)); err == nil || !strings.Contains(err.Error(), "wait, delete-it") {
		t.Errorf("a wrong choice is answered with %v", err)
	}
	deleting, err := rotation.Resolve(held, "delete-it", settings, at(time.Hour))
	if err != nil || deleting.Victim == nil || deleting.Victim.ID != idX {
		t.Fatalf("delete-it: %v %+v", err, deleting.Victim)
	}
	if a := rotation.Decide(deleting, rotation.Memory{Fresh: true, FreshAt: t0.Add(time.Hour), Survivor: true}, settings, at(time.Hour)); a.Do != rotation.Deactivate || a.Target != idX {
		t.Errorf("after delete-it: %s", describe(a))
	}
	if _, err := rotation.Resolve(steady, "retry", settings, at(0)); err == nil {
		t.Error("a key that is not held is resolved")
	}
}

func TestDueFollowsFromTheRecordAlone(t *testing.T) {
	r := rotation.New(rotation.User{ARN: arn}, version(idOld), "", settings.TTL, t0)
	due := rotation.Due(r, settings)
	if early, late := t0.Add(settings.Every), t0.Add(settings.Every+24*time.Hour); due.Before(early) || due.After(late) {
		t.Errorf("due %s is not in [%s, %s]", due, early, late)
	}
	cron := settings
	cron.Schedule = "0 10 1 */2 *"
	first := time.Date(2026, 7, 1, 10, 0, 0, 0, time.Local)
	if due := rotation.Due(r, cron); due.Before(first) || !due.Before(first.Add(time.Hour)) {
		t.Errorf("by cron due at %s, want within an hour of %s", due, first)
	}
	cron.Schedule = "* * * * *"
	if due := rotation.Due(r, cron); due.Before(t0.Add(24 * time.Hour)) {
		t.Errorf("a cron schedule rotates twice within a day: %s", due)
	}
}
