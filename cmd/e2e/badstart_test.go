//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// What keeps a daemon from starting, or a program from finding it: each in a
// home of its own.
func TestBadStartsAreAnsweredWithOneLine(t *testing.T) {
	t.Parallel()
	const helper, awskey, awskeyd = "awskey-helper: ", "awskey: ", "awskeyd: "
	config := func(h *home) string { return h.path(".config/awskeyd/config.toml") }
	for _, w := range []wrong{
		{"no daemon, helper", func(m *mistakes) result { return m.helper("work") }, exitNoDaemon, helper, "no daemon.*none was started: AWSKEYD_SOCKET is set.*awskeyd run"},
		{"no daemon, awskey", func(m *mistakes) result { return m.awskey("status") }, exitNoDaemon, awskey, "no daemon answers.*awskey service start"},
		{"no daemon, store list", func(m *mistakes) result { return m.awskey("store", "list") }, exitNoDaemon, awskey, "no daemon answers.*awskey service start"},
		{"no daemon beside the helper", func(m *mistakes) result {
			m.unsteered()
			lone := m.path("lone")
			if err := os.Mkdir(lone, 0o700); err != nil {
				m.t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(m.bin, "awskey-helper"))
			if err == nil {
				err = os.WriteFile(filepath.Join(lone, "awskey-helper"), data, 0o700)
			}
			if err != nil {
				m.t.Fatal(err)
			}
			return m.run("", filepath.Join(lone, "awskey-helper"), "work")
		}, exitNoDaemon, helper, "none was started: there is no program .*awskeyd"},
		{"stopped on purpose", func(m *mistakes) result {
			m.unsteered()
			m.write(".local/state/awskeyd/stopped", "")
			return m.helper("work")
		}, exitNoDaemon, helper, "it has been stopped"},
		{"daemon that cannot start", func(m *mistakes) result {
			m.unsteered()
			m.configure("[store]\nbackend = 7\n")
			return m.helper("work")
		}, exitNoDaemon, helper, "ended as soon as it was started.*awskeyd run"},
		{"neither HOME nor socket", func(m *mistakes) result {
			return m.runIn([]string{"PATH=" + m.vars["PATH"], "XDG_RUNTIME_DIR=/nonexistent"}, "", filepath.Join(m.bin, "awskeyd"), "run")
		}, exitUsage, awskeyd, "HOME is not set"},
		{"bad TOML", func(m *mistakes) result {
			m.configure("[store]\nbackend = \"file\n")
			return m.awskeyd("run")
		}, exitUsage, awskeyd, `config\.toml:2`},
		{"unknown setting", func(m *mistakes) result {
			m.configure("[store]\nbackend = \"file\"\n\n[rotation]\nevry = \"75d\"\n")
			return m.awskeyd("run")
		}, exitUsage, awskeyd, `config\.toml:5.*evry`},
		{"impossible time", func(m *mistakes) result {
			m.configure("[rotation]\nttl = \"5m\"\n")
			return m.awskeyd("run")
		}, exitUsage, awskeyd, `config\.toml:2.*ttl.*30m`},
		{"configuration that others may write", func(m *mistakes) result {
			m.configure("")
			m.chmod(0o666, config(m.home))
			return m.awskeyd("run")
		}, exitRefused, awskeyd, "config.toml may be written by others.*chmod go-w"},
		{"folder of the configuration that others may write", func(m *mistakes) result {
			m.configure("")
			m.chmod(0o777, filepath.Dir(config(m.home)))
			return m.awskeyd("run")
		}, exitRefused, awskeyd, "awskeyd may be written by others.*chmod go-w"},
		{"socket's folder open to others", func(m *mistakes) result {
			m.configure("")
			if err := os.MkdirAll(m.sockets(), 0o755); err != nil {
				m.t.Fatal(err)
			}
			return m.awskeyd("run")
		}, exitRefused, awskeyd, "the socket's folder .* is open to other users.*chmod 700"},
		{"state folder that others may write", func(m *mistakes) result {
			m.configure("")
			m.write(".local/state/awskeyd/anything", "")
			m.chmod(0o777, m.path(".local/state/awskeyd"))
			return m.awskeyd("run")
		}, exitRefused, awskeyd, "other users may write to the state folder.*chmod 700"},
		{"a folder where the socket should be", func(m *mistakes) result {
			m.configure("")
			if err := os.MkdirAll(m.vars["AWSKEYD_SOCKET"], 0o700); err != nil {
				m.t.Fatal(err)
			}
			m.chmod(0o700, m.sockets())
			return m.awskeyd("run")
		}, exitRefused, awskeyd, "is in the way and is no socket of yours"},
		{"no log yet", func(m *mistakes) result { return m.awskey("logs") }, exitFailed, awskey, "there is no log at"},
		{"wrong passphrase", func(m *mistakes) result {
			aws := newAWSWithAlice(m.t)
			m.configure(m.fileStore(), awsSettings(aws.Server))
			d := m.start()
			m.mustAdd("work", aws.id, aws.secret)
			d.stop()
			m.write(".passphrase", "another one\n")
			m.start()
			return m.helper("work")
		}, exitLocked, helper, "passphrase does not open"},
	} {
		t.Run(strings.ReplaceAll(w.name, " ", "_"), func(t *testing.T) {
			w.check(t, &mistakes{home: newHome(t, binaries(t)), t: t, secrets: newCanary()})
		})
	}
}

// What another user has made is not trusted. Anybody but root finds a folder of
// root's; only root can give a file away.
func TestWhatBelongsToOthersIsRefused(t *testing.T) {
	const nobody = 65534
	give := func(m *mistakes, path string) {
		if err := os.Lchown(path, nobody, nobody); err != nil {
			m.t.Fatal(err)
		}
	}
	asRoot := os.Geteuid() == 0
	list := []wrong{{"socket's folder", func(m *mistakes) result {
		m.vars["AWSKEYD_SOCKET"] = "/etc/passwd"
		if asRoot {
			m.vars["AWSKEYD_SOCKET"] = m.write("theirs/socket", "")
			give(m, m.path("theirs"))
		}
		return m.helper("work")
	}, exitRefused, "awskey-helper: ", "belongs to uid .*, not to you"}}
	if asRoot {
		list = append(list, wrong{"configuration", func(m *mistakes) result {
			m.configure("")
			give(m, m.path(".config/awskeyd/config.toml"))
			return m.awskeyd("run")
		}, exitRefused, "awskeyd: ", "config.toml belongs to nobody.*chown"})
	}
	for _, w := range list {
		t.Run(strings.ReplaceAll(w.name, " ", "_"), func(t *testing.T) {
			w.check(t, &mistakes{home: newHome(t, binaries(t)), t: t, secrets: newCanary()})
		})
	}
}

// Without a store and a person to ask, the answer is what to write, and where;
// written there, it works.
func TestWithoutAStoreTheLinesToWriteAreTold(t *testing.T) {
	t.Parallel()
	m := &mistakes{home: newHome(t, binaries(t)), t: t, aws: newAWSWithAlice(t), secrets: newCanary()}
	m.secrets.watch(m.aws.id, m.aws.secret)
	m.configure(awsSettings(m.aws.Server))
	d := m.start()
	r := m.add("work", m.aws.id, m.aws.secret)
	config := m.path(".config/awskeyd/config.toml")
	first, lines, _ := strings.Cut(r.stderr, "\n")
	if r.exit != exitUsage || r.stdout != "" || !strings.Contains(first, "no store for the keys is chosen yet") || !strings.Contains(first, config) || m.secrets.in([]byte(r.stderr)) != "" {
		t.Fatalf("exit %d, %q, %q", r.exit, r.stdout, r.stderr)
	}
	d.stop()
	m.configure(strings.Replace(lines, "/path/of/a/file", m.write(".passphrase", "a passphrase\n"), 1), awsSettings(m.aws.Server))
	m.start()
	m.mustAdd("work", m.aws.id, m.aws.secret)
	m.works(m.aws.Server, "work")
}

// With the keyring locked nothing is lost: each program says so, and the key
// is served again as soon as the keyring is unlocked.
func TestALockedKeyringIsSaid(t *testing.T) {
	t.Parallel()
	m := &mistakes{home: newHome(t, binaries(t)), t: t, aws: newAWSWithAlice(t), secrets: newCanary()}
	m.onFailure(t)
	keyring := gnomeKeyring(t, m.home)
	m.configure(keyringStore, awsSettings(m.aws.Server))
	d := m.start()
	m.mustAdd("work", m.aws.id, m.aws.secret)
	m.secrets.watch(m.aws.id, m.aws.secret)
	keyring.Lock()
	m.works(m.aws.Server, "work") // out of memory
	d.stop()

	d = m.start()
	for _, w := range []wrong{
		{"helper", func(m *mistakes) result { return m.helper("work") }, exitLocked, "awskey-helper: ", "locked.*unlock"},
		{"add", func(m *mistakes) result {
			id, secret := m.user("bob", awstest.Rotator())
			return m.add("bob", id, secret)
		}, exitLocked, "awskey: ", "locked.*unlock"},
		{"rotate", func(m *mistakes) result { return m.awskey("rotate", "work") }, exitLocked, "awskey: ", "locked.*unlock"},
	} {
		t.Run(w.name, func(t *testing.T) { w.check(t, m) })
	}
	m.t, m.home.t = t, t
	if r := m.do("status"); !strings.Contains(r.stdout, "locked") {
		t.Errorf("status says nothing of it: %q", r.stdout)
	}
	keyring.Unlock()
	eventually(t, runLimit, func() string { return m.helper("work").stderr })
	if id := m.works(m.aws.Server, "work"); id != m.aws.id {
		t.Errorf("%s is served", id)
	}
	d.stop()
}

// A user who may not look at its own keys is served, but not rotated, and the
// person is told.
func TestAUserWithoutThePolicyIsServed(t *testing.T) {
	t.Parallel()
	m := newMistakes(t)
	id, secret := m.user("bob", awstest.Policy{Any: []string{"sns:ListTopics"}})
	r := m.add("bob", id, secret)
	if r.exit != exitDone || m.secrets.in([]byte(r.stdout+r.stderr)) != "" {
		t.Errorf("add: exit %d, %q, %q", r.exit, r.stdout, r.stderr)
	}
	if said := r.stdout + r.stderr; !strings.Contains(said, "held") || !strings.Contains(said, "awskey policy bob") {
		t.Errorf("add does not say that the key is held, and what to do: %q %q", r.stdout, r.stderr)
	}
	k, err := m.key("bob")
	if err != nil || k.Phase != "held" || k.Hold == nil || k.Hold.Code != "access-denied" {
		t.Errorf("it is %s, %v (%v)", k.Phase, k.Hold, err)
	}
	if served := m.works(m.aws.Server, "bob"); served != id {
		t.Errorf("%s is served", served)
	}
	r = m.awskey("rotate", "bob")
	if r.exit != exitHeld || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
		t.Errorf("rotate: exit %d, %q, %q", r.exit, r.stdout, r.stderr)
	}
	if r := m.do("policy", "bob"); !strings.Contains(r.stdout, "iam:CreateAccessKey") {
		t.Errorf("policy: %q", r.stdout)
	}
}

// With IAM down a key that is here is served as before, and a rotation that was
// asked for is made up for.
func TestWithIAMDownTheKeyIsServed(t *testing.T) {
	t.Parallel()
	m := newMistakes(t)
	m.fault(awstest.Fail(503))
	m.do("rotate", "work")
	if _, err := m.aws.WaitCall(t.Context(), func(c awstest.Call) bool { return c.ByDaemon() && c.Status == 503 }); err != nil {
		t.Fatal(err)
	}
	if l, err := m.lease("work"); err != nil || l.AccessKeyId != m.aws.id {
		t.Errorf("%s is served (%v)", l.AccessKeyId, err)
	}
	if r := m.do("status"); !strings.Contains(r.stdout, "503") && !strings.Contains(r.stdout, "ServiceUnavailable") {
		t.Errorf("status says nothing of it: %q", r.stdout)
	}
	m.aws.SetScript(nil)
	eventually(t, runLimit, func() string {
		if k, err := m.key("work"); err != nil || k.AccessKeyID == m.aws.id {
			return "the rotation was not made up for"
		}
		return ""
	})
}
