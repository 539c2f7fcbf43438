package rotation_test

import (
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

func TestADoubtfulClockIsMeasuredAgain(t *testing.T) {
	r := draining()
	n := at(25 * time.Hour)
	n.Offset = -8 * time.Minute // measured once: e.g. the laptop slept in the middle of a call
	m := rotation.Memory{}
	asked := 0
	for i := 0; i < 1000; i++ {
		a := rotation.Decide(r, m, settings, n)
		if a.Do != rotation.Wait {
			asked++
			break
		}
		n.Awake += a.Until.Sub(n.Local)
		n.Local = a.Until
	}
	if asked == 0 {
		t.Errorf("a week of waiting (%s) and AWS's clock is never asked again", n.Local.Sub(t0))
	}
}

// TestNothingIsDeletedOnOldNews lets an administrator act while we are offline.
func TestNothingIsDeletedOnOldNews(t *testing.T) {
	r := recs()["deleting"]
	n := at(9 * 24 * time.Hour)
	m := rotation.Memory{}
	step := func(want rotation.Verb, o rotation.Outcome) {
		t.Helper()
		a := rotation.Decide(r, m, settings, n)
		for a.Do == rotation.Wait {
			n.Local = a.Until
			a = rotation.Decide(r, m, settings, n)
		}
		if a.Do != want {
			t.Fatalf("%s, want %s", describe(a), want)
		}
		m = rotation.Observe(r, m, a, o, settings, n)
	}
	ok := rotation.Outcome{Result: rotation.OK, ARN: arn, Date: n.Local}
	lst := ok
	lst.Keys = []rotation.KeyInfo{{ID: idNew, Active: true}, {ID: idOld}}
	step(rotation.List, lst)
	step(rotation.Reload, ok)
	step(rotation.Prove, rotation.Outcome{Result: rotation.NotSent})
	n.Local = n.Local.Add(10 * time.Hour) // offline; meanwhile an administrator makes it Active
	lst.Keys = []rotation.KeyInfo{{ID: idNew, Active: true}, {ID: idOld, Active: true}}
	step(rotation.List, lst)
	for range 20 {
		a := rotation.Decide(r, m, settings, n)
		if a.Do == rotation.Delete {
			t.Fatal("deleted although it was made active again")
		}
		if a.Do == rotation.Wait {
			n.Local = a.Until
			continue
		}
		o := lst
		m = rotation.Observe(r, m, a, o, settings, n)
	}
}

func TestASecondDeleteIsGuardedLikeTheFirst(t *testing.T) {
	r := recs()["deleting"]
	n := at(9 * 24 * time.Hour)
	ok := rotation.Outcome{Result: rotation.OK, ARN: arn, Date: n.Local}
	m := rotation.Memory{Fresh: true, FreshAt: t0, Survivor: true, Listed: &ok}
	a := rotation.Action{Do: rotation.Delete}
	m = rotation.Observe(r, m, a, ok, settings, n)
	if m.Fresh || m.Survivor {
		t.Error("a second delete needs no reload")
	}
}

func TestAClockSetBackDoesNotStopTheTries(t *testing.T) {
	r := recs()["proving"]
	n := at(0)
	n.Local = n.Local.AddDate(4, 0, 0)
	a := rotation.Decide(r, rotation.Memory{}, settings, n)
	m := rotation.Observe(r, rotation.Memory{}, a, rotation.Outcome{Result: rotation.NotSent}, settings, n)
	n.Local = t0
	a = rotation.Decide(r, m, settings, n)
	if a.Do == rotation.Wait && a.Until.Sub(n.Local) > 48*time.Hour {
		t.Error("waits for years")
	}
}

func TestNoRotationBeginsOnOldNews(t *testing.T) {
	r := recs()["steady-due"]
	r.Asked = true
	old := rotation.Outcome{Result: rotation.OK, Date: t0.Add(-60 * 24 * time.Hour), Keys: []rotation.KeyInfo{{ID: idNew, Active: true}}}
	a := rotation.Decide(r, rotation.Memory{Listed: &old, ListedAt: old.Date}, settings, at(0))
	if a.Do != rotation.List {
		t.Errorf("%s on a List 60 days old", describe(a))
	}
}

// TestWaitWaits: a person's choice is not put again at once.
func TestWaitWaits(t *testing.T) {
	h := rotation.Decide(creating(), listed(rotation.KeyInfo{ID: idX, Created: t0.Add(-time.Hour)}), settings, at(time.Hour)).Record
	r, err := rotation.Resolve(h, "wait", settings, at(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if a := rotation.Decide(r, rotation.Memory{}, settings, at(time.Hour)); a.Do != rotation.Wait {
		t.Errorf("wait: %s", describe(a))
	}
}
func TestAUseThatIsKnownIsExcusedAndALaterOneIsNot(t *testing.T) {
	d := draining()
	a := rotation.Decide(d, lastUsed(3*time.Hour, 24*time.Hour), settings, at(24*time.Hour))
	r, err := rotation.Resolve(a.Record, "wait", settings, at(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for used, want := range map[time.Duration]string{3 * time.Hour: "save draining", 30 * time.Hour: "save held used-elsewhere"} {
		a = rotation.Decide(r, lastUsed(used, 48*time.Hour), settings, at(48*time.Hour))
		if got := describe(a); got != want {
			t.Errorf("a day after wait, last used %s after the switch: %s, want %s", used, got, want)
		}
	}
}
