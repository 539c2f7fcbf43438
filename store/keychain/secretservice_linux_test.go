package keychain_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/keychain/busguard"
	"github.com/awskeyd/awskeyd/store/storetest"
)

func real() keychain.Config { return keychain.Config{Backend: keychain.SecretService} }

func fails(t *testing.T, err error, kind error, says string) {
	t.Helper()
	if !errors.Is(err, kind) || errors.Is(err, store.ErrUnknown) || !strings.Contains(err.Error(), says) {
		t.Fatalf("%v; want %v that says %q", err, kind, says)
	}
}

// everyCall insists that all calls fail alike and that no write is called
// unknown: none was sent.
func everyCall(t *testing.T, k store.Items, kind error, says string) {
	t.Helper()
	_, err := k.Get(t.Context(), "work.a")
	fails(t, err, kind, says)
	fails(t, k.Set(t.Context(), "work.a", []byte("two")), kind, says)
	fails(t, k.Remove(t.Context(), "work.a"), kind, says)
}

func TestGnomeKeyring(t *testing.T) {
	kr := storetest.GnomeKeyring(t)
	if kr.Rerun(t) {
		return
	}
	k := open(t, real())
	storetest.Conformance(t, func(*testing.T) store.Items { return k })
	set(t, k, "work.a", "one")
	k.Close()
	get(t, open(t, real()), "work.a", "one")
	files, _ := filepath.Glob(filepath.Join(kr.Home, ".local/share/keyrings/*.keyring"))
	if len(files) != 1 || filepath.Base(files[0]) != "login.keyring" {
		t.Fatalf("keyrings %q; no collection but login may be made", files)
	}
}

func TestLockedInTheMiddle(t *testing.T) {
	kr := storetest.GnomeKeyring(t)
	if kr.Rerun(t) {
		return
	}
	k := open(t, real())
	set(t, k, "work.a", "one")
	text, err := keychain.Probe(t.Context(), keychain.SecretService)
	if err != nil || text != "secret-service: gnome-keyring answers on the session bus, collection login is unlocked" {
		t.Fatalf("%q, %v", text, err)
	}
	kr.Lock()
	everyCall(t, k, store.ErrLocked, `"login" is locked`)
	text, err = keychain.Probe(t.Context(), keychain.SecretService)
	if !errors.Is(err, store.ErrLocked) || !strings.HasSuffix(text, "collection login is locked") {
		t.Fatalf("%q, %v", text, err)
	}
	second := open(t, real()) // opens all the same, and waits for the person
	everyCall(t, second, store.ErrLocked, `"login" is locked`)
	kr.Unlock()
	get(t, k, "work.a", "one")
	get(t, second, "work.a", "one")
	set(t, k, "work.a", "two")
}

func TestProviderKilled(t *testing.T) {
	kr := storetest.GnomeKeyring(t)
	if kr.Rerun(t) {
		return
	}
	k := open(t, real())
	set(t, k, "work.a", "one")
	kr.Kill()
	everyCall(t, k, store.ErrUnavailable, "no program on the session bus keeps secrets")
	_, err := keychain.Open(real())
	fails(t, err, store.ErrUnavailable, "gnome-keyring-daemon --start")
	text, err := keychain.Probe(t.Context(), keychain.SecretService)
	fails(t, err, store.ErrUnavailable, "no program")
	if !strings.Contains(text, "no program on the session bus keeps secrets") {
		t.Fatal(text)
	}
	// The bus knows how to start another one; nothing of ours may cause that.
	if n := keyringsOf(t, kr.Home); n != 0 {
		t.Fatalf("%d gnome-keyring-daemon run by now", n)
	}
}

// keyringsOf counts living gnome-keyring daemons with that home.
func keyringsOf(t *testing.T, home string) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(all) == 0 {
		t.Fatal("no /proc to count processes in")
	}
	for _, path := range all {
		env, err := os.ReadFile(path)
		name, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "comm"))
		if err == nil && strings.Contains("\x00"+string(env), "\x00HOME="+home+"\x00") && strings.HasPrefix(string(name), "gnome-keyring") {
			n++
		}
	}
	return n
}

func TestProviderStopped(t *testing.T) {
	kr := storetest.GnomeKeyring(t)
	if kr.Rerun(t) {
		return
	}
	c := real()
	c.Deadline = 2 * time.Second
	k := open(t, c)
	set(t, k, "work.a", "one")
	kr.Stop()
	everyCall(t, k, store.ErrHung, "")
	began := time.Now()
	text, err := keychain.Probe(t.Context(), keychain.SecretService)
	fails(t, err, store.ErrHung, "restart it")
	if d := time.Since(began); d > 20*time.Second || !strings.Contains(text, "no answer within") {
		t.Fatalf("%q after %s", text, d)
	}
	c.Deadline = 200 * time.Millisecond
	_, err = keychain.Open(c)
	fails(t, err, store.ErrHung, "no answer within 200ms")
	kr.Continue()
	get(t, k, "work.a", "one")
	set(t, k, "work.a", "two")
}

func TestBusKilled(t *testing.T) {
	kr := storetest.GnomeKeyring(t)
	if kr.Rerun(t) {
		return
	}
	k := open(t, real())
	set(t, k, "work.a", "one")
	if busguard.Reason() != "" || busguard.Recovered(t.Context()) {
		t.Fatalf("given up on a living bus: %s", busguard.Reason())
	}
	kr.KillBus()
	for range 2 { // the first call may be the one that learns of it
		_, err := k.Get(t.Context(), "work.a")
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	_, err := keychain.Open(real())
	fails(t, err, store.ErrUnavailable, "went away")
	if busguard.Reason() == "" || busguard.Recovered(t.Context()) {
		t.Fatalf("reason %q; a dead bus has not recovered", busguard.Reason())
	}
}
