package keychain

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
)

// ring is a library that does as it is told.
type ring struct {
	keyring.Keyring
	set  func(keyring.Item) error
	get  func(string) (keyring.Item, error)
	busy atomic.Int32 // how many are inside at once
}

func (r *ring) Set(i keyring.Item) error {
	r.busy.Add(1)
	defer r.busy.Add(-1)
	return r.set(i)
}

func (r *ring) Get(name string) (keyring.Item, error) {
	r.busy.Add(1)
	defer r.busy.Add(-1)
	return r.get(name)
}

// nothing is a backend without trouble of its own.
type nothing struct{ check func(context.Context) error }

func (n nothing) ready(ctx context.Context) error {
	if n.check != nil {
		return n.check(ctx)
	}
	return nil
}
func (nothing) read(err error) error { return err }
func (nothing) wrote(string)         {}
func (nothing) sync() error          { return nil }
func (nothing) close()               {}

func over(r *ring, back backend) *Keychain {
	return &Keychain{ring: r, back: back, worker: newWorker(10 * time.Second)}
}

func wants(t *testing.T, err error, kind error, unknown bool) {
	t.Helper()
	if !errors.Is(err, kind) || errors.Is(err, store.ErrUnknown) != unknown {
		t.Fatalf("%v; want %v, unknown %v", err, kind, unknown)
	}
}

func TestHungSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var landed string
		r := &ring{get: func(string) (keyring.Item, error) { return keyring.Item{Data: []byte("x")}, nil }}
		r.set = func(i keyring.Item) error {
			<-release
			landed = string(i.Data)
			return nil
		}
		k := over(r, nothing{})
		ctx := t.Context()
		data := []byte("secret")
		began := time.Now()
		err := k.Set(ctx, "work.a", data)
		clear(data) // the caller wipes; the hung call must not write zeros
		wants(t, err, store.ErrHung, true)
		if d := time.Since(began); d != 10*time.Second {
			t.Fatalf("gave up after %s", d)
		}
		began = time.Now()
		_, err = k.Get(ctx, "work.a")
		wants(t, err, store.ErrHung, false)
		wants(t, k.Set(ctx, "work.a", data), store.ErrHung, false)
		wants(t, k.Remove(ctx, "work.a"), store.ErrHung, false)
		wants(t, k.Sync(ctx), store.ErrHung, false)
		if time.Since(began) != 0 {
			t.Fatal("calls behind a hung one do not fail at once")
		}
		if r.busy.Load() != 1 {
			t.Fatalf("%d calls in the library", r.busy.Load())
		}
		wants(t, k.Close(), store.ErrHung, false) // bounded, and says so
		close(release)
		synctest.Wait()
		if landed != "secret" {
			t.Fatalf("the hung call wrote %q", landed)
		}
		wants(t, k.Set(ctx, "work.a", nil), store.ErrUnavailable, false) // closed
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestHungCallReturnsAndAllIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := 25 * time.Second
		r := &ring{get: func(string) (keyring.Item, error) {
			time.Sleep(slow)
			return keyring.Item{Data: []byte("x")}, nil
		}}
		k := over(r, nothing{})
		defer k.Close()
		for range 3 { // after 10, 10 and 10 seconds: the last one still comes too early
			_, err := k.Get(t.Context(), "a")
			wants(t, err, store.ErrHung, false)
			time.Sleep(time.Second)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		slow = time.Second
		if data, err := k.Get(t.Context(), "a"); err != nil || string(data) != "x" {
			t.Fatalf("%q, %v", data, err)
		}
	})
}

func TestWaitingCallsAreToldWhenTheFirstHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := &ring{get: func(string) (keyring.Item, error) { <-release; return keyring.Item{}, nil }}
		k := over(r, nothing{})
		began := time.Now()
		ends := make(chan time.Duration, 5)
		for range 5 {
			go func() {
				if _, err := k.Get(t.Context(), "a"); !errors.Is(err, store.ErrHung) {
					t.Error(err)
				}
				ends <- time.Since(began)
			}()
		}
		for range 5 {
			if d := <-ends; d != 10*time.Second {
				t.Errorf("told after %s", d)
			}
		}
		if r.busy.Load() != 1 {
			t.Errorf("%d calls in the library", r.busy.Load())
		}
		close(release)
		k.Close()
	})
}

// A question to the bus that hangs is no write, and leaves the worker free.
func TestHungCheckIsNotAnUnknownWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := true
		r := &ring{set: func(keyring.Item) error { return nil }}
		k := over(r, nothing{func(ctx context.Context) error {
			if hang {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}})
		defer k.Close()
		wants(t, k.Set(t.Context(), "a", nil), store.ErrHung, false)
		synctest.Wait() // the worker has looked at hang for the last time
		hang = false
		if err := k.Set(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithCancel(t.Context())
		hang = true
		time.AfterFunc(time.Second, cancel)
		wants(t, k.Set(short, "a", nil), context.Canceled, false)
	})
}

func TestCancelledSetIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &ring{set: func(keyring.Item) error { time.Sleep(5 * time.Second); return nil }}
		k := over(r, nothing{})
		defer k.Close()
		short, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		wants(t, k.Set(short, "a", nil), context.Canceled, true)
		if err := k.Set(t.Context(), "a", nil); err != nil { // waits its turn, 4 s
			t.Fatal(err)
		}
	})
}

// Whoever asks how it is does not wait for long, and does not take a busy
// keychain for a hung one.
func TestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := &ring{get: func(string) (keyring.Item, error) { <-release; return keyring.Item{}, nil }}
		ready := func(context.Context) error { return nil }
		k := over(r, nothing{func(ctx context.Context) error { return ready(ctx) }})
		state := func() error {
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := k.State(short)
			if time.Since(began) > time.Second {
				t.Fatal("it took longer than it was given")
			}
			return err
		}
		if err := state(); err != nil {
			t.Fatal(err)
		}
		ready = func(context.Context) error { return store.ErrLocked }
		wants(t, state(), store.ErrLocked, false)
		ready = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		wants(t, state(), store.ErrHung, false)
		synctest.Wait()
		ready = func(context.Context) error { return nil }
		go k.Get(t.Context(), "a")
		synctest.Wait()
		if err := state(); err != nil { // busy
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		wants(t, state(), store.ErrHung, false)
		close(release)
		synctest.Wait()
		if err := state(); err != nil {
			t.Fatal(err)
		}
		k.Close()
	})
}

func TestPanicIsAnError(t *testing.T) {
	r := &ring{
		set: func(keyring.Item) error { panic("SECRET") },
		get: func(string) (keyring.Item, error) { panic("SECRET") },
	}
	k := over(r, nothing{})
	defer k.Close()
	err := k.Set(t.Context(), "a", nil)
	wants(t, err, store.ErrUnavailable, true)
	_, err2 := k.Get(t.Context(), "a")
	wants(t, err2, store.ErrUnavailable, false)
	noSecret(t, err, err2)
}
