//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// desktop is a notification service on a bus of its own (Desktop Notifications
// Specification).
type desktop struct {
	shown chan string
	hangs chan struct{} // while it is open no notification is answered; nil for never
}

func (d *desktop) Notify(_ string, _ uint32, _, title, text string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	d.shown <- title + "\n" + text
	if d.hangs != nil {
		<-d.hangs
	}
	return 1, nil
}

func newDesktop(t *testing.T, h *home, hangs bool) *desktop {
	t.Helper()
	bus := storetest.PrivateBus(t)
	d := &desktop{shown: make(chan string, 10)}
	if hangs {
		d.hangs = make(chan struct{})
		t.Cleanup(func() { close(d.hangs) })
	}
	conn, err := dbus.Connect(bus.Address)
	if err == nil {
		t.Cleanup(func() { conn.Close() })
		err = conn.Export(d, "/org/freedesktop/Notifications", "org.freedesktop.Notifications")
	}
	if err == nil {
		_, err = conn.RequestName("org.freedesktop.Notifications", dbus.NameFlagDoNotQueue)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.vars["DBUS_SESSION_BUS_ADDRESS"] = bus.Address
	return d
}

// A key that is pasted into the AWS files is warned of everywhere, and taken in where
// that is wanted; a desktop that does not answer keeps nobody waiting.
func TestTheGuard(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	h.onFailure(t)
	aws := newAWSWithAlice(t)
	screen := newDesktop(t, h, true)
	h.configure(h.fileStore(), awsSettings(aws.Server))
	d := h.start()
	h.mustAdd("work", aws.id, aws.secret, "--write")

	aws.CreateUser("bob", "", awstest.Rotator())
	id, secret := aws.IssueKey("bob")
	h.write(".aws/credentials", pairIn("pasted", id, secret))
	began := time.Now()
	eventually(t, 20*time.Second, func() string {
		if r := h.do("status"); !strings.Contains(r.stdout, "awskey init --profile pasted") {
			return r.stdout
		}
		return ""
	})
	t.Logf("awskey status warns %d ms after the write", time.Since(began).Milliseconds())
	select {
	case text := <-screen.shown:
		if strings.Contains(text, secret) || !strings.Contains(text, ".aws/credentials:2: access key AKIA…"+short(id)) {
			t.Errorf("the desktop shows %q", text)
		}
	case <-time.After(20 * time.Second):
		t.Error("the desktop shows nothing")
	}
	eventually(t, 20*time.Second, func() string {
		if r := h.do("history", "--json"); strings.Count(r.stdout, `"plaintext-key"`) != 1 {
			return r.stdout
		}
		return ""
	})
	h.works(aws.Server, "work") // while the desktop does not answer

	h.configure(h.fileStore(), awsSettings(aws.Server), "[guard]\nadopt = true\n")
	h.write(".aws/credentials", "# again\n"+pairIn("pasted", id, secret))
	eventually(t, 20*time.Second, func() string {
		text, err := os.ReadFile(h.path(".aws/credentials"))
		if err != nil || strings.Contains(string(text), secret) {
			return fmt.Sprintf("%s, %v, %s", text, err, h.do("status").stdout)
		}
		return ""
	})
	if now := h.works(aws.Server, "pasted"); now != id {
		t.Errorf("%s is served", now)
	}
	eventually(t, 20*time.Second, func() string {
		if r := h.do("status"); strings.Contains(r.stdout, "plaintext") {
			return r.stdout
		}
		return ""
	})
	d.stop()
}
