package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// recordMachine holds one record against every fault at once.
//
// The promise: Load never shows a payload older than the last one whose Save
// said done, nor pieces of one. It is kept as long as faults destroy one slot
// at a time, since two slots cannot survive the loss of both: a fault that
// tears, lies or lands late (at any time, even after the program is dead) may
// hit a slot only while the other one carries the record. Writes that get lost
// or whose answer gets lost, refusals, crashes and power losses know no limit.
type recordMachine struct {
	f       *storetest.Faulty
	s       *store.Store
	done    int   // the last payload that was done
	maybe   []int // later ones whose outcome was unknown
	next    int
	lied    bool // within the Save under way
	hit     map[storetest.Fault]int
	outcome map[string]int
}

func (m *recordMachine) allowed(payload []byte) bool {
	n, err := strconv.Atoi(string(payload))
	return err == nil && (n == m.done || slices.Contains(m.maybe, n))
}

// survivesWithout reports whether the other slot alone carries the record.
func (m *recordMachine) survivesWithout(item string) bool {
	for _, late := range m.f.Outstanding() {
		if late != item {
			return false
		}
	}
	rest := m.f.Clone()
	rest.Poke(item, nil)
	r, err := open(rest).Load(ctx, "work")
	return err == nil && m.allowed(r.Payload)
}

func (m *recordMachine) fault(t *rapid.T, op storetest.Op, item string) storetest.Fault {
	var choice []storetest.Fault
	switch op {
	case storetest.Sync:
		choice = []storetest.Fault{storetest.Refused}
	default:
		choice = []storetest.Fault{storetest.Refused, storetest.Lost, storetest.Landed}
		if m.survivesWithout(item) {
			choice = append(choice, storetest.Torn)
			if len(m.f.Outstanding()) == 0 && !m.lied {
				choice = append(choice, storetest.Late)
			}
			if !m.lied {
				choice = append(choice, storetest.LieTorn, storetest.LieLost)
			}
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "trouble") != 0 {
		return storetest.OK
	}
	fault := rapid.SampledFrom(choice).Draw(t, "fault")
	m.lied = m.lied || fault == storetest.LieTorn || fault == storetest.LieLost
	m.hit[fault]++
	return fault
}

func (m *recordMachine) save(t *rapid.T) {
	m.next++
	n := m.next
	m.lied = false
	dies := rapid.IntRange(0, 3).Draw(t, "dies") == 0
	if dies {
		m.f.CrashAfter(rapid.IntRange(0, 4).Draw(t, "steps"))
	}
	m.f.Plan = func(op storetest.Op, item string) storetest.Fault { return m.fault(t, op, item) }
	payload := []byte(strconv.Itoa(n))
	write := m.s.Save
	if rapid.IntRange(0, 4).Draw(t, "take over") == 0 {
		write = m.s.TakeOver
	}
	err := write(ctx, "work", payload)
	m.f.Plan = nil
	switch {
	case err == nil:
		if m.s.Unsettled("work") {
			t.Fatal("done and unsettled")
		}
		m.done, m.maybe = n, nil
		m.outcome["done"]++
	case errors.Is(err, store.ErrUnknown):
		if !m.s.Unsettled("work") {
			t.Fatalf("not unsettled after %v", err)
		}
		m.maybe = append(m.maybe, n)
		m.outcome["unknown"]++
	case errors.Is(err, store.ErrChanged):
		m.outcome["changed"]++
		if !dies {
			m.read(t) // the person was asked and said: go on
		}
	default:
		m.outcome["refused"]++
	}
	if dies {
		m.restart(t)
	}
}

// restart is a new process: it remembers nothing and must read first.
func (m *recordMachine) restart(t *rapid.T) {
	m.f.Restart()
	m.s = open(m.f)
	m.read(t)
}

func (m *recordMachine) read(t *rapid.T) {
	r, err := m.s.Load(ctx, "work")
	if err != nil {
		t.Fatal(err)
	}
	if !m.allowed(r.Payload) {
		t.Fatalf("loaded %s; done %d, unknown %v", r.Payload, m.done, m.maybe)
	}
	if r.Certain { // never an older one from here on
		m.done, _ = strconv.Atoi(string(r.Payload))
		m.maybe = slices.DeleteFunc(m.maybe, func(n int) bool { return n <= m.done })
		m.outcome["certain"]++
	}
}

func TestNoSequenceOfFaultsLosesARecord(t *testing.T) {
	hit, outcome := map[storetest.Fault]int{}, map[string]int{}
	run := func(t *rapid.T) {
		m := &recordMachine{f: storetest.NewFaulty(), hit: hit, outcome: outcome}
		m.s = open(m.f)
		if err := m.s.Add(ctx, "work", []byte("0")); err != nil {
			t.Fatal(err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"save": m.save,
			"read": m.read,
			"land": func(*rapid.T) { m.f.Land() },
			"die":  m.restart,
			"power": func(t *rapid.T) {
				m.f.PowerLoss(func(string) bool { return rapid.Bool().Draw(t, "kept") })
				m.restart(t)
			},
			"": func(t *rapid.T) { // somebody else reads, at every point
				r, err := open(m.f.Clone()).Load(ctx, "work")
				if err != nil || !m.allowed(r.Payload) {
					t.Fatalf("%s, %v; done %d, unknown %v", r.Payload, err, m.done, m.maybe)
				}
			},
		})
	}
	// The draws are random: go on until all that matters has been met.
	missing := func() (m []string) {
		for fault := storetest.Refused; fault <= storetest.LieLost; fault++ {
			if hit[fault] == 0 {
				m = append(m, fmt.Sprint("fault ", fault))
			}
		}
		for _, end := range []string{"done", "unknown", "changed", "refused", "certain"} {
			if outcome[end] == 0 {
				m = append(m, "a Save or Load that ends "+end)
			}
		}
		return m
	}
	for round := 0; round == 0 || round < 20 && !t.Failed() && missing() != nil; round++ {
		rapid.Check(t, run)
	}
	if m := missing(); m != nil && !t.Failed() {
		t.Errorf("never met: %q", m)
	}
}

// namesMachine holds the index: keys come, go and change their names under
// refusals, lost and landed writes and crashes, and after every step a new
// process finds each key that must be there, none that must not, and no item
// that belongs to no key.
type namesMachine struct {
	f     *storetest.Faulty
	s     *store.Store
	world []string // what is there for sure, name=payload, lower case, sorted
	next  int
}

func (m *namesMachine) do(t *rapid.T, what func() error, after func([]string) []string) {
	dies := rapid.IntRange(0, 3).Draw(t, "dies") == 0
	if dies {
		m.f.CrashAfter(rapid.IntRange(0, 20).Draw(t, "steps"))
	}
	m.f.Plan = func(op storetest.Op, item string) storetest.Fault {
		if rapid.IntRange(0, 9).Draw(t, "trouble") != 0 {
			return storetest.OK
		}
		return rapid.SampledFrom([]storetest.Fault{storetest.Refused, storetest.Lost, storetest.Landed}).Draw(t, "fault")
	}
	err := what()
	m.f.Plan = nil
	if dies {
		m.f.Restart()
		m.s = open(m.f)
	}
	want := slices.Clone(m.world)
	if after != nil {
		want = after(want)
		slices.Sort(want)
	}
	got := worldOf(t, m.f)
	for i := range got {
		name, payload, _ := strings.Cut(got[i], "=")
		got[i] = strings.ToLower(name) + "=" + payload
	}
	slices.Sort(got)
	switch {
	case err == nil && !slices.Equal(got, want):
		t.Fatalf("done, but %q; want %q", got, want)
	case !slices.Equal(got, want) && !slices.Equal(got, m.world):
		t.Fatalf("%v, and now %q; want %q or %q", err, got, m.world, want)
	case err != nil && !dies && !errors.Is(err, store.ErrUnknown) && !slices.Equal(got, m.world):
		t.Fatalf("%v says that nothing happened, but %q became %q", err, m.world, got)
	}
	m.world = got
	if err != nil { // what a daemon does after trouble
		if _, err := m.s.Names(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *namesMachine) payload(record string) (string, bool) {
	for _, w := range m.world {
		if name, payload, _ := strings.Cut(w, "="); name == record {
			return payload, true
		}
	}
	return "", false
}

var someNames = rapid.SampledFrom([]string{"a", "A", "b", "b.a", "c", "Long-name_1", "long-NAME_1"})

func TestNoSequenceOfFaultsLosesAName(t *testing.T) {
	verbs := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := &namesMachine{f: storetest.NewFaulty()}
		m.s = open(m.f)
		if err := m.s.Add(ctx, "first", []byte("0")); err != nil {
			t.Fatal(err)
		}
		m.world = []string{"first=0"}
		without := func(record string) func([]string) []string {
			return func(w []string) []string {
				return slices.DeleteFunc(w, func(s string) bool { return strings.HasPrefix(s, record+"=") })
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				name := someNames.Draw(t, "name")
				if _, ok := m.payload(strings.ToLower(name)); ok {
					m.do(t, func() error {
						if err := m.s.Add(ctx, name, []byte("x")); err == nil {
							t.Fatal("added twice")
						}
						return errors.New("refused")
					}, nil)
					return
				}
				m.next++
				w := fmt.Sprintf("%s=%d", strings.ToLower(name), m.next)
				m.do(t, func() error { return m.s.Add(ctx, name, []byte(strconv.Itoa(m.next))) },
					func(world []string) []string { return append(world, w) })
				verbs["add"]++
			},
			"remove": func(t *rapid.T) {
				name := someNames.Draw(t, "name")
				if _, ok := m.payload(strings.ToLower(name)); !ok {
					t.Skip()
				}
				m.do(t, func() error { return m.s.Remove(ctx, name) }, without(strings.ToLower(name)))
				verbs["remove"]++
			},
			"rename": func(t *rapid.T) {
				old, now := someNames.Draw(t, "old"), someNames.Draw(t, "new")
				from, to := strings.ToLower(old), strings.ToLower(now)
				p, ok := m.payload(from)
				if _, taken := m.payload(to); !ok || taken && from != to {
					t.Skip()
				}
				m.do(t, func() error { return m.s.Rename(ctx, old, now) },
					func(w []string) []string { return append(without(from)(w), to+"="+p) })
				verbs["rename"]++
			},
			"names": func(t *rapid.T) { m.do(t, func() error { _, err := m.s.Names(ctx); return err }, nil) },
			"die":   func(t *rapid.T) { m.s = open(m.f) },
		})
	})
	for _, v := range []string{"add", "remove", "rename"} {
		if verbs[v] == 0 {
			t.Errorf("%s was never tried", v)
		}
	}
}
