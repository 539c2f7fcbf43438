package store_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// withSum builds a slot of any format version: the sum is last on the first line.
func withSum(head, payload string) []byte {
	sum := sha256.Sum256([]byte(head + "\n" + payload))
	return fmt.Appendf(nil, "%s%x\n%s", head, sum[:16], payload)
}

func names(t *testing.T, s *store.Store, want ...string) {
	t.Helper()
	got, err := s.Names(ctx)
	must(t, err)
	if !slices.Equal(got, want) {
		t.Fatalf("names %q, want %q", got, want)
	}
}

func TestNames(t *testing.T) {
	f := storetest.NewFaulty()
	s := open(f)
	names(t, s)
	must(t, s.Add(ctx, "work", []byte("w")))
	must(t, s.Add(ctx, "Alpha", []byte("a")))
	wants(t, s.Add(ctx, "WORK", []byte("x")), store.ErrExists)
	names(t, open(f), "Alpha", "work")
	must(t, s.Rename(ctx, "work", "Job"))
	wants(t, s.Rename(ctx, "work", "x"), store.ErrAbsent)
	wants(t, s.Rename(ctx, "job", "ALPHA"), store.ErrExists)
	must(t, s.Rename(ctx, "JOB", "job")) // capitals only
	names(t, open(f), "Alpha", "job")
	load(t, open(f), "job", "w", true)
	must(t, s.Save(ctx, "job", []byte("w2")))
	must(t, s.Remove(ctx, "job"))
	wants(t, s.Remove(ctx, "job"), store.ErrAbsent)
	wants(t, s.Save(ctx, "job", []byte("w3")), store.ErrChanged)
	must(t, s.Remove(ctx, "alpha"))
	names(t, open(f))
	if got := f.List(); !slices.Equal(got, []string{"_index1.a", "_index1.b"}) {
		t.Fatalf("left behind: %q", got)
	}
	for _, bad := range []string{"", "_x", "a/b", "-x", "é", "a b", strings.Repeat("x", 65)} {
		if s.Add(ctx, bad, nil) == nil || s.Rename(ctx, "a", bad) == nil || s.Remove(ctx, bad) == nil {
			t.Errorf("%q was taken for a name", bad)
		}
	}
}

func TestAThousandLongNames(t *testing.T) {
	m := storetest.NewMemory()
	s := open(m)
	long := func(i int) string { return fmt.Sprintf("%04d%s", i, strings.Repeat("x", 60)) }
	for i := range 1000 {
		must(t, s.Add(ctx, long(i), []byte("p")))
	}
	for i := range 30 { // rename to names of the same greatest length, on full pages
		must(t, s.Rename(ctx, long(i), long(i+5000)))
	}
	for _, item := range m.List() {
		if data, _ := m.Peek(item); len(data) > store.MaxRecord {
			t.Fatalf("%s has %d bytes", item, len(data))
		}
	}
	got, err := open(m).Names(ctx)
	must(t, err)
	if len(got) != 1000 || got[0] != long(30) || got[999] != long(5029) {
		t.Fatalf("%d names, first %q", len(got), got[0])
	}
}

func TestIndexInTrouble(t *testing.T) {
	f, s := withWork(t)
	must(t, s.Add(ctx, "job", []byte("j")))

	one := f.Clone()
	one.Poke("_index1.b", []byte("rubbish"))
	names(t, open(one), "job", "work") // one slot carries it

	two := f.Clone()
	two.Poke("_index1.a", []byte("rubbish"))
	two.Poke("_index1.b", nil)
	_, err := open(two).Names(ctx)
	wants(t, err, store.ErrDamaged)
	load(t, open(two), "work", "one", false) // a broken index takes no record with it
	_, err = open(two).Load(ctx, "none")
	wants(t, err, store.ErrDamaged) // and proves no absence
	wants(t, open(two).Add(ctx, "work", nil), store.ErrDamaged)
	wants(t, open(two).Remove(ctx, "work"), store.ErrDamaged)

	newer := f.Clone()
	newer.Poke("_index1.a", withSum("awskeyd2 ", "x"))
	_, err = open(newer).Names(ctx)
	wants(t, err, store.ErrNewer)
	wants(t, open(newer).Add(ctx, "x", nil), store.ErrNewer)

	// Two processes: the second sees what the first added.
	b := open(f)
	names(t, b, "job", "work")
	must(t, s.Add(ctx, "third", []byte("3")))
	load(t, b, "third", "3", true)
	must(t, b.Add(ctx, "fourth", []byte("4")))
	must(t, s.Add(ctx, "fifth", []byte("5")))
	names(t, open(f), "fifth", "fourth", "job", "third", "work")
}

func TestMissingPageNamesTheRest(t *testing.T) {
	m := storetest.NewMemory()
	s := open(m)
	for i := range 60 {
		must(t, s.Add(ctx, fmt.Sprint("key", i), []byte("p")))
	}
	m.Poke("_index2.a", nil)
	m.Poke("_index2.b", nil)
	got, err := open(m).Names(ctx)
	wants(t, err, store.ErrEmptied)
	if len(got) == 0 {
		t.Fatal("the first page is not served")
	}
	_, err = s.Names(ctx)
	wants(t, err, store.ErrEmptied)
}

func TestStrangersItemIsNotOverwritten(t *testing.T) {
	f, s := withWork(t)
	f.Poke("job.a", []byte("a stranger's"))
	wants(t, s.Add(ctx, "job", []byte("j")), store.ErrDamaged)
	wants(t, s.Rename(ctx, "work", "job"), store.ErrDamaged)
	if data, _ := f.Peek("job.a"); string(data) != "a stranger's" {
		t.Fatal("it was overwritten")
	}
	names(t, open(f), "work")
	f.Poke("job.a", []byte("awskeyd1 job a 7")) // the beginning of one of ours
	must(t, s.Add(ctx, "job", []byte("j")))
}

// A record that was written whole before the crash may be the only copy of a
// secret: the next process takes it in.
func TestAddCutShortKeepsTheSecret(t *testing.T) {
	f, s := withWork(t)
	plan(f, "_index", storetest.OK, storetest.OK, storetest.Refused) // the intent goes through, the name does not
	wants(t, s.Add(ctx, "new", []byte("n")), store.ErrLocked, store.ErrUnknown)
	f.Plan = nil
	_, err := s.Load(ctx, "new")
	wants(t, err, store.ErrAbsent) // not before it is named
	one := f.Clone()
	names(t, open(one), "new", "work")
	load(t, open(one), "new", "n", true)
	must(t, s.Add(ctx, "new", []byte("again"))) // or the same process tries again
	load(t, open(f), "new", "again", true)
}

// Every verb is cut short after every step; the next process must find the key
// under one of its names with its payload, and nothing left lying about.
func TestCrashAtEveryStep(t *testing.T) {
	verbs := map[string]struct {
		do     func(*store.Store) error
		worlds [][]string // each: what may be there afterwards, name=payload
	}{
		"add":    {func(s *store.Store) error { return s.Add(ctx, "new", []byte("n")) }, [][]string{{"work=one"}, {"new=n", "work=one"}}},
		"save":   {func(s *store.Store) error { return s.TakeOver(ctx, "work", []byte("two")) }, [][]string{{"work=one"}, {"work=two"}}},
		"rename": {func(s *store.Store) error { return s.Rename(ctx, "work", "job") }, [][]string{{"work=one"}, {"job=one"}}},
		"remove": {func(s *store.Store) error { return s.Remove(ctx, "work") }, [][]string{{"work=one"}, {}}},
	}
	for verb, v := range verbs {
		for _, power := range []bool{false, true} {
			first, last := false, false
			for n := 0; ; n++ {
				f, _ := withWork(t)
				f.CrashAfter(n)
				err := v.do(open(f))
				f.Restart()
				if power {
					f.PowerLoss(func(string) bool { return false })
				}
				world := worldOf(t, f)
				ok := slices.ContainsFunc(v.worlds, func(w []string) bool { return slices.Equal(w, world) })
				if !ok {
					t.Fatalf("%s, crash after step %d: %q", verb, n, world)
				}
				first = first || slices.Equal(world, v.worlds[0])
				last = last || slices.Equal(world, v.worlds[1])
				if err == nil {
					if !slices.Equal(world, v.worlds[1]) {
						t.Fatalf("%s said done, but: %q", verb, world)
					}
					break
				}
			}
			if !first || !last {
				t.Fatalf("%s: not both outcomes were reached", verb)
			}
		}
	}
}

// worldOf is what a new process finds in a keychain: every name with its
// payload. It insists that every name loads and that no item is left unnamed.
func worldOf(t interface {
	Helper()
	Fatalf(string, ...any)
}, f *storetest.Faulty) []string {
	t.Helper()
	m := f.Clone()
	s := open(m)
	listed, err := s.Names(ctx)
	if err != nil {
		t.Fatalf("names: %v", err)
	}
	world := []string{}
	belongs := map[string]bool{}
	for _, name := range listed {
		r, err := s.Load(ctx, name)
		if err != nil {
			t.Fatalf("the index names %q, but: %v", name, err)
		}
		world = append(world, name+"="+string(r.Payload))
		belongs[strings.ToLower(name)+".a"], belongs[strings.ToLower(name)+".b"] = true, true
	}
	for _, item := range m.List() {
		if !belongs[item] && !strings.HasPrefix(item, "_") {
			t.Fatalf("item %s is left behind; the index names %q", item, listed)
		}
	}
	return world
}

// A machine that crashes in the midst of the very first write leaves a torn index:
// no record can have been lost, and a person must be able to begin.
func TestATornFirstIndexIsABeginning(t *testing.T) {
	f := storetest.NewFaulty()
	f.Plan = func(op storetest.Op, item string) storetest.Fault {
		if op == storetest.Set && item == "_index1.a" {
			return storetest.Torn
		}
		return storetest.OK
	}
	wants(t, open(f).Add(ctx, "work", []byte("one")), store.ErrUnknown)
	f.Plan = nil
	f.Restart()
	s := open(f)
	if names, err := s.Names(ctx); err != nil || len(names) != 0 {
		t.Errorf("%q %v", names, err)
	}
	must(t, s.Add(ctx, "work", []byte("two")))
	load(t, open(f), "work", "two", true)

	// With anything in the other slot it is damage, and never a beginning.
	f.Poke("_index1.a", []byte("awskeyd"))
	f.Poke("_index1.b", []byte("awskeyd"))
	_, err := open(f).Names(ctx)
	wants(t, err, store.ErrDamaged)
}
