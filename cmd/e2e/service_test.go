//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/store/storetest"
)

// newcomer is a home with one plaintext key in its AWS files.
func (m *userManager) newcomer() alice {
	m.t.Helper()
	aws := newAWSWithAlice(m.t)
	m.h.configure(m.h.fileStore(), awsSettings(aws.Server))
	m.h.write(".aws/credentials", fmt.Sprintf("[work]\naws_access_key_id = %s\naws_secret_access_key = %s\n", aws.id, aws.secret))
	return aws
}

// signs runs the AWS CLI, which asks the helper.
func (m *userManager) signs(aws alice) {
	m.t.Helper()
	environ := []string{"HOME=" + m.h.dir, "PATH=" + m.h.vars["PATH"], "LANG=C.UTF-8", "XDG_RUNTIME_DIR=" + m.h.vars["XDG_RUNTIME_DIR"]}
	r := m.h.runIn(environ, "", awsCLI(m.t), "--endpoint-url", aws.URL, "--profile", "work", "--region", "us-east-1", "sts", "get-caller-identity")
	if r.exit != exitDone || !strings.Contains(r.stdout, "user/alice") {
		m.t.Fatalf("aws: exit %d, %q, %q", r.exit, r.stdout, r.stderr)
	}
}

// answered runs the helper, which must have an answer.
func (m *userManager) answered() (took time.Duration) {
	m.t.Helper()
	r := m.h.helper("work")
	if _, err := readLease(r.stdout); err != nil || r.exit != exitDone || r.stderr != "" {
		m.t.Fatalf("the helper: exit %d, %q, %v", r.exit, r.stderr, err)
	}
	return r.took
}

// keyring is a real gnome-keyring on the user's bus.
func (m *userManager) keyring() {
	m.t.Helper()
	cmd := exec.Command(tool(m.t, "gnome-keyring-daemon", "gnome-keyring"), "--foreground", "--unlock", "--components=secrets")
	cmd.Env, cmd.Stdin = m.h.environ(), strings.NewReader("pw")
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(m.t, 20*time.Second, func() string {
		return m.h.run("", "gdbus", "call", "--session", "--dest", "org.freedesktop.secrets", "--object-path", "/org/freedesktop/secrets", "--method", "org.freedesktop.DBus.Peer.Ping").stderr
	})
}

type serviceDocument struct {
	Manager                                         string
	Installed, Enabled, Running, Listening, Stopped bool
	Program                                         struct{ Path, Version string }
	Process                                         struct {
		PID     int
		Version string
	}
}

func (m *userManager) status() (s serviceDocument) {
	m.t.Helper()
	if err := json.Unmarshal([]byte(m.h.do("service", "status", "--json").stdout), &s); err != nil {
		m.t.Fatal(err)
	}
	return s
}

// daemons are the processes that are a daemon of this home.
func (m *userManager) daemons() string {
	var list []string
	for _, p := range m.h.processes() {
		if strings.Contains(p, "awskeyd run") {
			list = append(list, p)
		}
	}
	return strings.Join(list, ", ")
}

// belongings are the files that make a service, and its socket.
func (m *userManager) belongings() string {
	var list []string
	for dir, part := range map[string]string{m.h.path(".config"): "systemd", m.h.vars["XDG_RUNTIME_DIR"]: "awskeyd", m.h.path(".local/state/awskeyd"): "stopped"} {
		_ = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err == nil && strings.Contains(strings.TrimPrefix(path, dir), part) {
				list = append(list, path)
			}
			return nil
		})
	}
	return strings.Join(list, "\n")
}

// TestTheServiceFromAnEmptyHome is a newcomer's whole life with the service: one
// command moves in, and one moves out and leaves nothing.
func TestTheServiceFromAnEmptyHome(t *testing.T) {
	underManager(t, func(m *userManager) {
		h := m.h
		aws := m.newcomer()
		began := time.Now()
		if r := h.awskey("init", "--yes"); r.exit != exitDone || !strings.Contains(r.stdout, "The service is installed") && !strings.Contains(r.stdout, "was replaced") {
			t.Fatalf("init: exit %d, %s%s", r.exit, r.stdout, r.stderr)
		}
		m.signs(aws)
		took := time.Since(began)
		t.Logf("from an empty home to a signed call of the AWS CLI: %v", took.Round(time.Millisecond))
		if took > time.Minute {
			t.Error("that is more than a minute")
		}

		s := m.status()
		if s.Manager != "systemd" || !s.Installed || !s.Enabled || !s.Running || !s.Listening || s.Stopped ||
			s.Program.Path != filepath.Join(h.bin, "awskeyd") || s.Process.PID != m.pid() || s.Process.Version != s.Program.Version {
			t.Fatalf("status: %+v, systemd has process %d", s, m.pid())
		}
		if r := h.do("service", "install"); !strings.Contains(r.stdout, "installed already") {
			t.Errorf("a second install says %q", r.stdout)
		}
		if now := m.pid(); now != s.Process.PID {
			t.Errorf("a second install replaced process %d by %d, and nothing had changed", s.Process.PID, now)
		}

		t.Log("it begins at the next login")
		m.logout()
		m.login()
		if m.another(0); m.status().Process.PID != m.pid() {
			t.Errorf("%+v", m.status())
		}
		m.answered()

		t.Log("it comes back after a crash")
		crashed := m.pid()
		if err := syscall.Kill(crashed, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		t.Logf("the first answer after a kill -9 took %v", m.answered().Round(time.Millisecond))
		m.another(crashed)

		t.Log("the first request starts it")
		m.ctl("stop", "awskeyd.service")
		if s := m.status(); s.Running || !s.Listening {
			t.Fatalf("%+v", s)
		}
		t.Logf("the first answer, of a service that did not run, took %v", m.answered().Round(time.Millisecond))
		if s := m.status(); s.Process.PID != m.pid() || s.Process.PID == 0 {
			t.Errorf("systemd did not start it: %+v", s)
		}

		t.Log("stopped, it stays stopped")
		h.do("service", "stop")
		if r := h.helper("work"); r.exit != exitNoDaemon || !strings.Contains(r.stderr, "awskey service start") {
			t.Errorf("the helper: exit %d, %q", r.exit, r.stderr)
		}
		if s := m.status(); !s.Stopped || s.Running || s.Listening {
			t.Errorf("%+v", s)
		}
		m.logout()
		m.login()
		if r := h.helper("work"); r.exit != exitNoDaemon || m.pid() != 0 {
			t.Errorf("after a login: exit %d, %q, process %d", r.exit, r.stderr, m.pid())
		}
		h.do("service", "start")
		m.answered()
		before := m.pid()
		h.do("service", "restart")
		m.another(before)
		m.answered()

		t.Log("uninstalled, it leaves nothing; installed again, all is there")
		h.do("service", "uninstall")
		if left := m.belongings(); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
		m.answered() // through a daemon that the helper has started
		bare, err := h.started()
		if err != nil || m.pid() != 0 {
			t.Fatal(err, m.pid())
		}
		if r := h.do("service", "install"); !strings.Contains(r.stdout, "replaced") {
			t.Errorf("install beside a daemon of the helper's says %q", r.stdout)
		}
		if now, err := h.started(); err != nil || now != m.pid() || now == bare {
			t.Errorf("process %d answers, %v; systemd has %d", now, err, m.pid())
		}

		if r := h.awskey("eject", "--yes"); r.exit != exitDone {
			t.Fatalf("eject: exit %d, %s%s", r.exit, r.stdout, r.stderr)
		}
		if left := m.belongings(); left != "" {
			t.Errorf("eject left behind:\n%s", left)
		}
		m.signs(aws)
		if left := within(10*time.Second, m.daemons); left != "" {
			t.Errorf("these go on: %s", left)
		}
	})
}

// fed is when the watchdog was fed last, on the machine's clock.
func (m *userManager) fed() time.Duration {
	m.t.Helper()
	usec, err := strconv.ParseInt(m.ctl("show", "--property=WatchdogTimestampMonotonic", "--value", "awskeyd.service"), 10, 64)
	if err != nil {
		m.t.Fatal(err)
	}
	return time.Duration(usec) * time.Microsecond
}

// TestAHungServiceIsReplaced: one that does not answer at its socket any more does
// not feed the watchdog.
func TestAHungServiceIsReplaced(t *testing.T) {
	underManager(t, func(m *userManager) {
		m.newcomer()
		if r := m.h.awskey("init", "--yes"); r.exit != exitDone {
			t.Fatalf("init: exit %d, %s%s", r.exit, r.stdout, r.stderr)
		}
		m.h.write(".config/systemd/user/awskeyd.service.d/quick.conf", "[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n")
		m.ctl("daemon-reload")
		m.ctl("restart", "awskeyd.service")
		before := m.pid()
		m.answered()
		first := m.fed()
		eventually(t, time.Minute, func() string { // one that is well is left alone, long beyond its time
			if now := m.pid(); now != before {
				t.Fatalf("process %d, which was well, was replaced by %d", before, now)
			}
			if since := m.fed() - first; since < 5*time.Second {
				return fmt.Sprintf("the watchdog was fed for %v", since)
			}
			return ""
		})
		if err := syscall.Kill(before, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		m.another(before)
		m.answered()
		if n := m.ctl("show", "--property=NRestarts", "--value", "awskeyd.service"); n != "1" {
			t.Errorf("systemd has restarted it %s times", n)
		}
	})
}

// TestAnUpgradeUnderLoad replaces the program again and again, while helpers ask
// all the while.
func TestAnUpgradeUnderLoad(t *testing.T) {
	const upgrades, clients = 10, 4
	underManager(t, func(m *userManager) {
		aws := m.newcomer()
		// Not the file store: on a busy machine its key takes longer to derive than a
		// helper waits.
		m.keyring()
		m.h.configure("[store]\nbackend = \"secret-service\"\n", awsSettings(aws.Server))
		if r := m.h.awskey("init", "--yes"); r.exit != exitDone {
			t.Fatalf("init: exit %d, %s%s", r.exit, r.stdout, r.stderr)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var (
			all               sync.WaitGroup
			answered, refused atomic.Int64
		)
		t.Cleanup(func() { cancel(); all.Wait() })
		for range clients {
			all.Go(func() {
				for ctx.Err() == nil {
					r := m.h.helper("work")
					if _, err := readLease(r.stdout); err != nil || r.exit != exitDone || r.stderr != "" {
						refused.Add(1)
						t.Errorf("a helper: exit %d, %q, after %v at %s", r.exit, r.stderr, r.took, time.Now().UTC().Format("15:04:05.000"))
						return
					}
					answered.Add(1)
				}
			})
		}
		awskeyd := filepath.Join(m.h.bin, "awskeyd")
		program, err := os.ReadFile(awskeyd)
		if err != nil {
			t.Fatal(err)
		}
		for n := range upgrades {
			before := m.pid()
			// Another program of the same text: what counts is that the file is newer.
			if err := os.WriteFile(awskeyd+".new", bytes.Clone(program), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(awskeyd+".new", awskeyd); err != nil {
				t.Fatal(err)
			}
			// Its time is in whole seconds for the comparison.
			later := time.Now().Add(time.Second)
			if err := os.Chtimes(awskeyd, later, later); err != nil {
				t.Fatal(err)
			}
			at := answered.Load()
			if r := m.h.do("service", "install"); !strings.Contains(r.stdout, "replaced") {
				t.Fatalf("upgrade %d: %q", n, r.stdout)
			}
			if now := m.pid(); now == before || now == 0 {
				t.Errorf("upgrade %d: the service is process %d and was %d", n, now, before)
			}
			eventually(t, 20*time.Second, func() string {
				if answered.Load() < at+20 && refused.Load() == 0 {
					return "too few answers"
				}
				return ""
			})
		}
		cancel()
		all.Wait()
		t.Logf("%d upgrades, %d requests answered, %d refused", upgrades, answered.Load(), refused.Load())
	})
}

// TestAnIdleServiceLeaves, where it is told to, and whoever asks brings it back;
// not while a rotation is under way.
func TestAnIdleServiceLeaves(t *testing.T) {
	underManager(t, func(m *userManager) {
		aws := newAWSWithAlice(t)
		m.h.configure(m.h.fileStore(), awsSettings(aws.Server), swift, "[service]\nleave_after = \"1s\"\n")
		m.h.write(".aws/credentials", fmt.Sprintf("[work]\naws_access_key_id = %s\naws_secret_access_key = %s\n", aws.id, aws.secret))
		if r := m.h.awskey("init", "--yes", "--no-rotate"); r.exit != exitDone {
			t.Fatalf("init: exit %d, %s%s", r.exit, r.stdout, r.stderr)
		}
		gone := func() string {
			if pid := m.pid(); pid != 0 {
				return fmt.Sprintf("process %d has not left", pid)
			}
			return ""
		}
		eventually(t, 20*time.Second, gone)
		m.answered()
		if m.pid() == 0 {
			t.Error("the request was not answered by the service")
		}
		eventually(t, 20*time.Second, gone)
		m.h.do("rotate", "work")
		rotating := m.pid()
		eventually(t, time.Minute, func() string { // nobody asks meanwhile, or that would keep it
			told, err := os.ReadFile(m.h.path(".local/state/awskeyd/history.jsonl"))
			switch {
			case err != nil:
				return err.Error()
			case strings.Contains(string(told), `"deleted"`):
				return ""
			case m.pid() != rotating:
				t.Fatalf("process %d rotates, and %d is the service", rotating, m.pid())
			}
			return "the old key is not deleted yet"
		})
		eventually(t, 20*time.Second, gone)
		if result := m.ctl("show", "--property=Result", "--value", "awskeyd.service"); result != "success" {
			t.Errorf("an end of its own accord was taken for a failure: %s", result)
		}
	})
}

// TestTheServiceReachesItsStore: what the unit takes from the program it does not take
// from gpg, git or a keyring behind the bus.
func TestTheServiceReachesItsStore(t *testing.T) {
	underManager(t, func(m *userManager) {
		for backend, prepare := range map[string]func(){
			"pass": func() {
				storetest.NewPasswordStore(t, "")
				for _, name := range []string{"GNUPGHOME", "PASSWORD_STORE_DIR"} {
					m.h.vars[name] = os.Getenv(name) // which init carries over
				}
			},
			"secret-service": m.keyring,
		} {
			prepare()
			aws := m.newcomer()
			m.h.configure("[store]\nbackend = \""+backend+"\"\n", awsSettings(aws.Server))
			if r := m.h.awskey("init", "--yes"); r.exit != exitDone {
				t.Fatalf("%s: init: exit %d, %s%s", backend, r.exit, r.stdout, r.stderr)
			}
			before := m.pid()
			m.h.do("service", "restart")
			m.another(before)
			m.answered()
			m.signs(aws)
			if r := m.h.awskey("eject", "--yes"); r.exit != exitDone {
				t.Fatalf("%s: eject: exit %d, %s%s", backend, r.exit, r.stdout, r.stderr)
			}
			t.Logf("%s: read and written under systemd's filters", backend)
		}
	})
}
