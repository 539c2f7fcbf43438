package store_test

import (
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// What a move left behind is not forgotten by the next one.
func TestAMoveDoesNotForgetWhatTheOneBeforeLeft(t *testing.T) {
	a, b, c := storetest.NewFaulty(), storetest.NewFaulty(), storetest.NewFaulty()
	s := open(a)
	must(t, s.Add(ctx, "work", []byte("SECRET")))
	m := &store.Move{From: s, FromName: "a", To: open(b), ToName: "b"}
	_, err := m.Copy(ctx)
	must(t, err)
	must(t, m.Switch(ctx))
	must(t, m.Arrive(ctx)) // and a goes away before it is cleared
	n := &store.Move{From: m.To, FromName: "b", To: open(c), ToName: "c"}
	_, err = n.Copy(ctx)
	wants(t, err, store.ErrUnavailable)
	must(t, m.Clear(ctx))
	_, err = n.Copy(ctx)
	must(t, err)
	must(t, n.Switch(ctx))
	must(t, n.Arrive(ctx))
	must(t, n.Clear(ctx))
	for _, items := range []*storetest.Faulty{a, b} {
		for _, item := range items.List() {
			if data, _ := items.Peek(item); strings.Contains(string(data), "SECRET") {
				t.Errorf("%s still holds it", item)
			}
		}
	}
}

// A write that was never confirmed lands after its record was removed and one of
// the same name was added.
func TestALateWriteOfARemovedRecordTakesNoPlace(t *testing.T) {
	f := storetest.NewFaulty()
	s := open(f)
	must(t, s.Add(ctx, "work", []byte("old 1")))
	for range 3 {
		must(t, s.Save(ctx, "work", []byte("old 2")))
	}
	f.Plan = func(op storetest.Op, item string) storetest.Fault {
		if op == storetest.Set && strings.HasPrefix(item, "work.") {
			return storetest.Late
		}
		return storetest.OK
	}
	wants(t, s.Save(ctx, "work", []byte("old 3")), store.ErrUnknown)
	f.Plan = nil
	f.Restart()
	s = open(f)
	_, err := s.Names(ctx)
	must(t, err)
	must(t, s.Remove(ctx, "work"))
	must(t, s.Add(ctx, "work", []byte("new")))
	f.Land()
	for range 2 {
		s = open(f)
		_, err = s.Names(ctx)
		must(t, err)
		r, err := s.Load(ctx, "work")
		if err != nil || string(r.Payload) != "new" {
			t.Errorf("%q certain %v changed %v, %v", r.Payload, r.Certain, r.Changed, err)
		}
	}
}
