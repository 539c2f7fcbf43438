package keychain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// What befalls a real gnome-keyring under a living store, each ending in the
// error that a person needs to hear, and over by itself when the cause is.

// keyringWithWork is a store with one record in a real keyring.
func keyringWithWork(t *testing.T) (*storetest.Keyring, *keychain.Keychain, *store.Store) {
	t.Helper()
	kr := storetest.GnomeKeyring(t)
	if kr.Rerun(t) {
		return nil, nil, nil
	}
	k := open(t, real())
	s := over("one", k)
	done(t, s.Add(t.Context(), "work", []byte("one")))
	return kr, k, s
}

func over(instance string, k *keychain.Keychain) *store.Store {
	return store.New(k, store.Identity{Machine: "m", Instance: instance})
}

func cannotLoad(t *testing.T, s *store.Store, kind error, says string) {
	t.Helper()
	_, err := s.Load(t.Context(), "work")
	fails(t, err, kind, says)
}

// The log-in is not done: nobody is on the bus, then somebody who is locked.
func TestTheLoginIsNotDone(t *testing.T) {
	b := storetest.PrivateBus(t)
	if b.Rerun(t) {
		return
	}
	_, err := keychain.Open(real())
	fails(t, err, store.ErrUnavailable, "log in to the desktop")
	p := storetest.NewProvider(b)
	p.Lock()
	k := open(t, real())
	everyCall(t, k, store.ErrLocked, `"login" is locked`)
	p.Person(storetest.Answered)
	done(t, k.Unlock(t.Context()))
	done(t, over("one", k).Add(t.Context(), "work", []byte("one")))
}

func TestTheProviderComesBack(t *testing.T) {
	kr, k, s := keyringWithWork(t)
	if kr == nil {
		return
	}
	kr.Kill()
	cannotLoad(t, s, store.ErrUnavailable, "no program on the session bus keeps secrets")
	fails(t, s.Save(t.Context(), "work", []byte("two")), store.ErrUnavailable, "gnome-keyring-daemon --start")
	fails(t, k.Unlock(t.Context()), store.ErrUnavailable, "no program")
	kr.Restart()
	loads(t, s, "one")
	done(t, s.Save(t.Context(), "work", []byte("two")))
	done(t, k.State(t.Context()))
	kr.Lock()
	cannotLoad(t, s, store.ErrLocked, `"login" is locked`)
	fails(t, k.State(t.Context()), store.ErrLocked, `"login" is locked`)
	// There is no display here, and that is found out at once.
	began := time.Now()
	fails(t, k.Unlock(t.Context()), store.ErrLocked, "no prompt could be shown")
	if d := time.Since(began); d > 10*time.Second {
		t.Fatalf("told after %s", d)
	}
	kr.Unlock()
	loads(t, s, "two")
}

func TestItemsEmptiedBehindOurBack(t *testing.T) {
	kr, k, s := keyringWithWork(t)
	if kr == nil {
		return
	}
	for _, item := range []string{"work.a", "work.b"} {
		done(t, k.Remove(t.Context(), item))
	}
	cannotLoad(t, s, store.ErrEmptied, "")
	cannotLoad(t, over("two", open(t, real())), store.ErrEmptied, "")
	fails(t, s.Save(t.Context(), "work", []byte("two")), store.ErrChanged, "")
	// The index as well: whoever has seen it knows.
	for _, item := range []string{"_index1.a", "_index1.b"} {
		done(t, k.Remove(t.Context(), item))
	}
	cannotLoad(t, s, store.ErrEmptied, "")
	_, err := s.Names(t.Context())
	fails(t, err, store.ErrEmptied, "")
}

func TestARecordDamagedInOneSlotAndInBoth(t *testing.T) {
	kr, k, s := keyringWithWork(t)
	if kr == nil {
		return
	}
	whole, err := k.Get(t.Context(), "work.a")
	done(t, err)
	done(t, k.Set(t.Context(), "work.a", whole[:len(whole)/2]))
	if r := loads(t, over("two", k), "one"); r.Certain {
		t.Fatal("the other slot alone is taken for certain")
	}
	done(t, k.Set(t.Context(), "work.b", []byte("garbage")))
	cannotLoad(t, over("two", k), store.ErrDamaged, "")
	cannotLoad(t, s, store.ErrDamaged, "")
}

func TestAnotherMachinesSyncedRecord(t *testing.T) {
	kr, k, s := keyringWithWork(t)
	if kr == nil {
		return
	}
	there := store.New(k, store.Identity{Machine: "other", Instance: "far"})
	if r := loads(t, there, "one"); !r.Foreign {
		t.Fatal("a record of another machine is not told")
	}
	fails(t, there.Save(t.Context(), "work", []byte("two")), store.ErrChanged, "")
	loads(t, s, "one")
	done(t, there.TakeOver(t.Context(), "work", []byte("two")))
	fails(t, s.Save(t.Context(), "work", []byte("three")), store.ErrChanged, "")
}

// Another program's item under the very name of ours: no word of it is shown,
// and what it hides is not taken for gone.
func TestAnItemThatAnotherToolWrote(t *testing.T) {
	kr, k, s := keyringWithWork(t)
	if kr == nil {
		return
	}
	kr.Put(map[string]string{"profile": "awskeyd.other.a"}, "SECRET of another program")
	_, err := k.Get(t.Context(), "other.a")
	fails(t, err, store.ErrStranger, "not written by awskeyd")
	if strings.Contains(err.Error(), "SECRET") {
		t.Fatal(err)
	}
	fails(t, s.Add(t.Context(), "other", []byte("mine")), store.ErrStranger, "")
	_, err = k.Get(t.Context(), "other.a")
	fails(t, err, store.ErrStranger, "") // it stays
	loads(t, s, "one")
	// Beside one of ours, under more attributes, so that both are found.
	kr.Put(map[string]string{"profile": "awskeyd.work.a", "of": "another tool"}, "SECRET")
	r, err := s.Load(t.Context(), "work")
	if err != nil || string(r.Payload) != "one" {
		t.Fatalf("%q, %v: the other slot is whole", r.Payload, err)
	}
}
