// Package repository finds access keys in git repositories: in every object that a
// commit reaches, and in what is about to be committed. It reads by git itself, and
// trusts neither a repository's configuration nor its contents.
//
// It must never change a repository but for the one hook that a person asks for,
// fetch anything, or run a program that a repository names.
package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrNone is the error for a path that lies in no repository.
var ErrNone = errors.New("not in a git repository")

// ErrNoGit is the error where there is no git to read with.
var ErrNoGit = errors.New("git is not installed, or not in PATH")

// Repo is one repository. Its methods may be called from several goroutines; each
// ends its children when its context ends.
type Repo struct {
	Top    string // the folder of its working files; of a bare one, its own
	Common string // the folder of its objects, which linked worktrees share
	Bare   bool
	dir    string // where git is run
	hook   bool   // and points elsewhere, by the variables that git gave a hook
}

// OpenHere finds the repository that git itself would take in this folder, and, in a
// hook, the index that git has made for it.
func OpenHere(ctx context.Context) (*Repo, error) { return open(ctx, ".", true) }

// Open finds the repository in which a file or folder lies.
func Open(ctx context.Context, path string) (*Repo, error) { return open(ctx, path, false) }

func open(ctx context.Context, path string, hook bool) (*Repo, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.IsDir() {
		path = filepath.Dir(path)
	}
	r := &Repo{dir: path, hook: hook}
	out, err := r.output(ctx, "rev-parse", "--is-bare-repository", "--is-inside-git-dir", "--git-common-dir", "--absolute-git-dir")
	if err != nil {
		return nil, err
	}
	words := strings.Split(strings.TrimRight(out, "\n"), "\n")
	if len(words) == 4 {
		r.Common = r.absolute(words[2])
		if real, err := filepath.EvalSymlinks(r.Common); err == nil { // git says it so of a linked worktree's alone
			r.Common = real
		}
	}
	switch {
	case len(words) != 4: // nobody's path has the end of a line in it
		return nil, fmt.Errorf("git says of %s what nobody understands", path)
	case words[0] == "true":
		r.Bare, r.Top = true, filepath.FromSlash(words[3])
		return r, nil
	case words[1] == "true":
		return nil, ErrNone // within .git, where nothing of the user's stands
	}
	if out, err = r.output(ctx, "rev-parse", "--show-toplevel"); err != nil {
		return nil, err
	}
	r.Top = filepath.FromSlash(strings.TrimRight(out, "\n"))
	return r, nil
}

// absolute is a path that git has printed: some count from where it was run.
func (r *Repo) absolute(printed string) string {
	path := filepath.FromSlash(strings.TrimRight(printed, "\n"))
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.dir, path)
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// options keep git to reading what is here: no program that a configuration names
// is run, nothing is fetched, no lock is taken and nobody is asked.
var options = []string{
	"--no-pager", "--no-replace-objects", "--no-optional-locks",
	"-c", "core.fsmonitor=false", "-c", "log.showSignature=false", "-c", "log.showRoot=true", "-c", "diff.renames=false", "-c", "diff.relative=false", "-c", "color.ui=never",
	"-c", "protocol.allow=never", "-c", "core.quotePath=false",
	// Two of them run beside us: neither may keep much.
	"-c", "core.deltaBaseCacheLimit=24m", "-c", "core.packedGitWindowSize=16m", "-c", "core.packedGitLimit=48m", "-c", "core.bigFileThreshold=32m",
}

// steering are the variables by which a hook's git points elsewhere than at the
// folder it is run in.
var steering = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF", "GIT_TRACE"}

// command is git in the repository. Its end is waited for, a second at most.
func (r *Repo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append(slices.Clone(options), args...)...)
	cmd.Dir = r.dir
	cmd.WaitDelay = time.Second
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if r.hook || !slices.Contains(steering, name) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_ATTR_NOSYSTEM=1")
	return cmd
}

// output is all that git prints, which is known to be little.
func (r *Repo) output(ctx context.Context, args ...string) (string, error) {
	var out, said bytes.Buffer
	cmd := r.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", trouble(ctx, args[0], said.String(), err)
	}
	return out.String(), nil
}

// trouble is git's failure in one line.
func trouble(ctx context.Context, verb, said string, err error) error {
	line, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return ErrNoGit
	case strings.Contains(said, "not a git repository"):
		return ErrNone
	case strings.Contains(said, "dubious ownership"):
		for advice := range strings.Lines(said) {
			if advice = strings.TrimSpace(advice); strings.HasPrefix(advice, "git config ") {
				return fmt.Errorf("it is another user's, and git reads it only once you have typed %s", advice)
			}
		}
		return errors.New("git " + verb + ": " + strings.TrimPrefix(line, "fatal: "))
	case line != "":
		return fmt.Errorf("git %s: %s", verb, strings.TrimPrefix(line, "fatal: "))
	default:
		return fmt.Errorf("git %s: %w", verb, err)
	}
}

// stream runs git and hands its output to read; what read leaves over is not
// waited for. in, if any, is written to its standard input.
func (r *Repo) stream(ctx context.Context, in io.Reader, read func(io.Reader) error, args ...string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var said bytes.Buffer
	cmd := r.command(ctx, args...)
	cmd.Stdin, cmd.Stderr = in, &limited{&said}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return trouble(ctx, args[0], "", err)
	}
	readErr := read(out)
	if readErr != nil {
		stop()
	}
	err = cmd.Wait()
	if readErr != nil {
		return readErr
	}
	if err != nil {
		return trouble(ctx, args[0], said.String(), err)
	}
	return nil
}

// limited keeps the beginning of what is written.
type limited struct{ b *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	const most = 4 << 10
	l.b.Write(p[:min(len(p), max(0, most-l.b.Len()))])
	return len(p), nil
}
