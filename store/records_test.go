package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

var ctx = context.Background()

// open is a new process over the same keychain.
func open(items store.Items) *store.Store {
	instances++
	return store.New(items, store.Identity{Machine: "m1", Instance: fmt.Sprint("i", instances)})
}

var instances int

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			t.Fatalf("%v; want %v", err, kind)
		}
	}
}

func load(t *testing.T, s *store.Store, name, payload string, certain bool) store.Record {
	t.Helper()
	r, err := s.Load(ctx, name)
	must(t, err)
	if string(r.Payload) != payload || r.Certain != certain {
		t.Fatalf("loaded %q, certain %v; want %q, %v", r.Payload, r.Certain, payload, certain)
	}
	return r
}

// plan answers faults in order for Sets of items that begin with prefix, then OK.
func plan(f *storetest.Faulty, prefix string, faults ...storetest.Fault) {
	f.Plan = func(op storetest.Op, item string) storetest.Fault {
		if op != storetest.Set || !strings.HasPrefix(item, prefix) || len(faults) == 0 {
			return storetest.OK
		}
		fault := faults[0]
		faults = faults[1:]
		return fault
	}
}

func withWork(t *testing.T) (*storetest.Faulty, *store.Store) {
	f := storetest.NewFaulty()
	s := open(f)
	must(t, s.Add(ctx, "work", []byte("one")))
	return f, s
}

func TestSaveAndLoad(t *testing.T) {
	f, s := withWork(t)
	load(t, s, "work", "one", true)
	must(t, s.Save(ctx, "work", []byte("two")))
	r := load(t, open(f), "WORK", "two", true)
	if r.Name != "work" || r.Machine != "m1" || r.Foreign || r.Changed || r.Seq < 4 {
		t.Fatalf("%+v", r)
	}
	wants(t, s.Save(ctx, "work", make([]byte, store.MaxPayload+1)), store.ErrTooLarge)
	must(t, s.Save(ctx, "work", make([]byte, store.MaxPayload)))
	must(t, s.Save(ctx, "work", nil))
	load(t, open(f), "work", "", true)
}

func TestUnknownWriteIsSettledByTheNextSave(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.Lost, storetest.Landed, storetest.Torn, storetest.Late} {
		for slots := 1; slots <= 2; slots++ { // the first or the second of the two writes
			t.Run(fmt.Sprint(fault, slots), func(t *testing.T) {
				f, s := withWork(t)
				faults := []storetest.Fault{storetest.OK, fault}[2-slots:]
				plan(f, "work.", faults...)
				err := s.Save(ctx, "work", []byte("two"))
				wants(t, err, store.ErrUnknown, store.ErrHung)
				if !s.Unsettled("Work") {
					t.Fatal("not unsettled after an unknown write")
				}
				if r, err := s.Load(ctx, "work"); err != nil || r.Certain {
					t.Fatalf("%+v, %v; want a record that is not certain", r, err)
				}
				must(t, s.Save(ctx, "work", []byte("three")))
				if s.Unsettled("work") {
					t.Fatal("still unsettled")
				}
				f.Land()
				load(t, open(f), "work", "three", fault != storetest.Late)
				must(t, s.Save(ctx, "work", []byte("four"))) // our own late write is nobody else's
				load(t, open(f), "work", "four", true)
			})
		}
	}
}

// What surely did not happen is not called unknown.
func TestRefusedWriteIsOnlyLocked(t *testing.T) {
	f, s := withWork(t)
	plan(f, "work.", storetest.Refused)
	err := s.Save(ctx, "work", []byte("two"))
	wants(t, err, store.ErrLocked)
	if errors.Is(err, store.ErrUnknown) || s.Unsettled("work") {
		t.Fatalf("%v is called unknown", err)
	}
	f.Down(store.ErrLocked)
	err = s.Save(ctx, "work", []byte("two"))
	wants(t, err, store.ErrLocked)
	if errors.Is(err, store.ErrUnknown) || s.Unsettled("work") {
		t.Fatalf("%v is called unknown", err)
	}
	f.Down(nil)
	plan(f, "work.", storetest.OK, storetest.Refused) // half is done
	wants(t, s.Save(ctx, "work", []byte("two")), store.ErrLocked, store.ErrUnknown)
}

func TestEachSlotIsOnDiskBeforeTheOtherIsTouched(t *testing.T) {
	f, s := withWork(t)
	var steps []string
	f.Plan = func(op storetest.Op, item string) storetest.Fault {
		steps = append(steps, fmt.Sprint(op, item))
		return storetest.OK
	}
	must(t, s.Save(ctx, "work", []byte("two")))
	if got := strings.Join(steps, " "); got != "0work.a 2 0work.b 2" {
		t.Fatalf("steps %q", got)
	}
}

func TestSomebodyElsesWriteIsSeenBeforeOurs(t *testing.T) {
	f, s := withWork(t)
	load(t, s, "work", "one", true)
	a, _ := f.Peek("work.a")
	b, _ := f.Peek("work.b")
	must(t, s.Save(ctx, "work", []byte("two")))
	f.Poke("work.a", a) // a backup brought back
	f.Poke("work.b", b)
	wants(t, s.Save(ctx, "work", []byte("three")), store.ErrChanged)
	if s.Unsettled("work") {
		t.Fatal("a refused write counts as unknown")
	}
	if r := load(t, s, "work", "one", true); !r.Changed {
		t.Fatal("Load does not tell of the change")
	}
	must(t, s.Save(ctx, "work", []byte("three"))) // it was shown, so it may be overwritten

	other := open(f)
	must(t, other.TakeOver(ctx, "work", []byte("theirs")))
	wants(t, s.Save(ctx, "work", []byte("four")), store.ErrChanged)
	must(t, s.TakeOver(ctx, "work", []byte("four")))
	load(t, open(f), "work", "four", true)
}

// A write that a process before this one never had confirmed lands at last, over
// either slot: the other one holds a higher number, and nothing is lost.
func TestAnEarlierProcesssWriteMayLandLate(t *testing.T) {
	for _, item := range []string{"work.a", "work.b"} {
		f, s := withWork(t)
		load(t, s, "work", "one", true)
		stray, _ := f.Peek(item)
		must(t, s.Save(ctx, "work", []byte("two")))
		f.Poke(item, stray)
		if r := load(t, s, "work", "two", false); r.Changed {
			t.Fatal("it counts as somebody else's change")
		}
		f.Poke(item, stray)
		must(t, s.Save(ctx, "work", []byte("three")))
		load(t, open(f), "work", "three", true)

		f.Poke(item, nil) // neither whole nor one of ours
		wants(t, s.Save(ctx, "work", []byte("four")), store.ErrChanged)
	}
}

func TestSaveNeedsALoad(t *testing.T) {
	f, _ := withWork(t)
	wants(t, open(f).Save(ctx, "work", []byte("two")), store.ErrChanged)
	wants(t, open(f).Save(ctx, "none", []byte("two")), store.ErrChanged)
	wants(t, open(f).TakeOver(ctx, "none", []byte("two")), store.ErrAbsent)
}

func TestForeignRecordIsServedNotWritten(t *testing.T) {
	f, _ := withWork(t)
	s := store.New(f, store.Identity{Machine: "m2", Instance: "x"})
	if r := load(t, s, "work", "one", true); !r.Foreign || r.Machine != "m1" {
		t.Fatalf("%+v", r)
	}
	wants(t, s.Save(ctx, "work", []byte("two")), store.ErrChanged)
	wants(t, s.Rename(ctx, "work", "job"), store.ErrChanged)
	must(t, s.TakeOver(ctx, "work", []byte("two")))
	must(t, s.Save(ctx, "work", []byte("three")))
	if r := load(t, s, "work", "three", true); r.Foreign {
		t.Fatal("still foreign after it was taken over")
	}
}

func TestAbsentEmptiedDamaged(t *testing.T) {
	f, s := withWork(t)
	_, err := s.Load(ctx, "none")
	wants(t, err, store.ErrAbsent)
	_, err = open(storetest.NewMemory()).Load(ctx, "none")
	wants(t, err, store.ErrAbsent)

	one := f.Clone()
	one.Poke("work.a", []byte("something else"))
	load(t, open(one), "work", "one", false)
	one.Poke("work.b", nil)
	_, err = open(one).Load(ctx, "work")
	wants(t, err, store.ErrDamaged)
	one.Poke("work.a", nil)
	o := open(one)
	_, err = o.Load(ctx, "work")
	wants(t, err, store.ErrEmptied)
	must(t, o.TakeOver(ctx, "work", []byte("back")))
	load(t, open(one), "work", "back", true)

	// The copy of one slot in the place of the other is no record.
	two := f.Clone()
	a, _ := two.Peek("work.a")
	two.Poke("work.b", a)
	load(t, open(two), "work", "one", false)

	// With the index gone too, only a process that has seen it can tell.
	for _, item := range f.List() {
		f.Poke(item, nil)
	}
	_, err = s.Load(ctx, "work")
	wants(t, err, store.ErrEmptied)
	_, err = s.Names(ctx)
	wants(t, err, store.ErrEmptied)
	_, err = open(f).Load(ctx, "work")
	wants(t, err, store.ErrAbsent)
}

// What another process wrote may not be on disk: a record is certain, and its
// older slot may be overwritten, only once it has been forced there.
func TestCertainMeansOnDisk(t *testing.T) {
	f, _ := withWork(t)
	s := open(f)
	f.Plan = func(op storetest.Op, _ string) storetest.Fault {
		if op == storetest.Sync {
			return storetest.Refused
		}
		return storetest.OK
	}
	load(t, s, "work", "one", false)
	err := s.Save(ctx, "work", []byte("two"))
	wants(t, err, store.ErrUnavailable)
	if errors.Is(err, store.ErrUnknown) || s.Unsettled("work") {
		t.Fatalf("%v, but nothing was written", err)
	}
	f.Plan = nil
	load(t, s, "work", "one", true)
}

// A write that was cut off may be the newest there is: once it was read, and
// shown to a person, a crash of the machine does not undo it.
func TestWhatWasReadStaysRead(t *testing.T) {
	f, s := withWork(t)
	f.CrashAfter(1)
	wants(t, s.Save(ctx, "work", []byte("two")), storetest.ErrCrashed)
	f.Restart()
	load(t, open(f), "work", "two", false)
	f.PowerLoss(func(string) bool { return false })
	load(t, open(f), "work", "two", false)
}

// A keychain that calls a write done and gives something else back.
func TestReadBackDecides(t *testing.T) {
	f, s := withWork(t)
	load(t, s, "work", "one", true)
	deaf := &deaf{Faulty: f}
	s = open(deaf)
	load(t, s, "work", "one", true)
	deaf.on = true
	wants(t, s.Save(ctx, "work", []byte("two")), store.ErrUnknown)
	if !s.Unsettled("work") {
		t.Fatal("not unsettled")
	}
}

type deaf struct {
	*storetest.Faulty
	on bool
}

func (d *deaf) Set(ctx context.Context, name string, data []byte) error {
	if d.on {
		return nil
	}
	return d.Faulty.Set(ctx, name, data)
}

func TestNewerRecordIsLeftAlone(t *testing.T) {
	f, s := withWork(t)
	load(t, s, "work", "one", true)
	newer := withSum("awskeyd2 whatever ", "x")
	f.Poke("work.a", newer)
	_, err := s.Load(ctx, "work")
	wants(t, err, store.ErrNewer)
	wants(t, s.Save(ctx, "work", []byte("two")), store.ErrNewer)
	wants(t, s.TakeOver(ctx, "work", []byte("two")), store.ErrNewer)
	wants(t, s.Rename(ctx, "work", "job"), store.ErrNewer)
	if now, _ := f.Peek("work.a"); string(now) != string(newer) {
		t.Fatal("a newer program's record was changed")
	}
}

// A keychain that takes what it is given and finds nothing must not look empty.
func TestNotFoundIsNotAbsenceWithoutProof(t *testing.T) {
	f, _ := withWork(t)
	blind := &blind{f}
	_, err := open(blind).Load(ctx, "work")
	wants(t, err, store.ErrUnavailable)
	names, err := open(blind).Names(ctx)
	wants(t, err, store.ErrUnavailable)
	if names != nil {
		t.Fatal(names)
	}
	wants(t, open(blind).Add(ctx, "work", []byte("x")), store.ErrUnavailable)
	load(t, open(f), "work", "one", true)
}

type blind struct{ store.Items }

func (b *blind) Get(context.Context, string) ([]byte, error) { return nil, store.ErrAbsent }

func TestDownIsToldAsItIs(t *testing.T) {
	f, s := withWork(t)
	for _, kind := range []error{store.ErrLocked, store.ErrDenied, store.ErrHung, store.ErrUnavailable} {
		f.Down(kind)
		_, err := s.Load(ctx, "work")
		wants(t, err, kind)
		_, err = s.Names(ctx)
		wants(t, err, kind)
		wants(t, s.Add(ctx, "other", nil), kind)
		wants(t, s.Remove(ctx, "work"), kind)
		wants(t, s.Rename(ctx, "work", "job"), kind)
	}
}

func TestCallsWaitNoLongerThanTheirContext(t *testing.T) {
	f, s := withWork(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	f.Plan = func(storetest.Op, string) storetest.Fault {
		inside <- struct{}{}
		<-leave
		f.Plan = nil
		return storetest.OK
	}
	done := make(chan error)
	go func() { done <- s.Save(ctx, "work", []byte("two")) }()
	<-inside
	short, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Load(short, "work"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.Unsettled("work") // must not wait
	close(leave)
	must(t, <-done)
}
