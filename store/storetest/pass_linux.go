package storetest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PasswordStore is a real store of pass with a gpg key and agent of its own.
type PasswordStore struct {
	// Dir is the folder of the store.
	Dir string

	t          testing.TB
	passphrase string
}

const passUser = "rig@example.invalid"

// NewPasswordStore makes one, for this process and its children: it sets
// GNUPGHOME and PASSWORD_STORE_DIR for the length of the test. With an empty
// passphrase it is never locked; with another one it begins locked. Programs
// that are missing fail the test with what to install.
func NewPasswordStore(t *testing.T, passphrase string) *PasswordStore {
	t.Helper()
	for _, program := range []string{"pass", "gpg", "gpg-connect-agent"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing; sudo apt-get install -y pass gnupg", program)
		}
	}
	home, err := os.MkdirTemp("", "gpg") // the agent's socket: 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	p := &PasswordStore{Dir: filepath.Join(home, "store"), t: t, passphrase: passphrase}
	t.Cleanup(func() {
		p.EndAgent()
		os.RemoveAll(home)
	})
	t.Setenv("GNUPGHOME", home)
	t.Setenv("PASSWORD_STORE_DIR", p.Dir)
	t.Setenv("PASSWORD_STORE_GPG_OPTS", "")
	t.Setenv("PASSWORD_STORE_KEY", "")
	// Nobody is to be asked: where no display is meant, there is none.
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	// The agent would choose as many rounds as take a tenth of a second when it
	// looks, which on a busy machine are seconds later.
	if err := os.WriteFile(filepath.Join(home, "gpg-agent.conf"), []byte("s2k-count 65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase, "--quick-gen-key", "rig <"+passUser+">", "future-default", "default", "never") // curves: made in no time
	p.run("pass", "init", passUser)
	p.Lock()
	return p
}

func (p *PasswordStore) run(program string, args ...string) string {
	p.t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Lock makes the agent forget the passphrase.
func (p *PasswordStore) Lock() {
	p.t.Helper()
	p.run("gpg-connect-agent", "reloadagent", "/bye")
}

// Unlock gives the agent the passphrase, as a person does who shows an item.
func (p *PasswordStore) Unlock() {
	p.t.Helper()
	encrypt := exec.Command("gpg", "--batch", "--quiet", "--encrypt", "--recipient", passUser)
	encrypt.Stdin = strings.NewReader("x")
	sealed, err := encrypt.Output()
	if err != nil {
		p.t.Fatal(err)
	}
	decrypt := exec.Command("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", p.passphrase, "--decrypt")
	decrypt.Stdin = bytes.NewReader(sealed)
	if out, err := decrypt.CombinedOutput(); err != nil {
		p.t.Fatalf("unlocking gpg: %v\n%s", err, out)
	}
}

// EndAgent ends the agent, if one runs, and waits until it is gone.
func (p *PasswordStore) EndAgent() {
	out, err := exec.Command("gpg-connect-agent", "--no-autostart", "GETINFO pid", "/bye").Output()
	word, _, _ := strings.Cut(strings.TrimPrefix(string(out), "D "), "\n")
	pid, bad := strconv.Atoi(word)
	if err != nil || bad != nil || pid <= 1 {
		return // there is none
	}
	syscall.Kill(pid, syscall.SIGTERM)
	for range 500 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) { // ended, and nobody asks for it
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Errorf("gpg-agent (process %d) does not end", pid)
}
