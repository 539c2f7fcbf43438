//go:build !windows

package passphrase

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/awskeyd/awskeyd/store"
)

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func gives(t *testing.T, s Sources, want string) {
	t.Helper()
	for _, ask := range []string{"Get", "New"} {
		get := s.Get
		if ask == "New" {
			get = s.New
		}
		if v, err := get(t.Context()); err != nil || v.Reveal() != want {
			t.Fatalf("%s: %q, %v; want %q", ask, v.Reveal(), err, want)
		}
	}
}

func refuses(t *testing.T, s Sources, kind error, says ...string) {
	t.Helper()
	v, err := s.Get(t.Context())
	if !errors.Is(err, kind) || !v.IsZero() {
		t.Fatalf("%q, %v; want %v", v.Reveal(), err, kind)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v; want %q in it", err, text)
		}
	}
	if strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v: a secret, or more than a line", err)
	}
}

func TestFirstLineOfTheFile(t *testing.T) {
	home := t.TempDir()
	s := Sources{File: filepath.Join(home, "dir", "passphrase"), Home: home}
	for text, want := range map[string]string{
		"SECRET": "SECRET", "SECRET\n": "SECRET", "SECRET\r\nmore\n": "SECRET", " SECRET \n": " SECRET ", "ü%\n": "ü%",
	} {
		write(t, s.File, text, 0o600)
		gives(t, s, want)
	}
	for _, text := range []string{"", "\n", "\r\n", "\nSECRET\n"} {
		write(t, s.File, text, 0o600)
		refuses(t, s, store.ErrLocked, s.File, "empty")
	}
}

// Whatever lets somebody else read or choose it.
func TestUnsafeFiles(t *testing.T) {
	home := t.TempDir()
	s := Sources{File: filepath.Join(home, "dir", "passphrase"), Home: home, Ask: true, pinentry: "/nonexistent"}
	refuses(t, s, store.ErrLocked, "no such file") // and nobody is asked in its place
	write(t, s.File, "SECRET\n", 0o600)
	gives(t, s, "SECRET")
	for mode, says := range map[os.FileMode]string{0o644: "read by others", 0o604: "read by others", 0o601: "read by others", 0o620: "written by others", 0o666: "written by others"} {
		write(t, s.File, "SECRET\n", mode)
		refuses(t, s, store.ErrDenied, s.File, says, "chmod")
	}
	write(t, s.File, "SECRET\n", 0o400)
	gives(t, s, "SECRET")
	for _, folder := range []string{home, filepath.Dir(s.File)} {
		if err := os.Chmod(folder, 0o770); err != nil {
			t.Fatal(err)
		}
		refuses(t, s, store.ErrDenied, folder+" may be written by others", "chmod go-w "+folder)
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	gives(t, s, "SECRET")

	link := filepath.Join(home, "link")
	if err := os.Symlink(s.File, link); err != nil {
		t.Fatal(err)
	}
	gives(t, Sources{File: link, Home: home}, "SECRET")
	fifo := filepath.Join(home, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, Sources{File: fifo, Home: home}, store.ErrLocked, "no plain file") // and does not wait for a writer
	refuses(t, Sources{File: home, Home: home}, store.ErrLocked, "no plain file")
}

// What root owns is root's to see to, as for other users' files it is not: this
// test again as another user, whose way to a file root has made.
func TestOwners(t *testing.T) {
	const again = "AWSKEYD_TEST_PASSPHRASE_OWNERS"
	if dir := os.Getenv(again); dir != "" {
		for name, want := range map[string]struct {
			kind error
			says string
		}{
			"own": {}, "shared": {kind: store.ErrDenied, says: "read by others"}, "roots": {kind: store.ErrLocked, says: "permission denied"},
			"strangers": {kind: store.ErrDenied, says: "belongs to"}, "theirs/own": {kind: store.ErrDenied, says: "belongs to"},
		} {
			s := Sources{File: filepath.Join(dir, name), Home: dir}
			if want.kind == nil {
				gives(t, s, "SECRET")
			} else {
				refuses(t, s, want.kind, want.says)
			}
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Log("not root: there is no other user to be")
		return
	}
	const me, stranger = 65534, 65533
	top := t.TempDir()
	dir := filepath.Join(top, "home")
	for path, uid := range map[string]int{"own": me, "shared": me, "strangers": stranger, "theirs/own": me, "roots": 0} {
		mode := os.FileMode(0o600)
		if path == "shared" {
			mode = 0o640
		}
		if err := os.Chown(write(t, filepath.Join(dir, path), "SECRET\n", mode), uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	for path, uid := range map[string]int{".": me, "theirs": stranger} {
		if err := errors.Join(os.Chown(filepath.Join(dir, path), uid, uid), os.Chmod(filepath.Join(dir, path), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for d := top; d != "/"; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err == nil && info.Mode().Perm()&0o001 == 0 {
			os.Chmod(d, info.Mode().Perm()|0o011)
		}
	}
	out, err := asUser(t, me, "^TestOwners$", again+"="+dir)
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("as another user: %v\n%s", err, out)
	}
	// And root's own, as systemd leaves it to a service of the system.
	s := Sources{Credentials: filepath.Join(top, "credentials"), Home: "/root"}
	path := write(t, filepath.Join(s.Credentials, credential), "SECRET", 0o440)
	gives(t, s, "SECRET")
	if err := os.Chown(path, 0, 50); err != nil {
		t.Fatal(err)
	}
	refuses(t, s, store.ErrDenied, "read by others")
}

func asUser(t *testing.T, uid uint32, run string, env ...string) ([]byte, error) {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "test")
	in, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(exe, os.O_CREATE|os.O_WRONLY, 0o755)
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err := errors.Join(err, out.Close(), os.Chmod(filepath.Dir(exe), 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run="+run, "-test.v")
	cmd.Env, cmd.Dir = append(os.Environ(), env...), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd.CombinedOutput()
}

func TestTheFirstSourceThatIsThere(t *testing.T) {
	home := t.TempDir()
	file := write(t, filepath.Join(home, "file"), "of the file\n", 0o600)
	credentials := filepath.Join(home, "credentials")
	path := write(t, filepath.Join(credentials, "awskeyd-passphrase"), "of the credential", 0o400)
	asked := script(t, "echo OK; while read -r line; do case $line in GETPIN) echo D of a person;; esac; echo OK; done")
	all := Sources{File: file, Credentials: credentials, Home: home, Ask: true, pinentry: asked}

	gives(t, all, "of the file")
	gives(t, Sources{Credentials: credentials, Home: home, Ask: true, pinentry: asked}, "of the credential")
	gives(t, Sources{Credentials: home, Home: home, Ask: true, pinentry: asked}, "of a person") // other credentials
	gives(t, Sources{Home: home, Ask: true, pinentry: asked}, "of a person")
	refuses(t, Sources{Home: home, pinentry: asked}, store.ErrLocked, "type: awskey unlock")
	refuses(t, Sources{Credentials: home, Home: home, pinentry: asked}, store.ErrLocked, "type: awskey unlock")

	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	refuses(t, Sources{Credentials: credentials, Home: home, Ask: true, pinentry: asked}, store.ErrDenied, "read by others")
	refuses(t, Sources{File: file + "x", Credentials: home, Home: home, Ask: true, pinentry: asked}, store.ErrLocked, "no such file")
}
