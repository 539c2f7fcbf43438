package keychain_test

import (
	"errors"
	"fmt"
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

// A call starts gpg three times, and eight wait for one another in the suite.
func pass() keychain.Config {
	return keychain.Config{Backend: keychain.Pass, Deadline: time.Minute}
}

func TestPass(t *testing.T) {
	p := storetest.NewPasswordStore(t, "")
	k := open(t, pass())
	storetest.Conformance(t, func(*testing.T) store.Items { return k })
	set(t, k, "work.a", "SECRET")
	k.Close()
	t.Setenv("PATH", "") // as the helper starts a daemon
	get(t, open(t, pass()), "work.a", "SECRET")
	path := filepath.Join(p.Dir, "awskeyd/awskeyd.work.a.gpg")
	data, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(data), "SECRET") {
		t.Fatalf("%v, or the secret is readable in it", err)
	}
	text, err := keychain.Probe(t.Context(), keychain.Pass)
	if err != nil || text != "pass: pass keeps its store in "+p.Dir+", which gpg-agent opens" {
		t.Fatalf("%q, %v", text, err)
	}
}

func TestPassLocked(t *testing.T) {
	p := storetest.NewPasswordStore(t, "pw")
	k := open(t, pass()) // a locked one opens too
	began := time.Now()
	everyCall(t, k, store.ErrLocked, "gpg-agent does not have the passphrase")
	fails(t, k.Unlock(t.Context()), store.ErrLocked, "no prompt") // there is no display
	if d := time.Since(began); d > 30*time.Second {
		t.Fatalf("told after %s", d)
	}
	before := listing(t)
	text, err := keychain.Probe(t.Context(), keychain.Pass)
	fails(t, err, store.ErrLocked, "pass show")
	if after := listing(t); after != before {
		t.Fatalf("a question has written:\n%s\nbefore:\n%s", after, before)
	}
	if !strings.HasSuffix(text, p.Dir+", which is locked") {
		t.Fatal(text)
	}
	p.Unlock()
	set(t, k, "work.a", "one")
	get(t, k, "work.a", "one")
	if err := k.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Lock()
	everyCall(t, k, store.ErrLocked, "gpg-agent does not have the passphrase")
	p.Unlock()
	get(t, k, "work.a", "one")

	// A question starts no agent; a call of ours may.
	p.EndAgent()
	text, err = keychain.Probe(t.Context(), keychain.Pass)
	if err != nil || !strings.HasSuffix(text, "whether it is locked shows once gpg-agent runs") {
		t.Fatalf("%q, %v", text, err)
	}
	if err := exec.Command("gpg-connect-agent", "--no-autostart", "/bye").Run(); err == nil {
		if out, _ := exec.Command("gpg-connect-agent", "--no-autostart", "GETINFO pid", "/bye").Output(); len(out) > 0 {
			t.Fatalf("an agent runs by now: %s", out)
		}
	}
	everyCall(t, k, store.ErrLocked, "")
}

// listing is every file of gpg and of the store, with its time.
func listing(t *testing.T) string {
	var all strings.Builder
	err := filepath.WalkDir(os.Getenv("GNUPGHOME"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintln(&all, path, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestPassInTrouble(t *testing.T) {
	p := storetest.NewPasswordStore(t, "")
	k := open(t, pass())
	set(t, k, "work.a", "one")
	path := filepath.Join(p.Dir, "awskeyd/awskeyd.work.a.gpg")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, len(whole) / 2} { // a torn write, and one that was begun
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := k.Get(t.Context(), "work.a")
		fails(t, err, store.ErrDamaged, "")
	}
	// An item of the same name that another program wrote.
	insert := exec.Command("pass", "insert", "-m", "-f", "awskeyd/awskeyd.work.a")
	insert.Stdin = strings.NewReader("SECRET of another program\n")
	if out, err := insert.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	_, err = k.Get(t.Context(), "work.a")
	fails(t, err, store.ErrDamaged, "")
	if strings.Contains(err.Error(), "SECRET") {
		t.Fatal(err)
	}
	set(t, k, "work.a", "two")
	get(t, k, "work.a", "two")

	// A store that is not mounted is not an empty one.
	away := p.Dir + ".away"
	if err := os.Rename(p.Dir, away); err != nil {
		t.Fatal(err)
	}
	everyCall(t, k, store.ErrUnavailable, "there is no password store in "+p.Dir)
	refused(t, pass(), store.ErrUnavailable, "pass init")
	if err := os.Rename(away, p.Dir); err != nil {
		t.Fatal(err)
	}
	get(t, k, "work.a", "two")

	// The secret key is gone.
	p.EndAgent()
	if err := os.RemoveAll(filepath.Join(os.Getenv("GNUPGHOME"), "private-keys-v1.d")); err != nil {
		t.Fatal(err)
	}
	everyCall(t, k, store.ErrUnavailable, "no secret key")

	t.Setenv("PATH", t.TempDir())
	refused(t, pass(), store.ErrUnavailable, "no program pass")
	if text, err := keychain.Probe(t.Context(), keychain.Pass); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(text, "install pass and gnupg") {
		t.Fatalf("%q, %v", text, err)
	}
}
