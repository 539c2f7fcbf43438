//go:build linux

package keychain_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/awskeyd/awskeyd/store/storetest"
)

// A password store under git whose commits are signed: no write of ours may
// raise the agent's prompt.
func TestPassNeverAsksForASignature(t *testing.T) {
	p := storetest.NewPasswordStore(t, "pw")
	home := os.Getenv("GNUPGHOME")
	asked := filepath.Join(home, "asked")
	pinentry := filepath.Join(home, "pinentry")
	if err := os.WriteFile(pinentry, []byte("#!/bin/sh\necho x >>"+asked+"\necho OK\nwhile read -r l; do case $l in GETPIN) echo 'ERR 83886179 canceled';; *) echo OK;; esac; done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, _ := os.OpenFile(filepath.Join(home, "gpg-agent.conf"), os.O_APPEND|os.O_WRONLY, 0o600)
	f.WriteString("pinentry-program " + pinentry + "\n")
	f.Close()
	p.EndAgent()
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, "gitconfig"))
	for _, args := range [][]string{
		{"git", "config", "--global", "user.email", "rig@example.invalid"}, {"git", "config", "--global", "user.name", "rig"},
		{"gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "another", "--quick-gen-key", "me <me@example.invalid>", "future-default", "default", "never"},
		{"git", "config", "--global", "user.signingkey", "me@example.invalid"},
		{"pass", "git", "init"},
		{"pass", "git", "config", "commit.gpgsign", "true"}, {"pass", "git", "config", "pass.signcommits", "true"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Log(args, err, string(out))
		}
	}
	p.Lock()
	os.Remove(asked)
	p.Unlock()
	k := open(t, pass())
	err := k.Set(t.Context(), "work.a", []byte("one"))
	out, _ := exec.Command("pass", "git", "log", "--show-signature").CombinedOutput()
	t.Logf("%s", out)
	out, _ = exec.Command("pass", "git", "config", "-l").CombinedOutput()
	t.Logf("%s", out)
	if _, there := os.Stat(asked); there == nil {
		t.Errorf("somebody was asked; and Set says %v", err)
	}
	if err != nil {
		t.Error(err)
	}
}
