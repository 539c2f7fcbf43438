package rotation_test

import (
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// TestEachChangeOfIAMIsGuardedAnew: Reload, then a proof made after it, stand
// before each Deactivate and Delete, and any trouble starts both anew, but for a
// plea for patience that is over within a minute: to ask for everything again
// would keep a small bucket of calls empty for ever.
func TestEachChangeOfIAMIsGuardedAnew(t *testing.T) {
	for name, r := range map[string]rotation.Record{"draining": recs()["draining-decided"], "deleting": recs()["deleting"]} {
		n := at(9 * 24 * time.Hour)
		m := rotation.Memory{}
		fresh, proven, changes, tries := false, false, 0, 0
		for range 200 {
			a := rotation.Decide(r, m, settings, n)
			if a.Do == rotation.Wait {
				n.Local = a.Until
				continue
			}
			o := rotation.Outcome{Result: rotation.OK, Date: n.AWS(), ARN: arn}
			switch a.Do {
			case rotation.Reload:
				fresh, proven = true, false
			case rotation.Prove:
				if tries++; tries == 1 {
					o.Result = rotation.NotSent
					fresh, proven = false, false
				} else if tries == 2 {
					o.ARN = "arn:aws:iam::123456789012:user/other"
					fresh, proven = false, false
				} else {
					proven = fresh
				}
			case rotation.List:
				o.Keys = []rotation.KeyInfo{{ID: idNew, Active: true}, {ID: idOld}}
			case rotation.Deactivate, rotation.Delete:
				if !fresh || !proven {
					t.Fatalf("%s: %s with fresh=%v proven=%v", name, a.Do, fresh, proven)
				}
				switch changes++; changes {
				case 1:
					o.Result = rotation.NotSent
					fresh, proven = false, false
				case 2:
					o.Result = rotation.Throttled
				}
			}
			m = rotation.Observe(r, m, a, o, settings, n)
			if changes == 3 {
				break
			}
		}
		if changes != 3 {
			t.Errorf("%s: %d changes", name, changes)
		}
	}
}

// TestListsThatCannotBeActedOn: from the past, or with the current version gone.
func TestListsThatCannotBeActedOn(t *testing.T) {
	cur, gone := rotation.KeyInfo{ID: idNew, Active: true}, rotation.KeyInfo{ID: idOld}
	r := recs()["steady-due"]
	r.Ended = []string{idOld}
	for name, rows := range map[string][]rotation.KeyInfo{
		"shows what we ended": {cur, gone}, "current inactive": {{ID: idNew}}, "current missing": {}, "an empty past": nil,
	} {
		a := rotation.Action{Do: rotation.List}
		m := rotation.Observe(r, rotation.Memory{Doubt: true}, a, rotation.Outcome{Result: rotation.OK, Keys: rows, Date: t0}, settings, at(0))
		if m.Listed != nil || !m.Doubt || !m.RetryAt.After(t0) {
			t.Errorf("%s: taken for true", name)
		}
	}
}

// TestDoubtAsksIAMFirst in each phase that could change something.
func TestDoubtAsksIAMFirst(t *testing.T) {
	for name, r := range recs() {
		if r.Phase == rotation.Held {
			continue
		}
		n := at(9 * 24 * time.Hour)
		if a := rotation.Decide(r, rotation.Memory{Doubt: true, Fresh: true, FreshAt: n.Local, Survivor: true, Unsent: true}, settings, n); a.Do != rotation.List {
			t.Errorf("%s in doubt: %s", name, describe(a))
		}
		m := rotation.Observe(r, rotation.Memory{Doubt: true}, rotation.Action{Do: rotation.Save, Record: r}, rotation.Outcome{Result: rotation.OK}, settings, n)
		if !m.Doubt {
			t.Errorf("%s: a write ends the doubt", name)
		}
	}
}

// TestNothingIsConcludedTooSoon: Lists that agree, and the time between them.
func TestNothingIsConcludedTooSoon(t *testing.T) {
	cur := rotation.KeyInfo{ID: idOld, Active: true}
	n := at(time.Hour)
	m := rotation.Memory{}
	r := creating()
	lists, began := 0, n.Local
	for range 50 {
		a := rotation.Decide(r, m, settings, n)
		if a.Do == rotation.Save {
			if lists < 3 || n.Local.Sub(began) < 10*time.Minute {
				t.Errorf("no orphan after %d Lists in %s", lists, n.Local.Sub(began))
			}
			break
		}
		if a.Do == rotation.Wait {
			n.Local = a.Until
			continue
		}
		lists++
		m = rotation.Observe(r, m, a, rotation.Outcome{Result: rotation.OK, Keys: []rotation.KeyInfo{cur}, Date: n.AWS()}, settings, n)
	}
	// deleting, not deleted by this process: gone only after as long
	d := recs()["deleting"]
	n, m, lists = at(9*24*time.Hour), rotation.Memory{Fresh: true}, 0
	began = n.Local
	for range 50 {
		a := rotation.Decide(d, m, settings, n)
		if a.Do == rotation.Save {
			if lists < 3 || n.Local.Sub(began) < 10*time.Minute {
				t.Errorf("gone after %d Lists in %s", lists, n.Local.Sub(began))
			}
			break
		}
		if a.Do == rotation.Wait {
			n.Local = a.Until
			continue
		}
		lists++
		m = rotation.Observe(d, m, a, rotation.Outcome{Result: rotation.OK, Keys: []rotation.KeyInfo{{ID: idNew, Active: true}}, Date: n.AWS()}, settings, n)
	}
}

// TestGatesOfMonitoring and of deleting an Active key.
func TestGatesOfMonitoring(t *testing.T) {
	day := 24 * time.Hour
	base := recs()["monitoring"] // deactivated at -8d, to be deleted at -1d, 30 h awake
	asleep := base
	asleep.Awake = 23 * time.Hour
	late := base
	late.DeactivatedAt, late.DeleteAt = t0.Add(-time.Hour), t0.Add(-time.Minute)
	seen := func(used, read time.Duration) rotation.Memory {
		return rotation.Memory{Evidence: &rotation.Outcome{Result: rotation.OK, Used: t0.Add(used)}, EvidenceAt: t0.Add(read)}
	}
	skewed := at(0)
	skewed.Offset = 6 * time.Minute
	fast := skewed
	fast.Offset = -6 * time.Minute
	for _, c := range []struct {
		name string
		r    rotation.Record
		m    rotation.Memory
		n    rotation.Now
		want string
	}{
		{"asleep", asleep, seen(-9*day, 0), at(0), "wait awake"},
		{"the look is 4 h late", late, seen(-9*day, 0), at(0), "wait monitor"},
		{"a look of two hours ago", base, seen(-9*day, -2*time.Hour), at(0), "look"},
		{"quiet", base, seen(-9*day, -time.Minute), at(0), "save deleting"},
		{"used since", base, seen(-7*day, -time.Minute), at(0), "save held auth-failures"},
		{"clock", base, seen(-9*day, -time.Minute), skewed, "wait clock"},
		{"clock, other side", base, seen(-9*day, -time.Minute), fast, "wait clock"},
	} {
		if got := describe(rotation.Decide(c.r, c.m, settings, c.n)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	// awake time counts from the last write, not from the process's start
	n := at(0)
	n.Awake = 20 * time.Hour
	m := rotation.Observe(base, rotation.Memory{}, rotation.Action{Do: rotation.Save, Record: asleep}, rotation.Outcome{Result: rotation.OK}, settings, n)
	if m.AwakeMark != n.Awake {
		t.Error("the awake time before the write counts twice")
	}
}

func TestGatesOfAnOrphan(t *testing.T) {
	day := 24 * time.Hour
	r := creating()
	r.Victim = &rotation.Victim{ID: idX, Why: rotation.Orphaned, Since: t0}
	never := func(read time.Duration) rotation.Memory {
		return rotation.Memory{Evidence: &rotation.Outcome{Result: rotation.OK}, EvidenceAt: t0.Add(read)}
	}
	denied := rotation.Memory{Evidence: &rotation.Outcome{Result: rotation.Denied}, EvidenceAt: t0.Add(day)}
	skewed := at(day)
	skewed.Offset = 6 * time.Minute
	skewed.Local = skewed.Local.Add(time.Hour)
	for _, c := range []struct {
		name string
		m    rotation.Memory
		n    rotation.Now
		want string
	}{
		{"before a day", never(0), at(day - time.Second), "wait grace"},
		{"evidence of before", never(0), at(day), "look"},
		{"never used", never(day), at(day), "save creating"},
		{"used", lastUsed(time.Hour, day), at(day), "save held orphan-used"},
		{"denied", denied, at(day), "wait evidence"},
		{"clock", never(day), skewed, "wait clock"},
	} {
		if got := describe(rotation.Decide(r, c.m, settings, c.n)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestProvingCountsRoundsInARow: three rounds, long enough, nothing in between.
func TestProvingCountsRoundsInARow(t *testing.T) {
	r := recs()["proving"]
	prove := rotation.Action{Do: rotation.Prove, Signer: *r.Next}
	round := func(m rotation.Memory, d time.Duration, res rotation.Result) rotation.Memory {
		return rotation.Observe(r, m, prove, rotation.Outcome{Result: res, ARN: arn}, settings, at(d))
	}
	var m rotation.Memory
	for i := range 3 {
		m = round(m, time.Duration(i)*time.Second, rotation.OK)
	}
	if a := rotation.Decide(r, m, settings, at(time.Minute-time.Second)); a.Do == rotation.Save {
		t.Error("switched after three quick rounds")
	}
	for _, res := range []rotation.Result{rotation.Refused, rotation.NotSent} {
		m2 := round(round(m, time.Minute, res), 2*time.Minute, rotation.OK)
		if a := rotation.Decide(r, m2, settings, at(3*time.Minute)); a.Do == rotation.Save {
			t.Errorf("%s in between does not count", res)
		}
	}
	m = rotation.Memory{}
	for i := range 100 {
		m = round(m, time.Duration(i)*time.Minute, rotation.NotSent)
	}
	if m.RefusedFor != 0 {
		t.Error("no network counts as refusals")
	}
	m = round(round(rotation.Memory{}, 0, rotation.Refused), 10*time.Hour, rotation.Refused)
	if a := rotation.Decide(r, m, settings, at(11*time.Hour)); a.Do == rotation.Save {
		t.Error("a sleep between two refusals gives the new key up")
	}
}

// TestASecretOnlyWeKnowGoesFirst, whatever else is wrong, and never waits long.
func TestASecretOnlyWeKnowGoesFirst(t *testing.T) {
	v := version(idX)
	m := rotation.Memory{Created: &v}
	held := creating()
	held.Phase, held.Hold = rotation.Held, &rotation.Hold{Code: rotation.AccessDenied, Phase: rotation.Creating}
	for name, r := range map[string]rotation.Record{"creating": creating(), "paused": rotation.Pause(creating()), "held": held} {
		a := rotation.Decide(r, m, settings, at(time.Second))
		if a.Do != rotation.Note || a.Target != idX {
			t.Errorf("%s: %s", name, describe(a))
		}
	}
	for range 20 {
		m = rotation.Observe(creating(), m, rotation.Action{Do: rotation.Save}, rotation.Outcome{Result: rotation.Failed}, settings, at(0))
		if m.Created == nil || m.RetryAt.Sub(t0) > 10*time.Second {
			t.Fatalf("its next try waits %s", m.RetryAt.Sub(t0))
		}
	}
}

func TestRestartedCreateIsNeverSentAgain(t *testing.T) {
	// also after a write in the middle: only the write that made the intent leaves it unsent
	n := at(time.Second)
	m := rotation.Observe(creating(), rotation.Memory{Unsent: true}, rotation.Action{Do: rotation.Save, Record: creating()}, rotation.Outcome{Result: rotation.OK}, settings, n)
	for range 5 {
		a := rotation.Decide(creating(), m, settings, n)
		if a.Do == rotation.Create {
			t.Fatal("sent again")
		}
		m = rotation.Observe(creating(), m, a, rotation.Outcome{Result: rotation.OK, Keys: []rotation.KeyInfo{{ID: idOld, Active: true}}}, settings, n)
	}
}

func TestReactivatedIsSeenTwice(t *testing.T) {
	r := recs()["deleting"]
	n := at(9 * 24 * time.Hour)
	active := rotation.Outcome{Result: rotation.OK, Date: t0, Keys: []rotation.KeyInfo{{ID: idNew, Active: true}, {ID: idOld, Active: true}}}
	m := rotation.Observe(r, rotation.Memory{Fresh: true, FreshAt: t0, Survivor: true}, rotation.Action{Do: rotation.List}, active, settings, n)
	m.RetryAt = time.Time{}
	if got := describe(rotation.Decide(r, m, settings, n)); got != "list" {
		t.Errorf("one List that may be from the past: %s", got)
	}
	later := n
	later.Local, later.Awake = n.Local.Add(10*time.Minute), n.Awake+10*time.Minute
	m = rotation.Observe(r, m, rotation.Action{Do: rotation.List}, active, settings, later)
	m.RetryAt = time.Time{}
	if got := describe(rotation.Decide(r, m, settings, later)); got != "save held reactivated" {
		t.Errorf("ten minutes of them: %s", got)
	}
	// deleted, and still shown by a List from the past
	m = rotation.Observe(r, rotation.Memory{Fresh: true, FreshAt: t0, Survivor: true}, rotation.Action{Do: rotation.Delete}, rotation.Outcome{Result: rotation.OK, Date: t0}, settings, n)
	past := rotation.Outcome{Result: rotation.OK, Date: t0, Keys: []rotation.KeyInfo{{ID: idNew, Active: true}, {ID: idOld}}}
	m = rotation.Observe(r, m, rotation.Action{Do: rotation.List}, past, settings, n)
	m.RetryAt, m.Fresh, m.Survivor = time.Time{}, true, true
	if got := describe(rotation.Decide(r, m, settings, n)); got != "list" {
		t.Errorf("just deleted and still shown: %s", got)
	}
}

func TestGiveUpsEndInAHold(t *testing.T) {
	r := recs()["deleting"]
	next := version(idX)
	r.Next, r.Previous = &next, nil
	r.Victim = &rotation.Victim{ID: idX, Why: rotation.NeverProved, Since: t0}
	n := at(0)
	gone := rotation.Memory{Fresh: true, Gone: true, ListedAt: t0, ListedAwake: time.Minute, Listed: &rotation.Outcome{Keys: []rotation.KeyInfo{{ID: idNew, Active: true}}}}
	for i, want := range []string{"save steady", "save steady", "save steady", "save held never-proves"} {
		r.GaveUp = i
		a := rotation.Decide(r, gone, settings, n)
		if describe(a) != want || len(a.Record.Ended) != 1 {
			t.Errorf("give-up %d: %s, ended %v", i+1, describe(a), a.Record.Ended)
		}
		if i < 3 && a.Record.NotBefore.Sub(t0) != []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}[i] {
			t.Errorf("give-up %d waits until %s", i+1, a.Record.NotBefore)
		}
	}
}

func TestImportedGrace(t *testing.T) {
	r := recs()["proving"]
	r.Current.Imported = true
	a := rotation.Decide(r, rotation.Memory{Wins: 3, First: 0, Last: time.Minute}, settings, at(time.Minute))
	if got := a.Record.DeactivateAt.Sub(t0.Add(time.Minute)); got != settings.ImportedGrace {
		t.Errorf("an imported version drains %s", got)
	}
	if a.Record.Switched.Before(t0.Add(time.Minute)) {
		t.Error("the switch is counted from before it")
	}
	n := at(time.Minute)
	n.Local = n.Local.Add(900 * time.Microsecond)
	if a = rotation.Decide(r, rotation.Memory{Wins: 3, First: 0, Last: time.Minute}, settings, n); a.Record.Switched.Before(n.Local) {
		t.Error("the switch is rounded into the past")
	}
	r.Current.Imported = false
	a = rotation.Decide(r, rotation.Memory{Wins: 3, First: 0, Last: time.Minute}, settings, at(time.Minute))
	if got := a.Record.PatientAt.Sub(t0.Add(time.Minute)); got != settings.ImportedGrace {
		t.Errorf("without evidence it waits %s", got)
	}
}
func TestBoundsAreExact(t *testing.T) {
	ok := rotation.Outcome{Result: rotation.OK, Date: t0, ARN: arn}
	d := recs()["draining-decided"]
	if m := rotation.Observe(d, rotation.Memory{}, rotation.Action{Do: rotation.Prove, Signer: d.Current}, ok, settings, at(0)); m.Survivor {
		t.Error("a proof made before the reload counts")
	}
	p := recs()["proving"]
	if a := rotation.Decide(p, rotation.Memory{Wins: 2, First: 0, Last: time.Hour}, settings, at(time.Hour)); a.Do != rotation.Prove {
		t.Errorf("two rounds: %s", describe(a))
	}
	seen := func(r rotation.Record, clear int, span time.Duration) string {
		m := rotation.Memory{Fresh: true, Clear: clear, ListedAt: t0.Add(span), ListedAwake: span, Listed: &rotation.Outcome{Keys: []rotation.KeyInfo{{ID: r.Current.ID, Active: true}}}}
		return describe(rotation.Decide(r, m, settings, at(span)))
	}
	for _, r := range []rotation.Record{creating(), recs()["deleting"]} {
		if a, b, c := seen(r, 2, time.Hour), seen(r, 3, 10*time.Minute-time.Second), seen(r, 3, 10*time.Minute); a != "list" || b != "list" || c != "save steady" {
			t.Errorf("%s: %s, %s, %s", r.Phase, a, b, c)
		}
	}
}
