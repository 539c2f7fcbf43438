//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// wrong is something that a person, or the world, does wrong, and what one
// program must say of it: one line, nothing on standard output, no secret.
type wrong struct {
	name    string
	do      func(*mistakes) result
	exit    int
	program string // that speaks
	says    string // what the line must hold, as a regular expression
}

// mistakes is where they are made: a home with a daemon that holds alice's key
// as work, and others at AWS.
type mistakes struct {
	*home
	t       *testing.T
	aws     alice
	daemon  *daemon
	secrets *canary
}

func newMistakes(t *testing.T) *mistakes {
	h := newHome(t, binaries(t))
	h.onFailure(t)
	m := &mistakes{home: h, t: t, aws: newAWSWithAlice(t), secrets: newCanary()}
	h.configure(h.fileStore(), awsSettings(m.aws.Server), swift)
	m.daemon = h.start()
	m.mustAdd("work", m.aws.id, m.aws.secret)
	m.secrets.watch(m.aws.id, m.aws.secret)
	return m
}

// user makes another user with a key.
func (m *mistakes) user(name string, p awstest.Policy) (id, secret string) {
	m.aws.CreateUser(name, "", p)
	id, secret = m.aws.IssueKey(name)
	m.secrets.watch(id, secret)
	return id, secret
}

func (m *mistakes) awskeyd(args ...string) result {
	return m.run("", filepath.Join(m.bin, "awskeyd"), args...)
}

func (m *mistakes) chmod(mode os.FileMode, path string) {
	if err := os.Chmod(path, mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mistakes) sockets() string { return filepath.Dir(m.vars["AWSKEYD_SOCKET"]) }

// fault lets everything that the daemon asks of AWS go wrong.
func (m *mistakes) fault(f awstest.Fault) {
	m.aws.SetScript(awstest.Rules(awstest.Rule{Fault: f}))
}

// check makes the mistake and judges what is said of it.
func (w wrong) check(t *testing.T, m *mistakes) {
	m.t, m.home.t = t, t
	r := w.do(m)
	if r.exit != w.exit {
		t.Errorf("exit %d, not %d", r.exit, w.exit)
	}
	if r.stdout != "" {
		t.Errorf("on standard output: %q", r.stdout)
	}
	line, ended := strings.CutSuffix(r.stderr, "\n")
	if !ended || strings.ContainsAny(line, "\n\r\x1b") || !strings.HasPrefix(line, w.program) {
		t.Errorf("this is not one line of %s: %q", w.program, r.stderr)
	}
	if !regexp.MustCompile(w.says).MatchString(line) {
		t.Errorf("the line does not say %q", w.says)
	}
	if what := m.secrets.in([]byte(r.stderr)); what != "" {
		t.Errorf("the line holds %s", what)
	}
	t.Logf("exit %d: %s", r.exit, line)
}

func TestBadInputIsAnsweredWithOneLine(t *testing.T) {
	t.Parallel()
	m := newMistakes(t)
	for _, w := range wrongs() {
		t.Run(strings.ReplaceAll(w.name, " ", "_"), func(t *testing.T) { w.check(t, m) })
	}
	m.t, m.home.t = t, t
	t.Run("afterwards", func(t *testing.T) {
		m.t, m.home.t = t, t
		if id := m.works(m.aws.Server, "work"); id != m.aws.id {
			t.Errorf("work is served with %s", id)
		}
		if n := len(m.aws.Keys("alice")); n != 1 {
			t.Errorf("alice has %d keys", n)
		}
		m.daemon.stop()
	})
}

func wrongs() []wrong {
	const awskey, helper, awskeyd = "awskey: ", "awskey-helper: ", "awskeyd: "
	verb := func(args ...string) func(*mistakes) result {
		return func(m *mistakes) result { return m.awskey(args...) }
	}
	return []wrong{
		{"unknown profile", func(m *mistakes) result { return m.helper("nobody") }, exitUnknown, helper, "there is no profile nobody.*awskey add nobody"},
		{"profile that can be none", func(m *mistakes) result { return m.helper("../work") }, exitUsage, helper, "a profile's name is"},
		{"no profile", func(m *mistakes) result { return m.run("", filepath.Join(m.bin, "awskey-helper")) }, exitUsage, helper, "usage: awskey-helper PROFILE"},
		{"unknown key", verb("status", "nobody"), exitUnknown, awskey, "there is no key nobody.*awskey list"},
		{"rotation of an unknown key", verb("rotate", "nobody"), exitUnknown, awskey, "there is no key nobody"},
		{"unknown verb", verb("rotat", "work"), exitUsage, awskey, `there is no verb "rotat", did you mean rotate`},
		{"flag that is not built", verb("remove", "work", "--now"), exitUsage, "awskey remove", "^awskey remove --now is not built yet$"},
		{"unknown flag", verb("status", "--jsno"), exitUsage, awskey, "unknown flag.*awskey help status"},
		{"wrong words for awskeyd", func(m *mistakes) result { return m.awskeyd("start") }, exitUsage, awskeyd, "awskeyd help"},
		{"second daemon", func(m *mistakes) result { return m.awskeyd("run") }, exitHeld, awskeyd, "another awskeyd is running.*awskey status"},

		{"no secret", func(m *mistakes) result { return m.add("new", m.aws.id, "") }, exitUsage, awskey, "no secret was given"},
		{"secret at the wrong place", func(m *mistakes) result { return m.add("new", m.aws.secret, m.aws.id) }, exitUsage, awskey, "that is no access key id"},
		{"nobody to ask", verb("add", "new"), exitUsage, awskey, "there is no terminal.*--secret-stdin"},
		{"secret of another key", func(m *mistakes) result {
			id, _ := m.user("bob", awstest.Rotator())
			return m.add("bob", id, m.aws.secret)
		}, exitAWS, awskey, "AWS refuses.*SignatureDoesNotMatch.*copy id and secret again"},
		{"key that AWS does not know", func(m *mistakes) result { return m.add("new", "AKIAIOSFODNN7EXAMPLE", m.aws.secret) },
			exitAWS, awskey, "AWS refuses.*InvalidClientTokenId"},
		{"key that is inactive", func(m *mistakes) result {
			id, secret := m.user("carol", awstest.Rotator())
			m.aws.SetStatus(id, awstest.Inactive)
			return m.add("carol", id, secret)
		}, exitAWS, awskey, "AWS refuses.*whether the key is active"},
		{"temporary key", func(m *mistakes) result {
			s := m.aws.IssueSession("alice", false, 1e12)
			return m.add("new", s.ID, s.Secret)
		}, exitUsage, awskey, "temporary.*AKIA"},
		{"root's key", func(m *mistakes) result {
			id, secret := m.aws.IssueKey(awstest.Root)
			m.secrets.watch(id, secret)
			return m.add("root", id, secret)
		}, exitRefused, awskey, "root key.*IAM user"},
		{"user already held", func(m *mistakes) result {
			id, secret := m.aws.IssueKey("alice")
			defer m.aws.DeleteKey(id)
			m.secrets.watch(id, secret)
			return m.add("again", id, secret)
		}, exitRefused, awskey, "the IAM user alice is already held by the key work"},
		{"access key already held", func(m *mistakes) result { return m.add("again", m.aws.id, m.aws.secret) },
			exitRefused, awskey, "is already held by the key work.*awskey rename work again"},
		{"name already taken", func(m *mistakes) result {
			id, secret := m.user("dave", awstest.Rotator())
			return m.add("Work", id, secret)
		}, exitRefused, awskey, "there is already a key work"},

		{"IAM breaks down", func(m *mistakes) result {
			m.fault(awstest.Fail(503))
			defer m.aws.SetScript(nil)
			id, secret := m.user("erin", awstest.Rotator())
			return m.add("erin", id, secret)
		}, exitFailed, awskey, "ServiceUnavailable.*nothing was stored; try again"},
		{"AWS hangs up", func(m *mistakes) result {
			m.fault(awstest.Drop())
			defer m.aws.SetScript(nil)
			id, secret := m.user("frank", awstest.Rotator())
			return m.add("frank", id, secret)
		}, exitFailed, awskey, "cannot ask AWS.*nothing was stored; try again"},
		{"login page of a network", func(m *mistakes) result {
			m.fault(awstest.CaptivePortal())
			defer m.aws.SetScript(nil)
			id, secret := m.user("grace", awstest.Rotator())
			return m.add("grace", id, secret)
		}, exitFailed, awskey, "something between this machine and AWS answered.*nothing was stored"},
		{"AWS throttles", func(m *mistakes) result {
			m.fault(awstest.Throttle())
			defer m.aws.SetScript(nil)
			id, secret := m.user("heidi", awstest.Rotator())
			return m.add("heidi", id, secret)
		}, exitFailed, awskey, "Throttling.*nothing was stored; try again"},

		{"socket's folder open to others, helper", func(m *mistakes) result {
			m.chmod(0o755, m.sockets())
			defer m.chmod(0o700, m.sockets())
			return m.helper("work")
		}, exitRefused, helper, "the socket's folder .* is open to other users.*chmod 700"},
		{"socket's folder open to others, awskey", func(m *mistakes) result {
			m.chmod(0o770, m.sockets())
			defer m.chmod(0o700, m.sockets())
			return m.awskey("status")
		}, exitRefused, awskey, "the socket's folder .* is open to other users.*chmod 700"},
		{"resolving what is not held", verb("resolve", "work", "wait"), exitUsage, awskey, "cannot resolve the key work: .*not held"},
		{"renaming to a taken name", func(m *mistakes) result {
			id, secret := m.user("ivan", awstest.Rotator())
			m.mustAdd("ivan", id, secret)
			return m.awskey("rename", "ivan", "work")
		}, exitRefused, awskey, "there is already a key work"},
		{"removing without being asked", verb("remove", "work"), exitUsage, awskey, "--yes"},
	}
}
