//go:build long

package storetest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

const keepassSettings = `[General]
ConfigVersion=2
UpdateCheckMessageShown=true
[FdoSecrets]
Enabled=true
ShowNotification=false
ConfirmDeleteItem=false
ConfirmAccessItem=false
[GUI]
CheckForUpdates=false
`

var keepassRoot = regexp.MustCompile(`<Group>\s*<UUID>([^<]+)</UUID>`)

// KeePassXC puts a real KeePassXC onto a private bus, with one unlocked database
// as its default collection, or returns the bus that this test was run again
// with.
func KeePassXC(t testing.TB) *Bus {
	t.Helper()
	for _, program := range []string{"keepassxc", "keepassxc-cli"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing; sudo apt-get install -y keepassxc", program)
		}
	}
	b := PrivateBus(t)
	if b.inside {
		return b
	}
	display := NewDisplay(t)
	settings := filepath.Join(b.Home, ".config/keepassxc/keepassxc.ini")
	if err := os.MkdirAll(filepath.Dir(settings), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(settings, keepassSettings)
	path := func(name string) string { return filepath.Join(b.Home, name) }
	b.keepass("pw\npw\n", "db-create", "-q", "-p", path("empty.kdbx"))
	// The database says which of its groups is exposed; only the settings window
	// of the program writes that, so it goes in by way of XML.
	xml := b.keepass("pw\n", "export", "-q", "-f", "xml", path("empty.kdbx"))
	group := keepassRoot.FindStringSubmatch(xml)
	if group == nil {
		t.Fatal("the database has no group")
	}
	id, err := base64.StdEncoding.DecodeString(group[1])
	if err != nil || len(id) != 16 {
		t.Fatalf("the group's id is %q", group[1])
	}
	h := hex.EncodeToString(id)
	exposed := fmt.Sprintf("<CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{%s-%s-%s-%s-%s}</Value></Item></CustomData></Meta>", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
	b.write(path("keys.xml"), strings.Replace(xml, "</Meta>", exposed, 1))
	b.keepass("pw\npw\n", "import", "-q", "-p", path("keys.xml"), path("keys.kdbx"))

	log, err := os.Create(path("run/keepassxc.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("keepassxc", "--pw-stdin", path("keys.kdbx"))
	cmd.Stdin = strings.NewReader("pw\n")
	cmd.Stdout, cmd.Stderr = log, log
	b.program = b.spawn(cmd, "DISPLAY="+display.Name, "QT_QPA_PLATFORM=xcb")
	b.await("KeePassXC shows no collection", func(ctx context.Context, conn *dbus.Conn) bool {
		var v dbus.Variant
		var there []dbus.ObjectPath
		err := conn.Object(keyringName, keyringRoot).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, serviceFace, "Collections").Store(&v)
		if err != nil || v.Store(&there) != nil || len(there) == 0 {
			return false
		}
		locked, err := isLocked(ctx, conn, there[0])
		return err == nil && !locked // while it still opens the file, it is
	})
	return b
}

func (b *Bus) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// keepass runs the program's command line and returns what it says.
func (b *Bus) keepass(stdin string, args ...string) string {
	b.t.Helper()
	cmd := exec.Command("keepassxc-cli", args...)
	cmd.Env, cmd.Stdin = b.Environ(), strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("keepassxc-cli %s: %v", args[0], err)
	}
	return string(out)
}
