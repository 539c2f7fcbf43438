package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// house is two keychains, and a configuration that names one of them.
type house struct {
	items map[string]*storetest.Faulty
	named string
	lied  bool // a write was called done that was not
}

const here, there = "file", "secret-service"

func newHouse(t fataler, keys int) *house {
	h := &house{items: map[string]*storetest.Faulty{here: storetest.NewFaulty(), there: storetest.NewFaulty()}, named: here}
	s := open(h.items[here])
	for i := range keys {
		if err := s.Add(ctx, fmt.Sprintf("Key%02d", i), fmt.Appendf(nil, "secret %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func other(name string) string {
	if name == here {
		return there
	}
	return here
}

// move is a move of the living process; a daemon does the same.
func (h *house) move(s *store.Store, to string) (*store.Store, error) {
	m := &store.Move{From: s, FromName: other(to), To: open(h.items[to]), ToName: to}
	_, err := m.Copy(ctx)
	if err == nil {
		err = m.Switch(ctx)
	}
	if err != nil {
		if !errors.Is(err, store.ErrUnknown) {
			_ = m.Abandon(ctx)
		}
		return s, err
	}
	if err := m.Arrive(ctx); err != nil {
		return s, err
	}
	h.named = to
	return m.To, m.Clear(ctx)
}

// start is what a new process does with the store that its configuration names:
// it serves it, or follows it to the one that it was moved to.
func (h *house) start() (s *store.Store, in string, names []string, err error) {
	in = h.named
	s = open(h.items[in])
	names, err = s.Names(ctx)
	var away *store.Elsewhere
	if !errors.As(err, &away) {
		return s, in, names, err
	}
	m := &store.Move{From: s, FromName: in, To: open(h.items[other(in)]), ToName: other(in)}
	if away.Copy {
		m.From, m.To, m.FromName, m.ToName = m.To, m.From, m.ToName, m.FromName
	}
	if err := m.Arrive(ctx); err != nil {
		return nil, "", nil, err
	}
	names, err = m.To.Names(ctx)
	return m.To, m.ToName, names, err
}

// content is what a start finds: name=payload for every key.
func (h *house) content() ([]string, string, error) {
	s, in, names, err := h.start()
	if err != nil {
		return nil, "", err
	}
	var all []string
	for _, name := range names {
		r, err := s.Load(ctx, name)
		if err != nil {
			return nil, in, err
		}
		all = append(all, name+"="+string(r.Payload))
	}
	return all, in, nil
}

func (h *house) restart(late bool) {
	for _, f := range h.items {
		f.Plan = nil
		f.Restart()
		if late {
			f.Land()
		}
	}
}

func (h *house) clone() *house {
	c := &house{items: map[string]*storetest.Faulty{}, named: h.named}
	for name, f := range h.items {
		c.items[name] = storetest.NewFaulty()
		for _, item := range f.List() {
			data, _ := f.Peek(item)
			c.items[name].Poke(item, data)
		}
	}
	return c
}

// judge sees that exactly one whole store is in force, whatever the
// configuration says, and returns its name.
func (h *house) judge(t fataler, want []string) string {
	t.Helper()
	got, in, err := h.clone().content()
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("a start finds %q in %s, %v; want %q", got, in, err, want)
	}
	reverted := h.clone()
	reverted.named = other(h.named)
	got, at, err := reverted.content()
	switch {
	case errors.Is(err, store.ErrMoved), errors.Is(err, store.ErrDamaged): // refused
	case err != nil:
		t.Fatalf("a start with %s named: %v", reverted.named, err)
	case at == in && slices.Equal(got, want), at != in && len(got) == 0:
	default:
		t.Fatalf("%s is in force, but a start with %s named serves %q from %s", in, reverted.named, got, at)
	}
	return in
}

// rotate writes a new payload into every record, as a process that lives on does.
func (h *house) rotate(t fataler, payload string) (want []string) {
	t.Helper()
	s, _, names, err := h.start()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		r, err := s.Load(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Certain {
			t.Fatalf("%s is not certain", name)
		}
		if err := s.Save(ctx, name, []byte(payload+name)); err != nil {
			t.Fatal(err)
		}
		want = append(want, name+"="+payload+name)
	}
	return want
}

// finish moves everything to a store and sees that nothing else is left.
func (h *house) finish(t fataler, to string, want []string) {
	t.Helper()
	s, in, _, err := h.start()
	if err != nil {
		t.Fatal(err)
	}
	h.named = in
	if in == to {
		m := &store.Move{From: open(h.items[other(to)]), FromName: other(to), To: s, ToName: to}
		err = m.Clear(ctx)
	} else {
		_, err = h.move(s, to)
	}
	if err != nil {
		t.Fatalf("moving to %s from %s in the end: %v", to, in, err)
	}
	if at := h.judge(t, want); at != to {
		t.Fatalf("moved to %s, and %s is in force", to, at)
	}
	for _, item := range h.items[other(to)].List() {
		data, _ := h.items[other(to)].Peek(item)
		if item == "_probe" { // harmless, as ever
			continue
		}
		if !strings.HasPrefix(item, "_index1.") || strings.Contains(strings.ToLower(string(data)), "key0") && !h.lied {
			t.Fatalf("%s is left in %s: %.60q", item, other(to), data)
		}
	}
	wide := open(h.items[to])
	if _, err := wide.Names(ctx); err != nil || wide.Mark() != (store.Mark{}) {
		t.Fatalf("the end of the move is not written down: %+v %v", wide.Mark(), err)
	}
}

func (h *house) whole(t fataler) []string {
	t.Helper()
	want, _, err := h.content()
	if err != nil {
		t.Fatal(err)
	}
	return want
}

func TestAllKeysMoveAndMoveBack(t *testing.T) {
	for _, keys := range []int{0, 1, 3, 60} {
		h := newHouse(t, keys)
		want := h.whole(t)
		for _, to := range []string{there, here, there} {
			s, _, _, err := h.start()
			must(t, err)
			s, err = h.move(s, to)
			must(t, err)
			h.finish(t, to, want)
			names, err := s.Names(ctx)
			must(t, err)
			for _, name := range names { // without having been read again
				must(t, s.Save(ctx, name, []byte("after "+name)))
			}
			want = h.whole(t)
			if keys > 0 {
				must(t, s.Add(ctx, "extra", []byte("x")))
				must(t, s.Rename(ctx, "extra", "more"))
				must(t, s.Remove(ctx, "more"))
			}
			h.finish(t, to, want)
			h.named = other(to) // a configuration from a backup
			if _, err := open(h.items[h.named]).Names(ctx); keys > 0 {
				wants(t, err, store.ErrMoved)
				if _, err := open(h.items[h.named]).Load(ctx, "Key00"); !errors.Is(err, store.ErrMoved) {
					t.Errorf("a key of a store that was moved away: %v", err)
				}
				if err := open(h.items[h.named]).Add(ctx, "new", nil); !errors.Is(err, store.ErrMoved) {
					t.Errorf("added to a store that was moved away: %v", err)
				}
			}
			h.named = to
		}
	}
}

// A crash before and after every single change of either keychain, and each way
// in which one may go wrong there without a crash.
func TestNoFaultOfAMoveLeavesTwoStoresOrNone(t *testing.T) {
	type kind struct {
		name  string
		fault storetest.Fault
		dies  bool
	}
	kinds := []kind{
		{"dies before", storetest.Lost, true}, {"dies after", storetest.OK, true}, {"dies, torn", storetest.Torn, true}, {"dies, and it lands later", storetest.Late, true},
		{"refused", storetest.Refused, false}, {"lost", storetest.Lost, false}, {"landed", storetest.Landed, false}, {"torn", storetest.Torn, false},
		{"late", storetest.Late, false}, {"lies, torn", storetest.LieTorn, false}, {"lies, lost", storetest.LieLost, false},
	}
	runs, ends := 0, map[string]int{}
	for _, k := range kinds {
		for n := 1; ; n++ {
			h := newHouse(t, 3)
			want := h.whole(t)
			count, item := 0, ""
			for name, f := range h.items {
				f.Plan = func(op storetest.Op, i string) storetest.Fault {
					if count++; count != n {
						return storetest.OK
					}
					item = name + " " + i
					if k.dies {
						for _, f := range h.items {
							f.CrashAfter(0)
						}
					}
					return k.fault
				}
			}
			s, _, _, err := h.start()
			must(t, err)
			_, err = h.move(s, there)
			if count < n {
				if err != nil {
					t.Fatalf("undisturbed: %v", err)
				}
				t.Logf("%-26s at each of %d changes", k.name, n-1)
				break
			}
			runs++
			t.Run(fmt.Sprintf("%s, %d, %s", k.name, n, item), func(t *testing.T) {
				for _, landing := range []string{"never", "at once", "after the start", "after a rotation"} {
					if k.fault != storetest.Late && landing != "never" {
						continue
					}
					h := h.again(t, k.fault, k.dies, n)
					h.restart(landing == "at once")
					h.judge(t, want)
					if _, in, _, err := h.start(); err != nil { // which undoes or follows
						t.Fatal(err)
					} else {
						ends[in]++
					}
					if landing == "after the start" {
						h.restart(true)
					}
					h.judge(t, want)
					now := h.rotate(t, "new ")
					h.judge(t, now)
					if landing == "after a rotation" {
						h.restart(true)
					}
					h.judge(t, now)
					h.finish(t, there, now)
					h.finish(t, here, now)
				}
			})
		}
	}
	t.Logf("%d faults; after them in force: %v", runs, ends)
	if ends[here] == 0 || ends[there] == 0 {
		t.Error("they did not hit both sides of the switch")
	}
}

// again is a new house after the same move with the same fault.
func (h *house) again(t fataler, fault storetest.Fault, dies bool, n int) *house {
	t.Helper()
	again := newHouse(t, 3)
	again.lied = fault == storetest.LieTorn || fault == storetest.LieLost
	count := 0
	for _, f := range again.items {
		f.Plan = func(storetest.Op, string) storetest.Fault {
			if count++; count != n {
				return storetest.OK
			}
			if dies {
				for _, f := range again.items {
					f.CrashAfter(0)
				}
			}
			return fault
		}
	}
	s, _, _, err := again.start()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = again.move(s, there) // whatever came of it
	return again
}

// Moves to and fro with faults, crashes and power losses at random.
func TestNoSequenceOfFaultsMovesAKeyOutOfReach(t *testing.T) {
	moves := 0
	rapid.Check(t, func(t *rapid.T) {
		h := newHouse(t, 2)
		want := h.whole(t)
		generation := 0
		for range rapid.IntRange(1, 6).Draw(t, "moves") {
			s, in, _, err := h.start()
			if err != nil {
				t.Fatal(err)
			}
			h.named = in
			left := rapid.IntRange(0, 60).Draw(t, "changes")
			dies := rapid.Bool().Draw(t, "dies")
			for _, f := range h.items {
				f.Plan = func(op storetest.Op, item string) storetest.Fault {
					if left--; left > 0 || left < -3 {
						return storetest.OK
					}
					if dies && left == 0 {
						for _, f := range h.items {
							f.CrashAfter(0)
						}
					}
					return rapid.SampledFrom([]storetest.Fault{storetest.OK, storetest.Refused, storetest.Lost, storetest.Landed}).Draw(t, "fault")
				}
			}
			if _, err := h.move(s, other(in)); err == nil {
				moves++
			}
			if rapid.Bool().Draw(t, "power") {
				for _, f := range h.items {
					f.PowerLoss(func(string) bool { return rapid.Bool().Draw(t, "kept") })
				}
			}
			h.restart(false)
			h.judge(t, want)
			if rapid.Bool().Draw(t, "rotates") {
				generation++
				want = h.rotate(t, fmt.Sprint("generation ", generation, " "))
				h.judge(t, want)
			}
		}
		h.finish(t, here, want)
		h.finish(t, there, want)
	})
	if moves == 0 {
		t.Error("no move has ever come to its end")
	}
}
