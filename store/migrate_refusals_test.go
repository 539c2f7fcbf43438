package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// What cannot be moved as a whole is refused before anything is written.
func TestAMoveThatCannotBeWholeChangesNothing(t *testing.T) {
	elsewhere := store.Identity{Machine: "m2", Instance: "other"}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, from, to *storetest.Faulty)
		kind  error
		text  string
	}{
		"a record damaged": {func(t *testing.T, from, _ *storetest.Faulty) {
			from.Poke("key01.a", []byte("x"))
			from.Poke("key01.b", []byte("awskeyd"))
		}, store.ErrDamaged, `key "Key01": `},
		"a record damaged in one slot": {func(t *testing.T, from, _ *storetest.Faulty) { from.Poke("key01.b", []byte("awskeyd")) }, store.ErrUnknown, `key "Key01": `},
		"a record emptied": {func(t *testing.T, from, _ *storetest.Faulty) {
			from.Poke("key01.a", nil)
			from.Poke("key01.b", nil)
		}, store.ErrEmptied, `key "Key01": `},
		"a record of another machine": {func(t *testing.T, from, _ *storetest.Faulty) {
			must(t, store.New(from, elsewhere).TakeOver(ctx, "key01", []byte("theirs")))
		}, store.ErrChanged, `key "Key01": the record was changed by somebody else: it belongs to another machine`},
		"a record that was moved": {func(t *testing.T, from, _ *storetest.Faulty) {
			from.Poke("key01.a", burial(t, "a"))
			from.Poke("key01.b", burial(t, "b"))
		}, store.ErrMoved, `key "Key01": the keys were moved to secret-service`},
		"an item of another program in the way": {func(t *testing.T, _, to *storetest.Faulty) { to.Poke("key01.a", []byte("mine")) }, store.ErrDamaged, "key01.a stands in the way"},
		"keys of its own":                       {func(t *testing.T, _, to *storetest.Faulty) { must(t, open(to).Add(ctx, "Private", nil)) }, store.ErrExists, "the store secret-service: already in the store: it holds keys of its own (private)"},
		"a copy of a third store": {func(t *testing.T, _, to *storetest.Faulty) {
			third := newHouse(t, 1)
			m := &store.Move{From: open(third.items[here]), FromName: "pass", To: open(to), ToName: there}
			_, err := m.Copy(ctx)
			must(t, err)
		}, store.ErrExists, "unfinished copy; the keys are in pass"},
		"another machine's index": {func(t *testing.T, _, to *storetest.Faulty) {
			s := store.New(to, elsewhere)
			must(t, s.Add(ctx, "Theirs", nil))
			must(t, s.Remove(ctx, "Theirs"))
		}, store.ErrChanged, "the store secret-service: the record was changed by somebody else: it belongs to another machine"},
		"a damaged index there": {func(t *testing.T, _, to *storetest.Faulty) {
			must(t, open(to).Add(ctx, "Private", nil))
			to.Poke("_index1.a", []byte("awskeyd"))
			to.Poke("_index1.b", []byte("awskeyd"))
		}, store.ErrDamaged, "the store secret-service: reading the index"},
		"a locked keychain there": {func(t *testing.T, _, to *storetest.Faulty) { to.Down(store.ErrLocked) }, store.ErrLocked, "the store secret-service: "},
		"a newer index there":     {func(t *testing.T, _, to *storetest.Faulty) { to.Poke("_index1.a", newer()) }, store.ErrNewer, "the store secret-service: "},
		"a newer record":          {func(t *testing.T, from, _ *storetest.Faulty) { from.Poke("key01.a", newer()) }, store.ErrNewer, `key "Key01": `},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, 3)
			c.spoil(t, h.items[here], h.items[there])
			before := h.clone()
			m := &store.Move{From: open(h.items[here]), FromName: here, To: open(h.items[there]), ToName: there}
			_, err := m.Copy(ctx)
			wants(t, err, c.kind)
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v; want %q in it", err, c.text)
			}
			must(t, m.Abandon(ctx))
			for name, f := range h.items {
				for _, item := range f.List() {
					old, _ := before.items[name].Peek(item)
					if now, _ := f.Peek(item); item != "_probe" && !bytes.Equal(old, now) {
						t.Errorf("%s of %s was changed", item, name)
					}
				}
				if len(before.items[name].List()) > len(f.List()) {
					t.Errorf("%q of %s became %q", before.items[name].List(), name, f.List())
				}
			}
		})
	}
	h := newHouse(t, 1)
	for _, to := range []string{here, "", "A", "secret service", "far-too-long-a-name"} {
		m := &store.Move{From: open(h.items[here]), FromName: here, To: open(h.items[there]), ToName: to}
		if _, err := m.Copy(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("to %q: %v", to, err)
		}
	}
}

// newer is an item of a format that is not known yet.
func newer() []byte {
	const head = "awskeyd9 whatever "
	return []byte(head + store.Sum([]byte(head), nil) + "\n")
}

// burial is a slot of Key01 as it is overwritten before it is removed.
func burial(t *testing.T, slot string) (data []byte) {
	t.Helper()
	h := newHouse(t, 2)
	h.items[here].Plan = func(op storetest.Op, item string) storetest.Fault {
		if op == storetest.Remove && strings.HasPrefix(item, "key01") {
			return storetest.Refused
		}
		return storetest.OK
	}
	s, _, _, err := h.start()
	must(t, err)
	if _, err := h.move(s, there); err == nil {
		t.Fatal("what cannot be removed was removed")
	}
	data, ok := h.items[here].Peek("key01." + slot)
	if !ok || !bytes.HasPrefix(data, []byte("awskeyd1m key01 ")) {
		t.Fatalf("%.40q is no moved-to", data)
	}
	return data
}

// A slot that a sync tool brings back is never served, with the index it was
// named by and without.
func TestAMovedRecordIsNeverServed(t *testing.T) {
	h := newHouse(t, 2)
	h.items[here].Poke("key01.a", burial(t, "a"))
	h.items[here].Poke("key01.b", burial(t, "b"))
	s := open(h.items[here])
	_, err := s.Load(ctx, "Key01")
	wants(t, err, store.ErrMoved)
	load(t, s, "Key00", "secret 0", true)
	h.items[here].Poke("_index1.a", []byte("x"))
	h.items[here].Poke("_index1.b", []byte("x"))
	_, err = open(h.items[here]).Load(ctx, "Key01")
	wants(t, err, store.ErrMoved)
	var away *store.Elsewhere
	if !errors.As(err, &away) || away.Store != there || !strings.HasSuffix(err.Error(), "the keys were moved to secret-service") {
		t.Errorf("%v", err)
	}

	// Where a key of the name is taken in anew, it is a key like any other; a
	// crash before its first write leaves none.
	for _, dies := range []bool{true, false} {
		f := storetest.NewFaulty()
		f.Poke("key01.a", burial(t, "a"))
		f.Poke("key01.b", burial(t, "b"))
		if s := open(f); dies {
			f.CrashAfter(8) // the probe, and both slots of the index
			if err := s.Add(ctx, "Key01", []byte("new")); err == nil {
				t.Fatal("no crash")
			}
			f.Restart()
			names, err := open(f).Names(ctx)
			must(t, err)
			if len(names) != 0 {
				t.Fatalf("found %q", names)
			}
			continue
		} else {
			must(t, s.Add(ctx, "Key01", []byte("new")))
		}
		load(t, open(f), "Key01", "new", true)
	}
}

// While nobody knows which store is in force, neither is written to.
func TestNothingIsWrittenWhileASwitchIsUnknown(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.Lost, storetest.Landed, storetest.Torn, storetest.Late} {
		h := newHouse(t, 2)
		s := open(h.items[here])
		_, err := s.Names(ctx)
		must(t, err)
		load(t, s, "Key00", "secret 0", true)
		m := &store.Move{From: s, FromName: here, To: open(h.items[there]), ToName: there}
		_, err = m.Copy(ctx)
		must(t, err)
		plan(h.items[here], "_index", fault)
		wants(t, m.Switch(ctx), store.ErrUnknown)
		wants(t, s.Save(ctx, "Key00", []byte("new")), store.ErrUnavailable)
		if err := s.Add(ctx, "more", []byte("new")); !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrMoved) {
			t.Errorf("added to a store of which nobody knows whether it is in force: %v", err)
		}
		h.items[here].Down(store.ErrLocked)
		wants(t, m.Switch(ctx), store.ErrUnknown, store.ErrLocked)
		wants(t, m.Abandon(ctx), store.ErrUnavailable)
		h.items[here].Down(nil)
		must(t, m.Switch(ctx))
		h.items[here].Land()
		must(t, m.Arrive(ctx))
		must(t, m.Arrive(ctx))
		wants(t, s.Save(ctx, "Key00", []byte("new")), store.ErrMoved)
		must(t, m.Clear(ctx))
		h.named = there
		h.judge(t, []string{"Key00=secret 0", "Key01=secret 1"})
	}
}

// A start that can read and not write finds every key, and is certain of none
// before the move that its predecessor died in is undone.
func TestAnInterruptedMoveIsUndoneBeforeAnythingElse(t *testing.T) {
	h := newHouse(t, 2)
	m := &store.Move{From: open(h.items[here]), FromName: here, To: open(h.items[there]), ToName: there}
	_, err := m.Copy(ctx)
	must(t, err)
	for _, fault := range []storetest.Fault{storetest.Refused, storetest.Lost, storetest.Torn} {
		s := open(h.items[here])
		plan(h.items[here], "_index1.", fault, fault)
		names, err := s.Names(ctx)
		if err == nil || len(names) != 2 {
			t.Fatalf("found %q, %v", names, err)
		}
		load(t, s, "Key00", "secret 0", false)
		if err := s.Save(ctx, "Key00", []byte("new")); err == nil || errors.Is(err, store.ErrUnknown) || s.Unsettled("Key00") {
			t.Fatalf("saved before the move is undone: %v", err)
		}
		h.items[here].Plan = nil
	}
	s := open(h.items[here])
	load(t, s, "Key00", "secret 0", false)
	must(t, s.Save(ctx, "Key00", []byte("new")))
	load(t, s, "Key00", "new", true)
	if s.Mark() != (store.Mark{Stage: store.Clearing, Other: there}) {
		t.Errorf("%+v", s.Mark())
	}
	h.finish(t, there, []string{"Key00=new", "Key01=secret 1"})
}
