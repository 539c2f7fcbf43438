package keychain_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// impatient gives a provider that never answers little time.
func impatient() keychain.Config {
	c := real()
	c.Deadline = time.Second
	return c
}

func hung(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrHung) || !errors.Is(err, store.ErrUnknown) {
		t.Fatalf("%v; want a hung write whose outcome is unknown", err)
	}
}

// The suite holds the double to what the real ones do.
func TestTheDoubleIsAKeychain(t *testing.T) {
	b := storetest.PrivateBus(t)
	if b.Rerun(t) {
		return
	}
	storetest.NewProvider(b)
	k := open(t, real())
	storetest.Conformance(t, func(*testing.T) store.Items { return k })
}

// KeePassXC writes the item and answers by a prompt whose end the library never
// hears of. Its real self is in TestKeePassXC.
func TestAProviderThatWritesAndNeverAnswers(t *testing.T) {
	b := storetest.PrivateBus(t)
	if b.Rerun(t) {
		return
	}
	p := storetest.NewProvider(b)
	p.Writes(storetest.Silently)
	neverAnswers(t)
	if n := p.Hung(); n != 1 {
		t.Fatalf("%d writes reached the provider: the worker was doubled", n)
	}
}

func neverAnswers(t *testing.T) {
	t.Helper()
	k, err := keychain.Open(impatient())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	hung(t, k.Set(t.Context(), "work.a", []byte("one")))
	for range 3 {
		fails(t, k.Set(t.Context(), "work.b", []byte("two")), store.ErrHung, "an earlier call has not returned")
		_, err := k.Get(t.Context(), "work.a")
		fails(t, err, store.ErrHung, "an earlier call has not returned")
	}
	fails(t, k.Close(), store.ErrHung, "")
	if d := time.Since(began); d > 20*time.Second {
		t.Fatalf("told after %s", d)
	}
	get(t, open(t, real()), "work.a", "one") // as the next process does
}

// What a process never had confirmed lands after its end, over a newer record.
func TestAHungSetIsAnsweredAfterARestart(t *testing.T) {
	b := storetest.PrivateBus(t)
	if b.Rerun(t) {
		return
	}
	p := storetest.NewProvider(b)
	start := func(instance string) (*keychain.Keychain, *store.Store) {
		k, err := keychain.Open(impatient())
		if err != nil {
			t.Fatal(err)
		}
		return k, store.New(k, store.Identity{Machine: "m", Instance: instance})
	}
	k, s := start("one")
	done(t, s.Add(t.Context(), "work", []byte("one")))
	p.Writes(storetest.Later)
	hung(t, s.Save(t.Context(), "work", []byte("two")))
	if !s.Unsettled("work") {
		t.Fatal("an unknown write is taken for settled")
	}
	k.Close()

	p.Writes(storetest.Plainly)
	k, s = start("two")
	defer k.Close()
	loads(t, s, "one")
	done(t, s.Save(t.Context(), "work", []byte("three")))
	if p.Land() != 1 {
		t.Fatal("no write was under way")
	}
	loads(t, s, "three")
	k3, s3 := start("three")
	defer k3.Close()
	loads(t, s3, "three")
}

func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func loads(t *testing.T, s *store.Store, want string) store.Record {
	t.Helper()
	r, err := s.Load(t.Context(), "work")
	if err != nil || string(r.Payload) != want {
		t.Fatalf("loaded %q, %v; want %q", r.Payload, err, want)
	}
	return r
}

func TestUnlock(t *testing.T) {
	b := storetest.PrivateBus(t)
	if b.Rerun(t) {
		return
	}
	p := storetest.NewProvider(b)
	k := open(t, real())
	set(t, k, "work.a", "one")
	done(t, k.Unlock(t.Context())) // nothing is locked
	p.Lock()
	everyCall(t, k, store.ErrLocked, `"login" is locked`)
	if raised, _ := p.Prompts(); raised != 0 {
		t.Fatalf("%d prompts that nobody asked for", raised)
	}

	p.Person(storetest.Dismissed)
	fails(t, k.Unlock(t.Context()), store.ErrDenied, "dismissed")
	everyCall(t, k, store.ErrLocked, "")

	p.Person(storetest.Nobody)
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	fails(t, k.Unlock(short), store.ErrLocked, "nobody answered")
	if raised, dismissed := p.Prompts(); raised != 2 || dismissed != 1 {
		t.Fatalf("%d prompts were raised, %d taken away", raised, dismissed)
	}
	everyCall(t, k, store.ErrLocked, "")

	// Two who ask see one prompt.
	p.Person(storetest.Answered)
	ends := make(chan error)
	for range 2 {
		go func() { ends <- k.Unlock(t.Context()) }()
	}
	done(t, <-ends)
	done(t, <-ends)
	if raised, _ := p.Prompts(); raised != 3 {
		t.Fatalf("%d prompts were raised", raised)
	}
	get(t, k, "work.a", "one")

	// The program ends while it asks.
	p.Lock()
	p.Person(storetest.Nobody)
	go func() { ends <- k.Unlock(t.Context()) }()
	for raised := 0; raised != 4; raised, _ = p.Prompts() {
		time.Sleep(time.Millisecond)
	}
	p.Leave()
	fails(t, <-ends, store.ErrUnavailable, "ended while it asked")
}
