package explore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/awskeyd/awskeyd/store"
)

// keychain is the place of the records, with all the ways in which real ones
// fail. Data is never changed in place, so that copies of the maps are copies.
type keychain struct {
	items    map[string][]byte
	unsynced map[string][]byte // what a crash of the machine puts back; nil: not there
	lies     map[string][]byte // what the next read of an item shows
	late     []lateItem
	locked   time.Time // until then every call fails
	empty    time.Time // until then nothing is found, and nothing that was written before

	// What the store remembers beyond the items follows from what this process
	// asked and was told; where nothing odd was among it, from the items alone.
	history uint64
	odd     bool

	landed bool // a write has landed long after it was sent
	stray  bool // and its process had died

	// What each item was shown to hold, and does not: nobody can know.
	lied [2]bool
	liar bool // it has ever done so
}

// lateItem is a write that was never confirmed and still comes.
type lateItem struct {
	name string
	data []byte
	over bool // a newer one was written to the item since
	at   time.Time
	life int // of the process that sent it
}

// lie notes whether a slot of the record was shown to hold what it does not.
func (k *keychain) lie(name string, yes bool) {
	for i, slot := range []string{keyName + ".a", keyName + ".b"} {
		if name == slot {
			k.lied[i], k.liar = yes, k.liar || yes
		}
	}
}

// lying reports whether neither slot holds what it was shown to hold.
func (k *keychain) lying() bool { return k.lied[0] && k.lied[1] }

func newKeychain() keychain {
	return keychain{items: map[string][]byte{}, unsynced: map[string][]byte{}, lies: map[string][]byte{}}
}

func (k keychain) clone() keychain {
	k.items, k.unsynced, k.lies, k.late = maps.Clone(k.items), maps.Clone(k.unsynced), maps.Clone(k.lies), slices.Clone(k.late)
	return k
}

// put changes an item and notes what a crash of the machine leaves instead.
func (k *keychain) put(name string, data []byte) {
	if _, noted := k.unsynced[name]; !noted {
		k.unsynced[name] = k.items[name]
	}
	k.items[name] = data
	k.lie(name, false)
}

// lose is a crash of the machine: what was not forced to disk is gone, all of
// it, and so is what was on its way.
func (k *keychain) lose() {
	for name, old := range k.unsynced {
		if old == nil {
			delete(k.items, name)
		} else {
			k.items[name] = old
		}
	}
	clear(k.unsynced)
	k.late = nil
}

// land lets late writes come that are due: over a newer one as soon as that one
// was forced to disk, else after a while.
func (k *keychain) land(now time.Time, life int, synced bool) (landed bool) {
	k.late = slices.DeleteFunc(k.late, func(l lateItem) bool {
		if !(synced && l.over) && now.Before(l.at) {
			return false
		}
		k.items[l.name] = l.data
		delete(k.unsynced, l.name)
		landed, k.odd, k.landed = true, true, true
		k.stray = k.stray || l.life != life
		return true
	})
	return landed
}

// older is the item of the record that was written before the other one; empty if
// one of them is not whole.
func (k *keychain) older() string {
	var numbers [2]int
	for i, name := range []string{keyName + ".a", keyName + ".b"} {
		// awskeyd1 NAME SLOT SEQ …
		if _, err := fmt.Sscanf(string(k.items[name]), "awskeyd1 "+keyName+" "+name[len(keyName)+1:]+" %d", &numbers[i]); err != nil {
			return ""
		}
	}
	if numbers[0] < numbers[1] {
		return keyName + ".a"
	}
	return keyName + ".b"
}

// items is the keychain as the process sees it: each call is an effect.
type items struct{ w *World }

var (
	errLocked = fmt.Errorf("%w (simulated)", store.ErrLocked)
	errHung   = fmt.Errorf("%w (simulated)", store.ErrHung)
	errSilent = fmt.Errorf("%w: %w", store.ErrUnknown, errHung)
)

// begin is the common part of every call.
func (i items) begin(e Effect) (Kind, error) {
	w := i.w
	kind := w.effect(e)
	switch kind {
	case Away:
		w.keychain.locked = w.now.Add(w.scenario.away)
	case Vanish:
		w.keychain.empty = w.now.Add(w.scenario.away)
	case Late:
		if e != ItemSet {
			w.pass(w.scenario.slow)
		}
	}
	if kind == Before || w.now.Before(w.keychain.locked) {
		return kind, errLocked
	}
	return kind, nil
}

// end remembers what the call told, and lets the process die after it.
func (i items) end(kind Kind, name string, data []byte, err error) {
	k := &i.w.keychain
	k.history = mix(k.history, name, data, err)
	k.odd = k.odd || kind != Done || err != nil && !errors.Is(err, store.ErrAbsent)
	i.w.after(kind)
}

// Get implements store.Items.
func (i items) Get(_ context.Context, name string) ([]byte, error) {
	kind, err := i.begin(ItemGet)
	k := &i.w.keychain
	var data []byte
	lie, lies := k.lies[name]
	switch {
	case err != nil:
	case kind == After:
		err = errHung
	case lies:
		data = bytes.Clone(lie)
		delete(k.lies, name)
	case i.w.now.Before(k.empty) || k.items[name] == nil:
		err = store.ErrAbsent
	default:
		data = bytes.Clone(k.items[name])
	}
	i.end(kind, name, data, err)
	return data, err
}

// Set implements store.Items.
func (i items) Set(_ context.Context, name string, data []byte) error {
	kind, err := i.begin(ItemSet)
	k := &i.w.keychain
	data = bytes.Clone(data)
	for n := range k.late {
		k.late[n].over = k.late[n].over || k.late[n].name == name
	}
	switch {
	case err != nil:
	case i.w.now.Before(k.empty): // it goes to whatever stands there for the keychain
	case kind == Unsure:
		err = errSilent
	case kind == After:
		k.put(name, data)
		err = errSilent
	case kind == Torn:
		k.put(name, tear(k.items[name], data))
		err = errSilent
	case kind == Late:
		k.late = append(k.late, lateItem{name: name, data: data, at: i.w.now.Add(20 * time.Minute), life: i.w.lives})
		err = errSilent
	case kind == Dropped:
	case kind == Lie:
		k.lies[name] = data
		k.lie(name, true)
	default:
		k.put(name, data)
	}
	i.w.touched = true
	i.end(kind, name, data, err)
	return err
}

// tear is half of the new over what was there.
func tear(old, data []byte) []byte {
	half := slices.Clone(data[:len(data)/2])
	if len(old) > len(half) {
		return append(half, old[len(half):]...)
	}
	return half
}

// Sync implements store.Items.
func (i items) Sync(context.Context) error {
	kind, err := i.begin(ItemSync)
	k := &i.w.keychain
	if err == nil {
		clear(k.unsynced)
		if kind == After {
			err = errHung
		}
		i.w.touched = k.land(i.w.now, i.w.lives, true) || i.w.touched
	}
	i.end(kind, "", nil, err)
	return err
}

// Remove implements store.Items. No rotation removes a record: what is removed
// is the store's own probe.
func (i items) Remove(_ context.Context, name string) error {
	if i.w.keychain.items[name] == nil {
		return store.ErrAbsent
	}
	delete(i.w.keychain.items, name)
	return nil
}

// shelf shows the items to the judge, as a fresh process would read them, and
// takes nothing.
type shelf map[string][]byte

var errShelf = errors.New("the judge only reads")

func (s shelf) Get(_ context.Context, name string) ([]byte, error) {
	if data := s[name]; data != nil {
		return bytes.Clone(data), nil
	}
	return nil, store.ErrAbsent
}
func (shelf) Set(context.Context, string, []byte) error { return errShelf }
func (shelf) Remove(context.Context, string) error      { return errShelf }
func (shelf) Sync(context.Context) error                { return nil }
