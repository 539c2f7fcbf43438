package store_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// later is an envelope of a format to come, of which only magic and checksum are
// known today.
func later(version string) []byte {
	head := "awskeyd" + version + " whatever will be there "
	return []byte(head + store.Sum([]byte(head), []byte("secret")) + "\nsecret")
}

// snapshot is every item of a keychain.
func snapshot(items *storetest.Faulty) map[string]string {
	all := map[string]string{}
	for _, name := range items.List() {
		data, _ := items.Peek(name)
		all[name] = string(data)
	}
	return all
}

// attempts is everything that can be done to the record work.
var attempts = []struct {
	name string
	do   func(*store.Store) error
}{
	{"load", func(s *store.Store) error { _, err := s.Load(ctx, "work"); return err }},
	{"save", func(s *store.Store) error { return s.Save(ctx, "work", []byte("mine")) }},
	{"take over", func(s *store.Store) error { return s.TakeOver(ctx, "work", []byte("mine")) }},
	{"rename", func(s *store.Store) error { return s.Rename(ctx, "work", "job") }},
	{"remove", func(s *store.Store) error { return s.Remove(ctx, "work") }},
	{"move", func(s *store.Store) error {
		m := store.Move{From: s, FromName: "file", To: open(storetest.NewFaulty()), ToName: "pass"}
		_, err := m.Copy(ctx)
		return err
	}},
}

// A record of which a newer program wrote one slot or both is refused in every
// way, by a process that knew it before and by one that begins, and no item of
// the keychain changes. The other record is read and written as ever.
func TestANewerRecordIsLeftAlone(t *testing.T) {
	for _, slots := range [][]string{{"a"}, {"b"}, {"a", "b"}} {
		for _, knew := range []bool{true, false} {
			for _, try := range attempts {
				t.Run(fmt.Sprintf("%s, slots %s, known before %v", try.name, strings.Join(slots, ""), knew), func(t *testing.T) {
					f, s := withWork(t)
					must(t, s.Add(ctx, "other", []byte("two")))
					for _, slot := range slots {
						f.Poke("work."+slot, later("2"))
					}
					if !knew {
						s = open(f)
					}
					before := snapshot(f)
					kind := store.ErrNewer
					if try.name == "save" && !knew {
						kind = store.ErrChanged // nobody saves what was never read
					}
					wants(t, try.do(s), kind)
					same(t, f, before)
					load(t, s, "other", "two", true)
					must(t, s.Save(ctx, "other", []byte("three")))
					wants(t, try.do(s), kind)
				})
			}
		}
	}
}

func same(t *testing.T, f *storetest.Faulty, before map[string]string) {
	t.Helper()
	now := snapshot(f)
	for name, data := range before {
		if now[name] != data {
			t.Errorf("%s was changed", name)
		}
		delete(now, name)
	}
	if len(now) > 0 {
		t.Errorf("there is more than before: %d items", len(now))
	}
}

// The same of an index: nothing is known of what it names, so nothing at all is
// written.
func TestANewerIndexIsLeftAlone(t *testing.T) {
	tries := append(attempts[:len(attempts):len(attempts)], []struct {
		name string
		do   func(*store.Store) error
	}{
		{"add", func(s *store.Store) error { return s.Add(ctx, "third", nil) }},
		{"names", func(s *store.Store) error { _, err := s.Names(ctx); return err }},
		{"read the mark", func(s *store.Store) error { _, err := s.ReadMark(ctx); return err }},
	}...)
	for _, slots := range [][]string{{"a"}, {"b"}, {"a", "b"}} {
		for _, try := range tries {
			if try.name == "save" {
				continue // it asks the record alone, which is this program's own
			}
			t.Run(try.name+", slots "+strings.Join(slots, ""), func(t *testing.T) {
				f, _ := withWork(t)
				for _, slot := range slots {
					f.Poke("_index1."+slot, later("2"))
				}
				before := snapshot(f)
				wants(t, try.do(open(f)), store.ErrNewer)
				same(t, f, before)
			})
		}
	}
}

// A newer program died in the midst of a change: the older one leaves the pieces.
func TestANewerChangeUnderWayIsLeftAlone(t *testing.T) {
	for step, item := range map[string]string{"-work": "work", "work>job": "job", "job<work": "work"} {
		t.Run(step, func(t *testing.T) {
			f, s := withWork(t)
			must(t, s.Add(ctx, "other", []byte("two")))
			index, _ := f.Peek("_index1.a")
			head, page, _ := bytes.Cut(index, []byte("\n"))
			at := bytes.LastIndexByte(head, ' ') + 1
			page = bytes.Replace(page, []byte("\nwork"), []byte("\n"+step), 1)
			sum := store.Sum(head[:at], page)
			for _, slot := range []string{"a", "b"} {
				f.Poke("_index1."+slot, nil)
				f.Poke(item+"."+slot, later("2"))
			}
			f.Poke("_index1.a", []byte(string(head[:at])+sum+"\n"+string(page)))
			if strings.HasPrefix(step, "job") {
				f.Poke("job.a", later("2"))
			}
			before := snapshot(f)
			if _, err := open(f).Names(ctx); err != nil {
				t.Fatal(err)
			}
			same(t, f, before)
		})
	}
}

// With a damaged index a whole record is read all the same, but not one whose
// other slot a newer program wrote: what is whole there is what it was before.
func TestADamagedIndexHidesNoNewerRecord(t *testing.T) {
	f, _ := withWork(t)
	for _, slot := range []string{"a", "b"} {
		f.Poke("_index1."+slot, []byte("awskeyd1 torn"))
	}
	load(t, open(f), "work", "one", false)
	f.Poke("work.b", later("2"))
	_, err := open(f).Load(ctx, "work")
	wants(t, err, store.ErrNewer)
}

// FuzzVersion: whatever a version will be called, an envelope that is whole is
// ours or newer, and never absent, damaged or overwritten.
func FuzzVersion(f *testing.F) {
	for _, v := range []string{"1", "1m", "2", "2m", "01", "0", "10", "", "999999999999999999999", "one", "1\x00"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, version string) {
		if strings.ContainsAny(version, " \n") || len(version) > 100 {
			return // the header's own marks
		}
		items := storetest.NewFaulty()
		s := open(items)
		must(t, s.Add(ctx, "work", []byte("one")))
		items.Poke("work.b", later(version))
		err := s.TakeOver(ctx, "work", []byte("mine"))
		if version == "1" || version == "1m" {
			must(t, err) // its header is not valid: damage, which a person may overwrite
			return
		}
		wants(t, err, store.ErrNewer)
		if data, _ := items.Peek("work.b"); !bytes.Equal(data, later(version)) {
			t.Error("it was overwritten")
		}
	})
}
