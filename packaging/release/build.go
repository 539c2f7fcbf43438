package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// release is one making of everything.
type release struct {
	root      string // of the repository; once its commit is read, of a clone of that
	out       string
	tmp       string
	version   string // without v; what the programs say of themselves
	revision  string
	date      time.Time // the commit's, and every file's
	key       string    // "" for what is no release
	unscanned bool
	targets   []target
	log       io.Writer
}

var programs = []string{"awskey", "awskey-helper", "awskeyd"}

// say tells a person what goes on.
func (r *release) say(format string, args ...any) {
	fmt.Fprintf(r.log, "release: "+format+"\n", args...)
}

// run runs a program in the repository and returns what it printed.
func (r *release) run(env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, out, &stderr)
	}
	return string(out), nil
}

// goEnv keeps a person's settings out of what is built. The C of Apple's keychain
// can only be linked on a Mac.
func goEnv(t target) []string {
	env := []string{"GOFLAGS=", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOWORK=off", "CGO_ENABLED=0"}
	if t.os == "darwin" && runtime.GOOS == "darwin" {
		env[len(env)-1] = "CGO_ENABLED=1"
	}
	if t.os != "" {
		env = append(env, "GOOS="+t.os, "GOARCH="+t.arch)
	}
	return env
}

func (r *release) goTool(t target, args ...string) error {
	_, err := r.run(goEnv(t), "go", args...)
	return err
}

// readCommit dates everything, and asks for a version where none was given. From
// then on a clone is looked at: it holds what is committed and nothing else, and Go
// stamps no version into what it builds in a worktree.
func (r *release) readCommit() error {
	line, err := r.run(nil, "git", "log", "-1", "--format=%H %ct")
	if err != nil {
		return fmt.Errorf("every file is dated by its commit: %w", err)
	}
	var seconds int64
	if _, err := fmt.Sscan(line, &r.revision, &seconds); err != nil {
		return fmt.Errorf("git log printed %q: %w", line, err)
	}
	r.date = time.Unix(seconds, 0).UTC()
	// The generators in the main module, and nfpm, read this.
	if err := os.Setenv("SOURCE_DATE_EPOCH", strconv.FormatInt(seconds, 10)); err != nil {
		return err
	}
	changed, err := r.run(nil, "git", "status", "--porcelain")
	switch {
	case err != nil:
		return err
	case changed != "" && r.key != "":
		return fmt.Errorf("these are not committed, and would not be released; commit or remove them\n%s", changed)
	case changed != "":
		r.say("leaves out what is not committed:\n%s", strings.TrimRight(changed, "\n"))
	}
	clone := filepath.Join(r.tmp, "clone")
	if _, err := r.run(nil, "git", "clone", "-q", "--no-checkout", r.root, clone); err != nil {
		return err
	}
	r.root = clone
	if _, err := r.run(nil, "git", "-c", "core.autocrlf=false", "checkout", "-q", "--detach", r.revision); err != nil {
		return err
	}
	stamped, err := r.stamped()
	if err != nil {
		return err
	}
	if r.version == "" {
		r.version = stamped
	} else if r.version != stamped {
		return fmt.Errorf("programs of this commit call themselves %s, not %s; type: git tag -s v%s", stamped, r.version, r.version)
	}
	return nil
}

// stamped is the version that Go writes into a program of this commit, which is
// the tag of a release, or made of date and commit.
func (r *release) stamped() (string, error) {
	program := filepath.Join(r.tmp, "stamped")
	if err := r.goTool(target{}, "build", "-trimpath", "-ldflags=-s -w", "-buildvcs=true", "-o", program, "./cmd/awskey-helper"); err != nil {
		return "", err
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", err
	}
	version, ok := strings.CutPrefix(info.Main.Version, "v")
	if !ok {
		return "", errors.New("go stamped no version into the programs; git and a Go of 1.24 or newer are needed")
	}
	return version, nil
}

// build builds the programs for a system and returns their paths.
func (r *release) build(t target) ([]string, error) {
	r.say("builds the programs for %s", t)
	dir := filepath.Join(r.tmp, t.String())
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-buildvcs=true", "-o", dir + "/"}
	var paths []string
	for _, name := range programs {
		args = append(args, "./cmd/"+name)
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths, r.goTool(t, args...)
}
