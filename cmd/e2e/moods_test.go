//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// residentKiB is how much memory a process holds.
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nVmRSS:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("/proc/%d/status tells no VmRSS: %v", pid, err)
	}
	return kib
}

// gnome-keyring grows with every look at a secret: the library opens a session
// for each and closes none. Ours looks once.
func TestServingDoesNotMakeTheKeyringGrow(t *testing.T) {
	t.Parallel()
	const times, allowed = 5000, 512 // KiB
	h := newHome(t, binaries(t))
	h.onFailure(t)
	aws := newAWSWithAlice(t)
	keyring := gnomeKeyring(t, h)
	h.configure(keyringStore, awsSettings(aws.Server))
	d := h.start()
	h.mustAdd("work", aws.id, aws.secret)
	before := residentKiB(t, keyring.PID())
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			c := api.Dial(h.env)
			defer c.Close()
			for range times / 4 {
				if answer, err := c.Credentials("work"); err != nil || !strings.Contains(string(answer), aws.id) {
					t.Errorf("handed out: %q, %v", answer, err)
					return
				}
			}
		})
	}
	clients.Wait()
	grown := residentKiB(t, keyring.PID()) - before
	if grown > allowed {
		t.Errorf("%d answers made the keyring grow by %d KiB", times, grown)
	}
	if running := h.processes(); len(running) != 1 {
		t.Errorf("while the daemon runs there are %q", running)
	}
	d.stop()
	if left := h.processes(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}

	// As many sessions as the library would have opened are noticed.
	conn, err := dbus.Connect(keyring.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	before = residentKiB(t, keyring.PID())
	service := conn.Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
	for range times {
		if err := service.CallWithContext(context.Background(), "org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Err; err != nil {
			t.Fatal(err)
		}
	}
	planted := residentKiB(t, keyring.PID()) - before
	if planted <= allowed {
		t.Errorf("%d sessions made the keyring grow by %d KiB only: the measure does not bite", times, planted)
	}
	t.Logf("grown by %d KiB after %d answers, by %d KiB after as many sessions", grown, times, planted)
}

// The session bus goes, with the keyring on it, and comes back: the key is handed
// out all the time, and the daemon finds its way back by itself.
func TestTheBusIsGoneAndBack(t *testing.T) {
	t.Parallel()
	m := &mistakes{home: newHome(t, binaries(t)), t: t, aws: newAWSWithAlice(t), secrets: newCanary()}
	m.onFailure(t)
	keyring := gnomeKeyring(t, m.home)
	m.configure(keyringStore, awsSettings(m.aws.Server))
	d := m.start()
	m.mustAdd("work", m.aws.id, m.aws.secret)
	keyring.KillBus()
	m.works(m.aws.Server, "work") // out of memory
	eventually(t, runLimit, func() string {
		if r := m.awskey("status"); !strings.Contains(r.stdout, "which is unavailable") || !strings.Contains(r.stdout, "log in to the desktop") {
			return "status says " + r.stdout
		}
		return ""
	})
	if r := m.awskey("store", "list"); !strings.Contains(r.stdout, "secret-service  in force, and in trouble") || r.exit != exitDone {
		t.Errorf("store list says %q, exit %d", r.stdout, r.exit)
	}
	keyring.RestartBus()
	keyring.Restart()
	eventually(t, runLimit, func() string {
		if r := m.awskey("status"); !strings.Contains(r.stdout, "keys are kept in secret-service\n") {
			return "status says " + r.stdout + r.stderr
		}
		return ""
	})
	if id := m.works(m.aws.Server, "work"); id != m.aws.id {
		t.Errorf("%s is served", id)
	}
	if r := m.do("store", "list"); !strings.Contains(r.stdout, "secret-service  in force\n") {
		t.Errorf("store list says %q", r.stdout)
	}
	d.stop()
	if left := m.processes(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A key kept by pass is handed out while gpg has forgotten the passphrase,
// rotated once it knows it again, and nobody is prompted in between.
func TestAKeyKeptByPass(t *testing.T) {
	p := storetest.NewPasswordStore(t, "pw")
	m := &mistakes{home: newHome(t, binaries(t)), t: t, aws: newAWSWithAlice(t), secrets: newCanary()}
	m.onFailure(t)
	m.vars["GNUPGHOME"], m.vars["PASSWORD_STORE_DIR"] = os.Getenv("GNUPGHOME"), p.Dir
	m.configure("[store]\nbackend = \"pass\"\n", awsSettings(m.aws.Server), strings.ReplaceAll(swift, `"1s"`, `"1h"`))
	p.Unlock()
	d := m.start()
	m.mustAdd("work", m.aws.id, m.aws.secret)
	p.Lock()
	if id := m.works(m.aws.Server, "work"); id != m.aws.id {
		t.Errorf("%s is served", id)
	}
	if r := m.do("status"); !strings.Contains(r.stdout, "keys are kept in pass, which is locked") || !strings.Contains(r.stdout, "pass show") {
		t.Errorf("status says %q", r.stdout)
	}
	if r := m.awskey("rotate", "work"); r.exit != exitLocked || !strings.Contains(r.stderr, "gpg-agent does not have the passphrase") {
		t.Errorf("rotate: exit %d, %q", r.exit, r.stderr)
	}
	p.Unlock()
	m.do("rotate", "work", "--wait")
	if id := m.works(m.aws.Server, "work"); id == m.aws.id {
		t.Error("the old key is served after the rotation")
	}
	d.stop()
	if left := m.processes(); len(left) > 0 && !strings.Contains(left[0], "gpg-agent") {
		t.Errorf("left behind: %q", left)
	}
}
