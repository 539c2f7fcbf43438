package rotation_test

import (
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// What the search has found, told once more in few words.

// TestAnOrphanWaitsFromItsCreation: this machine's clock may be an hour slow, and
// nobody know it yet, when the orphan is named.
func TestAnOrphanWaitsFromItsCreation(t *testing.T) {
	slow := at(-time.Hour)
	slow.Known = false
	made := t0.Add(time.Second)
	a := rotation.Decide(creating(), listed(rotation.KeyInfo{ID: idX, Active: true, Created: made}), settings, slow)
	if a.Do != rotation.Save || a.Record.Victim == nil || a.Record.Victim.Since.Before(made) {
		t.Errorf("%s: %+v, made %v", a.Do, a.Record.Victim, made)
	}
}

// TestWhatUpdateDidNotFindIsNotDeletedAtOnce: the user was renamed between the
// proof and UpdateAccessKey, and an earlier one that nobody answered was carried
// out. The victim is Inactive for seconds, and must stay so for days.
func TestWhatUpdateDidNotFindIsNotDeletedAtOnce(t *testing.T) {
	r := draining()
	r.Victim.Decided = true
	r.Phase, r.Since = rotation.Deleting, t0
	inactive := []rotation.KeyInfo{{ID: idNew, Active: true}, {ID: idOld}}
	early := at(time.Minute)
	m := listed(inactive...)
	m.ListedAt = early.Local
	if a := rotation.Decide(r, m, settings, early); a.Do != rotation.Wait {
		t.Errorf("a List may come from the past, and it does %s", a.Do)
	}
	late := at(11 * time.Minute)
	m.ListedAt = late.Local
	if a := rotation.Decide(r, m, settings, late); a.Do != rotation.Save || a.Record.Phase != rotation.Draining || !a.Record.Victim.Decided {
		t.Errorf("%s of %s; it must be deactivated after all", a.Do, a.Record.Phase)
	}
	r.Victim.Why = rotation.Orphaned
	if a := rotation.Decide(r, m, settings, late); a.Do != rotation.Save || a.Record.Phase != rotation.Creating {
		t.Errorf("an orphan: %s of %s", a.Do, a.Record.Phase)
	}
}

// TestAFirstKeyFollowsItsRenamedUser: no version in use tells the new name.
func TestAFirstKeyFollowsItsRenamedUser(t *testing.T) {
	r := recs()["unborn-proving"]
	n := at(time.Minute)
	m := rotation.Memory{}
	a := rotation.Decide(r, m, settings, n)
	if a.Do != rotation.Prove {
		t.Fatalf("it begins with %s", a.Do)
	}
	const renamed = arn + "by"
	m = rotation.Observe(r, m, a, rotation.Outcome{Result: rotation.OK, Date: n.AWS(), ARN: renamed}, settings, n)
	n.Local = n.Local.Add(time.Minute)
	if a = rotation.Decide(r, m, settings, n); a.Do != rotation.Save || a.Record.User.ARN != renamed || a.Record.Phase != rotation.Proving {
		t.Errorf("%s of %s as %s", a.Do, a.Record.Phase, a.Record.User.ARN)
	}
}

// TestListsBeforeACreateSayNothingOfIt: the clock was set back between the intent
// and the request, so that a List was read first; then the request was executed
// late. Three Lists in a row must come after the request.
func TestListsBeforeACreateSayNothingOfIt(t *testing.T) {
	r := creating()
	m := rotation.Memory{Unsent: true}
	n := at(0)
	see := func(do rotation.Verb, o rotation.Outcome) {
		t.Helper()
		n.Local, n.Awake = n.Local.Add(20*time.Minute), n.Awake+20*time.Minute
		o.Date = n.AWS()
		m = rotation.Observe(r, m, rotation.Action{Do: do}, o, settings, n)
	}
	before := rotation.Outcome{Result: rotation.OK, Keys: []rotation.KeyInfo{{ID: r.Current.ID, Active: true}}}
	see(rotation.List, before)
	see(rotation.Create, rotation.Outcome{Result: rotation.Ambiguous})
	see(rotation.List, before)
	see(rotation.List, before)
	if a := rotation.Decide(r, m, settings, n); a.Do == rotation.Save {
		t.Errorf("it concludes, and only two Lists came after the request: %+v", a.Record)
	}
	see(rotation.List, before)
	if a := rotation.Decide(r, m, settings, n); a.Do != rotation.Save || a.Record.Phase != rotation.Steady {
		t.Errorf("three Lists have shown no key, and it does %s", a.Do)
	}
}

// TestRoundsThatAreNotInARowProveNothing: a replica that does not know the next
// version yet answers between two that do, so that three successes over the
// whole of prove are not three in a row.
func TestRoundsThatAreNotInARowProveNothing(t *testing.T) {
	r := recs()["proving"]
	m := rotation.Memory{}
	n := at(0)
	see := func(result rotation.Result) {
		t.Helper()
		n.Local, n.Awake = n.Local.Add(settings.Prove), n.Awake+settings.Prove
		m = rotation.Observe(r, m, rotation.Action{Do: rotation.Prove, Signer: *r.Next}, rotation.Outcome{Result: result, ARN: r.User.ARN, Date: n.AWS()}, settings, n)
	}
	for range 2 {
		see(rotation.OK)
		see(rotation.OK)
		see(rotation.Refused)
	}
	see(rotation.OK)
	n.Local, n.Awake = n.Local.Add(settings.Prove), n.Awake+settings.Prove
	if a := rotation.Decide(r, m, settings, n); a.Do == rotation.Save && a.Record.Phase == rotation.Draining {
		t.Error("it switches on rounds that were not in a row")
	}
	see(rotation.OK)
	see(rotation.OK)
	n.Local, n.Awake = n.Local.Add(time.Second), n.Awake+time.Second
	if a := rotation.Decide(r, m, settings, n); a.Do != rotation.Save || a.Record.Phase != rotation.Draining {
		t.Errorf("three in a row, and it does %s", a.Do)
	}
}

// TestASetClockMakesNoTime: Lists must agree for as long as one may come from the
// past, and a clock that is set to an hour later is no hour.
func TestASetClockMakesNoTime(t *testing.T) {
	r, m, n := creating(), rotation.Memory{}, at(time.Minute)
	for i := range 4 {
		if a := rotation.Decide(r, m, settings, n); a.Do != rotation.List {
			t.Fatalf("after %d Lists: %s", i, describe(a))
		}
		m = rotation.Observe(r, m, rotation.Action{Do: rotation.List}, rotation.Outcome{Result: rotation.OK, Date: n.AWS(), Keys: []rotation.KeyInfo{{ID: idOld, Active: true}}}, settings, n)
		n.Local, n.Awake = n.Local.Add(time.Hour), n.Awake+time.Second
	}
}
