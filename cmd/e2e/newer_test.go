//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/secret"
)

// A person goes back to this awskeyd after a newer one has written into the
// store, the configuration or the state folder. It says so with what to do, it
// goes on with all that it can read, and whatever verb is typed not one byte of
// the newer data is changed.
func TestADowngradeChangesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(t *testing.T, items store.Items)
		says string
	}{
		{"a record of the next version", nextRecord, "record version 2, this one reads 1"},
		{"a record in the next format", func(t *testing.T, items store.Items) {
			put(t, items, "work.a", "awskeyd2 a header to come ")
			put(t, items, "work.b", "awskeyd2 another header to come ")
		}, `format "2"`},
		{"one slot in the next format", func(t *testing.T, items store.Items) {
			put(t, items, "work.b", "awskeyd2 a header to come ")
		}, `format "2"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMistakes(t)
			gnomeKeyring(t, m.home) // somewhere to move to
			m.daemon.stop()
			m.daemon = m.start()
			m.opens("work") // what it holds must be known before another is taken in
			bob, secret := m.user("bob", awstest.Rotator())
			m.mustAdd("other", bob, secret)
			m.daemon.stop()
			m.withItems(func(items store.Items) { c.make(t, items) })
			before := m.items("work", "_index", ".key", "_sentinel")
			m.daemon = m.start()

			var status string
			eventually(t, runLimit, func() string {
				if status = m.awskey("status").stdout; !strings.Contains(status, "newer awskeyd") {
					return status
				}
				return ""
			})
			for _, want := range []string{"held", "written by a newer awskeyd (" + c.says, "install that awskeyd again"} {
				if !strings.Contains(strings.Join(strings.Fields(status), " "), want) {
					t.Errorf("status does not say %q:\n%s", want, status)
				}
			}
			if r := m.helper("work"); r.exit != exitFailed || r.stdout != "" || !strings.Contains(r.stderr, "written by a newer awskeyd") || !strings.Contains(r.stderr, "install that awskeyd again") {
				t.Errorf("the helper says %q and %q, exit %d", r.stdout, r.stderr, r.exit)
			}
			third, thirdSecret := m.user("carol", awstest.Rotator())
			for _, verb := range []string{
				"rotate work", "rotate work --wait", "rotate work --leaked --yes", "rollback work", "pause work", "resume work", "resolve work retry", "resolve work take-over",
				"rename work job", "remove work --yes", "remove work --yes --force", "eject --yes", "policy work", "store migrate secret-service --yes", "add",
			} {
				r := result{}
				if verb == "add" {
					r = m.add("third", third, thirdSecret) // whose user the newer record may hold
				} else {
					r = m.awskey(strings.Fields(verb)...)
				}
				if r.exit == exitDone || !strings.Contains(r.stderr, "newer awskeyd") && !strings.Contains(r.stderr, "awskey status work") {
					t.Errorf("awskey %s: exit %d\n%s%s", verb, r.exit, r.stdout, r.stderr)
				}
			}
			m.do("lock")
			m.do("unlock")
			for _, verb := range []string{"list", "history work", "doctor", "logs", "init --yes"} {
				m.awskey(strings.Fields(verb)...)
			}

			// The other key lives on; init has begun its first rotation.
			eventually(t, runLimit, func() string {
				if m.works(m.aws.Server, "other") == bob {
					return "the other key does not rotate"
				}
				return ""
			})
			m.daemon.stop()
			if now := m.items("work", "_index", ".key", "_sentinel"); !maps.Equal(before, now) {
				t.Errorf("before there were %d items, now there are %d, and not the same", len(before), len(now))
			}
			if keys := m.aws.Keys("alice"); len(keys) != 1 || keys[0].ID != m.aws.id || keys[0].Status != awstest.Active {
				t.Errorf("IAM has %+v", keys)
			}
		})
	}
}

// The same of the index, by which nothing is known any more: not one item changes.
func TestADowngradeOfTheIndexChangesNothing(t *testing.T) {
	t.Parallel()
	m := newMistakes(t)
	m.daemon.stop()
	m.withItems(func(items store.Items) {
		put(t, items, "_index1.a", "awskeyd2 a header to come ")
		put(t, items, "_index1.b", "awskeyd2 another header to come ")
	})
	before := m.items("")
	m.daemon = m.start()
	eventually(t, runLimit, func() string {
		status := m.awskey("status").stdout
		if text := strings.Join(strings.Fields(status), " "); !strings.Contains(text, "written by a newer awskeyd") || !strings.Contains(text, "install that awskeyd again") {
			return status
		}
		return ""
	})
	for _, verb := range []string{"rotate work", "remove work --yes", "rename work job", "resolve work", "eject --yes", "add"} {
		r := result{}
		if verb == "add" {
			r = m.add("work", m.aws.id, m.aws.secret)
		} else {
			r = m.awskey(strings.Fields(verb)...)
		}
		if r.exit == exitDone || !strings.Contains(r.stderr, "newer awskeyd") && !strings.Contains(r.stderr, "awskey status says what to do") {
			t.Errorf("awskey %s: exit %d\n%s%s", verb, r.exit, r.stdout, r.stderr)
		}
	}
	if r := m.helper("work"); r.exit != exitFailed || !strings.Contains(r.stderr, "newer awskeyd") {
		t.Errorf("the helper says %q, exit %d", r.stderr, r.exit)
	}
	m.daemon.stop()
	if !maps.Equal(before, m.items("")) {
		t.Error("the items are not what they were")
	}
}

// And of the configuration: a daemon that runs keeps the one it has, one that
// begins does not begin, and neither writes into the file.
func TestADowngradeOfTheConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	m := newMistakes(t)
	path := m.path(".config/awskeyd/config.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	later := "version = 2\n" + string(text) + "\n[sessions]\nlength = \"1h\"\n"
	m.configure(later)
	eventually(t, runLimit, func() string {
		status := m.awskey("status").stdout
		if text := strings.Join(strings.Fields(status), " "); !strings.Contains(text, "is for a newer awskeyd") || !strings.Contains(text, "the last good configuration stays in force") {
			return status
		}
		return ""
	})
	if id := m.works(m.aws.Server, "work"); id != m.aws.id {
		t.Errorf("served with %s", id)
	}
	if r := m.awskey("doctor"); !strings.Contains(strings.Join(strings.Fields(r.stdout), " "), "is for a newer awskeyd") {
		t.Errorf("doctor says nothing of it:\n%s", r.stdout)
	}
	m.daemon.stop()
	if r := m.awskeyd("run"); r.exit != exitUsage || !strings.Contains(r.stderr, "config.toml:1: version = 2: this file is for a newer awskeyd, this one reads version 1; install that one again") {
		t.Errorf("exit %d, %q", r.exit, r.stderr)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != later {
		t.Errorf("the configuration is %q, %v", now, err)
	}
}

// opens waits for a store that a slow machine is still opening or reading, as a
// person would who is told so.
func (h *home) opens(profile string) {
	h.t.Helper()
	eventually(h.t, runLimit, func() string {
		if r := h.helper(profile); r.exit == exitLocked {
			return r.stderr
		}
		return ""
	})
}

// withItems gives the items of the file store to do, while no daemon has it open.
func (h *home) withItems(do func(store.Items)) {
	h.t.Helper()
	items, err := keychain.Open(keychain.Config{
		Backend: keychain.File, Folder: h.path(".local/share/awskeyd/keys"),
		Passphrase: func() (secret.Value, error) { return secret.New(passphrase), nil },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	do(items)
	if err := items.Close(); err != nil {
		h.t.Error(err)
	}
}

// items is what the file store has on disk of the items whose names begin so.
func (h *home) items(prefixes ...string) map[string]string {
	h.t.Helper()
	folder := h.path(".local/share/awskeyd/keys/items")
	entries, err := os.ReadDir(folder)
	if err != nil {
		h.t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		for _, prefix := range prefixes {
			if strings.HasPrefix(strings.TrimPrefix(e.Name(), "awskeyd."), prefix) {
				data, err := os.ReadFile(filepath.Join(folder, e.Name()))
				if err != nil {
					h.t.Fatal(err)
				}
				all[e.Name()] = string(data)
			}
		}
	}
	return all
}

// nextRecord writes the record of work as the next version of it may be: through
// the store, which knows nothing of what is in it.
func nextRecord(t *testing.T, items store.Items) {
	ctx := context.Background()
	old, err := store.New(items, store.Identity{Machine: "any", Instance: "reader"}).Load(ctx, "work")
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(old.Payload, &record); err != nil {
		t.Fatal(err)
	}
	record["v"], record["zz"] = 2, "what is not known yet"
	payload, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(items, store.Identity{Machine: old.Machine, Instance: "newer"})
	if _, err := s.Load(ctx, "work"); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(ctx, "work", payload); err != nil {
		t.Fatal(err)
	}
}

// put sets an item whose first line ends in the checksum of all the rest, which
// is all that is known of a format to come.
func put(t *testing.T, items store.Items, name, head string) {
	t.Helper()
	const payload = "whatever it is"
	sum := sha256.Sum256([]byte(head + "\n" + payload))
	if err := items.Set(context.Background(), name, []byte(head+hex.EncodeToString(sum[:])[:32]+"\n"+payload)); err != nil {
		t.Fatal(err)
	}
}
