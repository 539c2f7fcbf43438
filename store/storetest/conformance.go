package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/awskeyd/awskeyd/store"
)

// Conformance holds a keychain to the contract of store.Items. open returns the
// keychain to test; it is called once for every part, may return the same one
// each time, and cleans up through t. The parts use different items.
func Conformance(t *testing.T, open func(*testing.T) store.Items) {
	for name, part := range map[string]func(*testing.T, store.Items){
		"absent": absent, "bytes": allBytes, "overwrite": overwrite, "names": names,
		"own copy": ownCopy, "too large": tooLarge, "cancelled": cancelled, "at once": atOnce, "store": wholeStore,
	} {
		t.Run(name, func(t *testing.T) { part(t, open(t)) })
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, items store.Items, name string, want []byte) {
	t.Helper()
	got, err := items.Get(t.Context(), name)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: got %.40q, %v; want %.40q", name, got, err, want)
	}
}

func absent(t *testing.T, items store.Items) {
	if data, err := items.Get(t.Context(), "absent.a"); !errors.Is(err, store.ErrAbsent) {
		t.Fatalf("got %q, %v", data, err)
	}
	if err := items.Remove(t.Context(), "absent.a"); !errors.Is(err, store.ErrAbsent) {
		t.Fatalf("removed with %v", err)
	}
	ok(t, items.Set(t.Context(), "absent.a", []byte("x")))
	ok(t, items.Remove(t.Context(), "absent.a"))
	if _, err := items.Get(t.Context(), "absent.a"); !errors.Is(err, store.ErrAbsent) {
		t.Fatalf("after Remove: %v", err)
	}
	if err := items.Remove(t.Context(), "absent.a"); !errors.Is(err, store.ErrAbsent) {
		t.Fatalf("removed twice with %v", err)
	}
}

func allBytes(t *testing.T, items store.Items) {
	data := make([]byte, store.MaxRecord)
	for i := range data {
		data[i] = byte(i)
	}
	ok(t, items.Set(t.Context(), "bytes.a", data))
	ok(t, items.Sync(t.Context()))
	get(t, items, "bytes.a", data)
	ok(t, items.Set(t.Context(), "bytes.a", []byte{0}))
	get(t, items, "bytes.a", []byte{0})
}

func overwrite(t *testing.T, items store.Items) {
	for _, text := range []string{"first", "a longer second", "3", ""} {
		ok(t, items.Set(t.Context(), "over.a", []byte(text)))
		get(t, items, "over.a", []byte(text))
	}
}

// names that a keychain could mix up.
func names(t *testing.T, items store.Items) {
	list := []string{"n.a", "n.b", "n.a.a", "n-a", "n_a", "_n.a", "0", "n", strings.Repeat("n", 64) + ".a", strings.Repeat("n", 64) + ".b"}
	for _, name := range list {
		ok(t, items.Set(t.Context(), name, []byte("of "+name)))
	}
	for _, name := range list {
		get(t, items, name, []byte("of "+name))
	}
	ok(t, items.Remove(t.Context(), "n.a"))
	for _, name := range list[1:] {
		get(t, items, name, []byte("of "+name))
	}
}

func ownCopy(t *testing.T, items store.Items) {
	data := []byte("secret")
	ok(t, items.Set(t.Context(), "copy.a", data))
	clear(data)
	got, err := items.Get(t.Context(), "copy.a")
	ok(t, err)
	clear(got)
	get(t, items, "copy.a", []byte("secret"))
}

func tooLarge(t *testing.T, items store.Items) {
	ok(t, items.Set(t.Context(), "large.a", []byte("small")))
	err := items.Set(t.Context(), "large.a", bytes.Repeat([]byte("SECRET"), store.MaxRecord))
	if !errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrUnknown) {
		t.Fatal(err)
	}
	if strings.Contains(err.Error(), "SECRET") {
		t.Fatal("the error carries the item")
	}
	get(t, items, "large.a", []byte("small"))
}

func cancelled(t *testing.T, items store.Items) {
	ok(t, items.Set(t.Context(), "cancel.a", []byte("old")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := items.Set(ctx, "cancel.a", []byte("new"))
	if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
		t.Fatalf("%v; nothing was sent", err)
	}
	if _, err := items.Get(ctx, "cancel.a"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := items.Remove(ctx, "cancel.a"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	get(t, items, "cancel.a", []byte("old"))
}

func atOnce(t *testing.T, items store.Items) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			name := fmt.Sprintf("once%d.a", i)
			for n := range 3 {
				text := fmt.Sprint(name, n)
				if err := items.Set(t.Context(), name, []byte(text)); err != nil {
					t.Error(err)
					return
				}
				if got, err := items.Get(t.Context(), name); err != nil || string(got) != text {
					t.Errorf("%s: got %q, %v", name, got, err)
				}
			}
		})
	}
	all.Wait()
}

// wholeStore is a life of records over the keychain.
func wholeStore(t *testing.T, items store.Items) {
	open := func(instance string) *store.Store {
		return store.New(items, store.Identity{Machine: "m", Instance: instance})
	}
	s := open("one")
	names, err := s.Names(t.Context())
	ok(t, err)
	if len(names) != 0 {
		t.Fatalf("a new keychain names %q", names)
	}
	ok(t, s.Add(t.Context(), "Work", []byte("first")))
	ok(t, s.Save(t.Context(), "work", bytes.Repeat([]byte{0xff}, store.MaxPayload)))
	ok(t, s.Rename(t.Context(), "work", "job"))
	r, err := open("two").Load(t.Context(), "job")
	if err != nil || len(r.Payload) != store.MaxPayload || !r.Certain || r.Foreign || r.Instance != "one" {
		t.Fatalf("loaded %d bytes, %v", len(r.Payload), err)
	}
	if _, err := s.Load(t.Context(), "work"); !errors.Is(err, store.ErrAbsent) {
		t.Fatal(err)
	}
	ok(t, s.Remove(t.Context(), "job"))
	names, err = open("three").Names(t.Context())
	ok(t, err)
	if len(names) != 0 {
		t.Fatalf("left: %q", names)
	}
}
