package repository

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheHook is installed twice, beside one that was there, and run by git.
func TestTheHook(t *testing.T) {
	s := newStage(t)
	s.write("f", "x")
	s.commit("first")
	program := filepath.Join(t.TempDir(), "it's awskey")
	log := filepath.Join(t.TempDir(), "log")
	script := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script(program, "echo ours $* >>"+log+"\nexit ${FAIL:-0}\n")
	hooks := filepath.Join(s.dir, ".git/hooks/pre-commit")
	script(hooks, "echo theirs >>"+log+"\n")
	for range 2 {
		path, shared, err := s.open().InstallHook(t.Context(), program)
		if err != nil || shared || path != hooks {
			t.Fatal(path, shared, err)
		}
	}
	said := func() string {
		b, _ := os.ReadFile(log)
		_ = os.Remove(log)
		return string(b)
	}
	s.commit("second")
	if got := said(); got != "ours scan --staged\ntheirs\n" {
		t.Errorf("%q", got)
	}
	t.Setenv("FAIL", "1")
	if out, err := exec.Command("git", "-C", s.dir, "-c", "user.name=a", "-c", "user.email=a", "commit", "--allow-empty", "-qm", "third").CombinedOutput(); err == nil {
		t.Errorf("committed: %s", out)
	}
	if got := said(); got != "ours scan --staged\n" {
		t.Errorf("%q", got)
	}
	_ = os.Remove(program)
	s.commit("without the program")
	if got := said(); got != "theirs\n" {
		t.Errorf("%q", got)
	}
	script(hooks, "echo another\n")
	if _, _, err := s.open().InstallHook(t.Context(), program); err == nil || !strings.Contains(err.Error(), "move one away") {
		t.Error(err)
	}
	shared := t.TempDir()
	s.git("config", "core.hooksPath", shared)
	if path, yes, err := s.open().InstallHook(t.Context(), program); err != nil || !yes || path != filepath.Join(shared, "pre-commit") {
		t.Error(path, yes, err)
	}
}
