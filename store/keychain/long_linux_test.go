//go:build long

package keychain_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// The real KeePassXC, whose double is in TestAProviderThatWritesAndNeverAnswers.
func TestKeePassXC(t *testing.T) {
	b := storetest.KeePassXC(t)
	if b.Rerun(t) {
		return
	}
	text, err := keychain.Probe(t.Context(), keychain.SecretService)
	if err != nil || text != "secret-service: keepassxc answers on the session bus, collection keys is unlocked" {
		t.Fatalf("%q, %v", text, err)
	}
	neverAnswers(t)
}

const unlockWindow = "Unlock"

// A person before the real prompt of gnome-keyring.
func TestUnlockAtADisplay(t *testing.T) {
	kr := storetest.GnomeKeyring(t)
	if kr.Rerun(t) {
		return
	}
	d := storetest.NewDisplay(t)
	kr.ShowOn(d)
	k := open(t, real())
	set(t, k, "work.a", "one")
	ends := make(chan error, 1)
	unlock := func(limit time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		go func() { defer cancel(); ends <- k.Unlock(ctx) }()
	}

	// Whatever runs in the background raises no prompt, though it could.
	kr.Lock()
	began := time.Now()
	for range 5 {
		everyCall(t, k, store.ErrLocked, `"login" is locked`)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Fatalf("told after %s", d)
	}
	if d.Shows(unlockWindow) {
		t.Fatal("a prompt that nobody asked for")
	}

	unlock(time.Minute)
	d.Type(unlockWindow, "", "Escape")
	fails(t, <-ends, store.ErrDenied, "dismissed")
	d.Until(unlockWindow, false)
	everyCall(t, k, store.ErrLocked, "")

	unlock(5 * time.Second)
	d.Until(unlockWindow, true)
	fails(t, <-ends, store.ErrLocked, "nobody answered")
	// The prompt stays: gnome-keyring would die of its being taken away. Whoever
	// asks again is served by the same answer.
	if !d.Shows(unlockWindow) {
		t.Fatal("the prompt is gone")
	}
	if n := keyringsOf(t, kr.Home); n != 1 {
		t.Fatalf("%d keyrings run by now", n)
	}

	unlock(time.Minute)
	d.Type(unlockWindow, storetest.Password, "Return")
	done(t, <-ends)
	get(t, k, "work.a", "one")
	d.Until(unlockWindow, false)
}

// The library alone, as the worker meets it when the keyring is locked between
// our question and its call: it waits for ever, and is left alone.
func TestAPromptThatNobodyAnswersHangsTheLibraryOnly(t *testing.T) {
	kr := storetest.GnomeKeyring(t)
	if kr.Rerun(t) {
		return
	}
	d := storetest.NewDisplay(t)
	kr.ShowOn(d)
	c := real()
	c.Deadline = 3 * time.Second
	k, err := keychain.Open(c)
	done(t, err)
	set(t, k, "work.a", "one")
	restore := keychain.Blind(k) // the question is answered: all is open
	kr.Lock()
	_, err = k.Get(t.Context(), "work.a")
	fails(t, err, store.ErrHung, "no answer within 3s")
	_, err = k.Get(t.Context(), "work.a")
	fails(t, err, store.ErrHung, "an earlier call has not returned")
	restore()
	d.Type(unlockWindow, storetest.Password, "Return")
	for end := time.Now().Add(30 * time.Second); ; {
		if _, err = k.Get(t.Context(), "work.a"); err == nil || time.Now().After(end) {
			break
		}
		if !errors.Is(err, store.ErrHung) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	done(t, err)
	done(t, k.Close())
}

// The Credential Manager of Windows, as wine has it: this package's own test,
// built for Windows.
func TestWinCredUnderWine(t *testing.T) {
	exe := filepath.Join(t.TempDir(), "keychain.exe")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", exe, ".")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building it: %v\n%s", err, out)
	}
	out := storetest.NewWine(t).Run(exe, "-test.v", "-test.run=^TestWinCred$")
	if !strings.Contains(out, "--- PASS: TestWinCred") {
		t.Fatal(out)
	}
}
