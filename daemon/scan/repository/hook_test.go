package repository

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hooked is a repository in which hooks and our program write into a log.
type hooked struct {
	*stage
	log, program, path string
}

func newHooked(t *testing.T) hooked {
	t.Helper()
	s := newStage(t)
	s.write("f", "x")
	s.commit("first")
	h := hooked{s, filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "it's awskey"), filepath.Join(s.dir, ".git/hooks/pre-commit")}
	h.script(h.program, "#!/bin/sh\necho ours $* >>"+h.log+"\nexit ${FAIL:-0}\n")
	return h
}

func (h hooked) script(path, text string) {
	h.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		h.Fatal(err)
	}
}

// said is what has run since the last time.
func (h hooked) said() string {
	b, _ := os.ReadFile(h.log) // nothing has
	_ = os.Remove(h.log)
	return string(b)
}

// install does it twice, which is the same as once.
func (h hooked) install() {
	h.Helper()
	for range 2 {
		path, _, err := h.open().InstallHook(h.Context(), h.program)
		if err != nil || path != h.path {
			h.Fatal(path, err)
		}
	}
}

func (h hooked) commits(want string) {
	h.Helper()
	h.commit("again")
	if got := h.said(); got != want {
		h.Errorf("a commit runs %q, want %q", got, want)
	}
}

// TestTheHook stands at the beginning of one that was there, and goes by its name.
func TestTheHook(t *testing.T) {
	h := newHooked(t)
	h.script(h.path, "#!/usr/bin/env -S bash -e\necho theirs, $(basename $0) >>"+h.log+"\n")
	h.install()
	h.commits("ours scan --staged\ntheirs, pre-commit\n")
	t.Setenv("FAIL", "1")
	if out, err := exec.Command("git", "-C", h.dir, "-c", "user.name=a", "-c", "user.email=a", "commit", "--allow-empty", "-qm", "third").CombinedOutput(); err == nil {
		t.Errorf("committed: %s", out)
	}
	if got := h.said(); got != "ours scan --staged\n" {
		t.Errorf("%q", got)
	}
	t.Setenv("FAIL", "0")
	if err := os.Chmod(h.path, 0o644); err != nil { // somebody has switched it off
		t.Fatal(err)
	}
	h.install()
	h.commits("ours scan --staged\ntheirs, pre-commit\n")
	elsewhere := t.TempDir()
	if err := os.Rename(h.program, filepath.Join(elsewhere, "awskey")); err != nil {
		t.Fatal(err)
	}
	h.commits("theirs, pre-commit\n")
	t.Setenv("PATH", elsewhere+":"+os.Getenv("PATH"))
	h.commits("ours scan --staged\ntheirs, pre-commit\n")
	h.script(h.path, "#!/bin/sh\n"+hookBegins+"\n")
	if _, _, err := h.open().InstallHook(t.Context(), h.program); err == nil || !strings.Contains(err.Error(), "take it out") {
		t.Error(err)
	}
}

// TestHooksThatCannotTakeItUp are moved aside and run, or not, as before.
func TestHooksThatCannotTakeItUp(t *testing.T) {
	for name, put := range map[string]func(h hooked){
		"none": func(h hooked) { _ = os.Remove(h.path) },
		"a link": func(h hooked) {
			h.script(filepath.Join(h.dir, "theirs"), "#!/bin/sh\necho theirs >>"+h.log+"\n")
			if err := os.Symlink("../../theirs", h.path); err != nil {
				h.Fatal(err)
			}
		},
		"another language": func(h hooked) { h.script(h.path, "#!/usr/bin/perl\nsystem 'echo theirs >>"+h.log+"';\n") },
		"not executable": func(h hooked) {
			h.script(h.path, "#!/bin/sh\necho theirs >>"+h.log+"\n")
			if err := os.Chmod(h.path, 0o644); err != nil {
				h.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHooked(t)
			put(h)
			h.install()
			want := "ours scan --staged\n"
			if name == "a link" || name == "another language" {
				want += "theirs\n"
			}
			h.commits(want)
			if name == "none" {
				return
			}
			h.script(h.path, "#!/usr/bin/perl\n")
			if _, _, err := h.open().InstallHook(t.Context(), h.program); err == nil || !strings.Contains(err.Error(), "move one away") {
				t.Error(err)
			}
		})
	}
}

// TestHooksElsewhere: core.hooksPath counts from the top, wherever one stands, and a
// folder among the working files is somebody else's to write.
func TestHooksElsewhere(t *testing.T) {
	h := newHooked(t)
	shared := t.TempDir()
	h.git("config", "core.hooksPath", shared)
	if path, yes, err := h.open().InstallHook(t.Context(), h.program); err != nil || !yes || path != filepath.Join(shared, "pre-commit") {
		t.Error(path, yes, err)
	}
	h.write("sub/file", "x")
	for _, managed := range []string{".husky/_", filepath.Join(h.dir, "hooks")} {
		h.git("config", "core.hooksPath", managed)
		for _, from := range []string{h.dir, filepath.Join(h.dir, "sub")} {
			r, err := Open(t.Context(), from)
			if err != nil {
				t.Fatal(err)
			}
			if path, _, err := r.InstallHook(t.Context(), h.program); !errors.Is(err, ErrManaged) || !strings.HasPrefix(path, h.dir) || strings.Contains(path, "sub") {
				t.Error(path, err)
			}
		}
	}
}
