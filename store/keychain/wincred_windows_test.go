package keychain_test

import (
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/storetest"
)

func TestWinCred(t *testing.T) {
	c := keychain.Config{Backend: keychain.WinCred}
	k, err := keychain.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Conformance(t, func(*testing.T) store.Items { return k })
	if err := k.Set(t.Context(), "work.a", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if k, err = keychain.Open(c); err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if data, err := k.Get(t.Context(), "work.a"); err != nil || string(data) != "one" {
		t.Fatalf("%q, %v", data, err)
	}
	if err := k.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.Remove(t.Context(), "work.a"); err != nil {
		t.Fatal(err)
	}
	text, err := keychain.Probe(t.Context(), keychain.WinCred)
	if err != nil || !strings.HasPrefix(text, "wincred: ") {
		t.Fatalf("%q, %v", text, err)
	}
	if _, err := keychain.Open(keychain.Config{Backend: keychain.SecretService}); err == nil || !strings.Contains(err.Error(), "is for Linux, not for windows") {
		t.Fatal(err)
	}
}
