//go:build !windows

package keychain_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/secret"
	"github.com/awskeyd/awskeyd/store/storetest"
)

func file(folder, passphrase string) keychain.Config {
	return keychain.Config{
		Backend: keychain.File, Folder: folder,
		Passphrase: func() (secret.Value, error) { return secret.New(passphrase), nil },
	}
}

func open(t *testing.T, c keychain.Config) *keychain.Keychain {
	t.Helper()
	k, err := keychain.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func refused(t *testing.T, c keychain.Config, kind error, says string) {
	t.Helper()
	k, err := keychain.Open(c)
	if err == nil {
		k.Close()
	}
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v; want %v that says %q", err, kind, says)
	}
}

func set(t *testing.T, k store.Items, name, text string) {
	t.Helper()
	if err := k.Set(t.Context(), name, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, k store.Items, name, want string) {
	t.Helper()
	if got, err := k.Get(t.Context(), name); err != nil || string(got) != want {
		t.Fatalf("%s: %q, %v; want %q", name, got, err, want)
	}
}

func TestFile(t *testing.T) {
	storetest.Conformance(t, func(t *testing.T) store.Items {
		return open(t, file(filepath.Join(t.TempDir(), "keys"), "passphrase"))
	})
}

func TestFileKeepsAndHides(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0)) // the mode is ours to see to
	dir := filepath.Join(t.TempDir(), "keys")
	k := open(t, file(dir, "right"))
	set(t, k, "work.a", "SECRET")
	refused(t, file(dir, "right"), store.ErrUnavailable, "another process")
	k.Close()
	get(t, open(t, file(dir, "right")), "work.a", "SECRET")
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v", path, info.Mode())
		}
		if err != nil || e.IsDir() {
			return err
		}
		files++
		if data, _ := os.ReadFile(path); bytes.Contains(data, []byte("SECRET")) || bytes.Contains(data, []byte("right")) {
			t.Errorf("%s shows a secret", path)
		}
		return nil
	})
	if err != nil || files < 4 {
		t.Fatalf("%d files, %v", files, err)
	}
}

// The library would keep the wrong passphrase and encrypt the next item with it.
func TestWrongPassphraseWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	k := open(t, file(dir, "right"))
	set(t, k, "work.a", "one")
	k.Close()
	before := contents(t, dir)
	refused(t, file(dir, "wrong"), store.ErrDenied, "does not open")
	refused(t, file(dir, ""), store.ErrLocked, "empty")
	if after := contents(t, dir); after != before {
		t.Fatal("something was written under a wrong passphrase")
	}

	// A broken sentinel is no wrong passphrase, and no way around a right one.
	sentinel := filepath.Join(dir, "items", "awskeyd._sentinel")
	for _, broken := range []func(){func() { os.WriteFile(sentinel, []byte("eyJ"), 0o600) }, func() { os.Remove(sentinel) }} {
		broken()
		refused(t, file(dir, "wrong"), store.ErrDenied, "does not open")
		k := open(t, file(dir, "right"))
		get(t, k, "work.a", "one")
		k.Close()
	}
}

// contents is everything in a folder.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all.WriteString(path + "=" + string(data) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestTornFileIsDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	k := open(t, file(dir, "right"))
	set(t, k, "work.a", "SECRET")
	path := filepath.Join(dir, "items", "awskeyd.work.a")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Get(t.Context(), "work.a"); !errors.Is(err, store.ErrDamaged) {
			t.Fatalf("the first %d bytes: %v, want damaged", n, err)
		}
	}
	if err := k.Remove(t.Context(), "work.a"); err != nil {
		t.Fatal(err)
	}
}

func TestEmptiedFolderIsNotAbsence(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	k := open(t, file(dir, "right"))
	set(t, k, "work.a", "one")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Get(t.Context(), "work.a"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	if err := k.Set(t.Context(), "work.a", nil); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
		t.Fatal(err)
	}
}

func TestUnsafeFolderIsRefused(t *testing.T) {
	base := t.TempDir()
	wide := filepath.Join(base, "wide")
	if err := os.Mkdir(wide, 0o755); err != nil {
		t.Fatal(err)
	}
	refused(t, file(wide, "x"), store.ErrDenied, "chmod 700 "+wide)
	plain := filepath.Join(base, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, file(plain, "x"), store.ErrUnavailable, plain)
	refused(t, file("relative", "x"), store.ErrUnavailable, "absolute")
	refused(t, keychain.Config{Backend: keychain.File, Folder: filepath.Join(base, "k")}, store.ErrLocked, "passphrase")
	c := file(filepath.Join(base, "k"), "x")
	c.Passphrase = func() (secret.Value, error) { return secret.Value{}, errors.New("nobody answers") }
	refused(t, c, store.ErrLocked, "nobody answers")
}

// Somebody else's folder: this test again, as another user.
func TestForeignFolderIsRefused(t *testing.T) {
	const variable = "AWSKEYD_TEST_FOLDER"
	if dir := os.Getenv(variable); dir != "" {
		refused(t, file(dir, "x"), store.ErrDenied, dir)
		return
	}
	if os.Geteuid() != 0 {
		refused(t, file("/", "x"), store.ErrDenied, "somebody else")
		return
	}
	dir := t.TempDir()
	for d := dir; d != "/"; d = filepath.Dir(d) { // reachable, so that ownership decides
		info, err := os.Stat(d)
		if err == nil && info.Mode().Perm()&0o001 == 0 {
			os.Chmod(d, info.Mode().Perm()|0o011)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(t.TempDir(), "test")
	copyFile(t, os.Args[0], exe)
	os.Chmod(filepath.Dir(exe), 0o755)
	os.Chmod(filepath.Dir(filepath.Dir(exe)), 0o755)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestForeignFolderIsRefused$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+dir, "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("as another user: %v\n%s", err, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestProbeFile(t *testing.T) {
	text, err := keychain.Probe(context.Background(), keychain.File)
	if err != nil || !strings.HasPrefix(text, "file: ") {
		t.Fatalf("%q, %v", text, err)
	}
}
