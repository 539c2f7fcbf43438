package keychain_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// kernelRing gives the test a ring of its own among those of this user. False:
// the kernel forbids keys here, as in many containers, and that was said well.
func kernelRing(t *testing.T) (name string, allowed bool) {
	t.Helper()
	name = fmt.Sprintf("awskeyd-test-%d-%s", os.Getpid(), t.Name())
	keychain.SetKernelRing(name)
	t.Cleanup(func() { dropRing(name) })
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); err != nil {
		refused(t, keyctl(), store.ErrUnavailable, "the kernel keeps no keys here")
		t.Logf("the kernel forbids keys here: %v", err)
		return name, false
	}
	return name, true
}

func dropRing(name string) {
	if id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "keyring", name, 0); err == nil {
		unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	}
}

func keyctl() keychain.Config {
	return keychain.Config{Backend: keychain.Keyctl, Volatile: true}
}

func TestKeyctl(t *testing.T) {
	name, allowed := kernelRing(t)
	if !allowed {
		return
	}
	k := open(t, keyctl())
	storetest.Conformance(t, func(*testing.T) store.Items { return k })
	set(t, k, "work.a", "one")
	k.Close()
	k = open(t, keyctl())
	get(t, k, "work.a", "one")
	text, err := keychain.Probe(t.Context(), keychain.Keyctl)
	if err != nil || !strings.Contains(text, "gone when the machine restarts") {
		t.Fatalf("%q, %v", text, err)
	}

	// An item of the same name that another program wrote.
	ring, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "keyring", name, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.AddKey("user", "awskeyd.work.a", []byte("SECRET"), ring); err != nil {
		t.Fatal(err)
	}
	_, err = k.Get(t.Context(), "work.a")
	fails(t, err, store.ErrDamaged, "not written by awskeyd")

	// What a restart of the machine does, and another program.
	dropRing(name)
	everyCall(t, k, store.ErrUnavailable, "is gone, and its keys with it")
	second := open(t, keyctl())
	everyCall(t, k, store.ErrUnavailable, "another one than before")
	set(t, second, "work.a", "two")
}

func TestKeyctlHasToBeInsistedOn(t *testing.T) {
	name, allowed := kernelRing(t)
	c := keyctl()
	c.Volatile = false
	refused(t, c, store.ErrDenied, "volatile = true")
	if allowed {
		if _, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "keyring", name, 0); !errors.Is(err, unix.ENOKEY) {
			t.Fatal("a refused keyring was made")
		}
	}
}

// The kernel gives a user 20,000 bytes unless it is root: this test again, as a
// user that nobody else is.
func TestKeyctlFull(t *testing.T) {
	const variable, nobody = "AWSKEYD_TEST_KEYCTL", 54321
	if os.Getenv(variable) == "" && os.Geteuid() == 0 {
		again(t, variable, "1", nobody)
		return
	}
	if _, allowed := kernelRing(t); !allowed {
		return
	}
	k := open(t, keyctl())
	fits := 0
	var err error
	for ; fits < 20 && err == nil; fits++ {
		err = k.Set(t.Context(), fmt.Sprintf("full%d.a", fits), make([]byte, store.MaxRecord))
	}
	fails(t, err, store.ErrUnavailable, "20,000 bytes and 200 keys")
	if fits < 4 {
		t.Fatalf("%d items of the largest size fit", fits)
	}
	if err := k.Remove(t.Context(), "full0.a"); err != nil {
		t.Fatal(err)
	}
	get(t, k, "full1.a", string(make([]byte, store.MaxRecord)))
	// With room for one more, overwriting goes on for ever: what is overwritten
	// makes room, if not at once.
	for range 50 {
		if err := k.Set(t.Context(), "full1.a", make([]byte, store.MaxRecord)); err != nil {
			t.Fatal(err)
		}
	}
}

// again runs the calling test once more as another user.
func again(t *testing.T, variable, value string, uid uint32) {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "test")
	copyFile(t, os.Args[0], exe)
	for d := filepath.Dir(exe); d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+value, "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("as another user: %v\n%s", err, out)
	}
}
