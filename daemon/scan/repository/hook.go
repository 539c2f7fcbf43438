package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	hookBegins = "# awskey scan --install-hook: begin"
	hookEnds   = "# awskey scan --install-hook: end"
	kept       = ".before-awskey" // the end of the name of a hook that is no script of a shell
)

// ErrManaged is the error for hooks in the working files: what keeps them there, such
// as husky, writes them anew, and a hook may tell by its own name what to run.
var ErrManaged = errors.New("core.hooksPath points into the working files")

// InstallHook has git commit run program scan --staged first. A hook that is there
// stays: ours stands at its beginning, if it is a shell's, and else runs it. Done
// again, it changes nothing but the program's path. shared is whether the folder of
// hooks is not this repository's alone (core.hooksPath).
func (r *Repo) InstallHook(ctx context.Context, program string) (path string, shared bool, err error) {
	at := *r
	at.dir = r.Top // where git runs the hook, and from where its path counts
	out, err := at.output(ctx, "rev-parse", "--git-path", "hooks")
	if err != nil {
		return "", false, err
	}
	folder := at.absolute(out)
	own, err := at.output(ctx, "config", "--get", "core.hooksPath")
	shared = err == nil && strings.TrimSpace(own) != ""
	path = filepath.Join(folder, "pre-commit")
	if below, err := filepath.Rel(r.Top, folder); shared && !r.Bare && err == nil && filepath.IsLocal(below) {
		return path, shared, ErrManaged
	}
	script, mode, aside, err := extended(path, program)
	if err != nil {
		return path, shared, err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil { // with the user's umask, as git makes it
		return path, shared, err
	}
	return path, shared, replace(path, script, mode, aside)
}

var ofShell = regexp.MustCompile(`^#![^\n]*\b(?:ba|da|z|k)?sh\b[^\n]*\n`)

// extended is the hook with ours at its beginning. One that cannot take it up, or
// that git does not run, is to be moved aside.
func extended(path, program string) (script []byte, mode fs.FileMode, aside bool, err error) {
	alone := []byte("#!/bin/sh\n" + part(program) + around(path))
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return alone, 0o755, false, nil
	}
	if err != nil {
		return nil, 0, false, err
	}
	was, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, false, err
	}
	before, rest, ours := bytes.Cut(was, []byte(hookBegins))
	if ours {
		if _, after, whole := bytes.Cut(rest, []byte(hookEnds+"\n")); whole {
			return bytes.Join([][]byte{before, []byte(part(program)), after}, nil), info.Mode().Perm() | 0o111, false, nil
		}
		return nil, 0, false, fmt.Errorf("%s has the beginning of our part and not its end: take it out", path)
	}
	if first := ofShell.Find(was); first != nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return bytes.Join([][]byte{first, []byte(part(program)), was[len(first):]}, nil), info.Mode().Perm(), false, nil
	}
	if _, err := os.Lstat(path + kept); err == nil {
		return nil, 0, false, fmt.Errorf("both %s and %s are there, and neither is ours: move one away", path, path+kept)
	}
	return alone, 0o755, true, nil
}

// part is what we put into a hook. A program that has moved is looked for, and one
// that is gone must not keep anybody from committing.
func part(program string) string {
	return hookBegins + `
# No access key of AWS is committed. A line that may stay has awskey:allow on it, and
# git commit --no-verify asks nobody.
awskey=` + quoted(filepath.ToSlash(program)) + `
[ -x "$awskey" ] || awskey=$(command -v awskey || :)
if [ -n "$awskey" ]; then
	"$awskey" scan --staged || exit 1
else
	echo "pre-commit: there is no awskey; nothing was looked for" >&2
fi
` + hookEnds + "\n"
}

// around runs a hook that was moved aside.
func around(path string) string {
	return `before=$(dirname "$0")/` + filepath.Base(path) + kept + `
[ ! -x "$before" ] || exec "$before" "$@"
`
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// replace writes the whole script or nothing. What stands there is moved aside only
// when the script is ready to take its place.
func replace(path string, script []byte, mode fs.FileMode, aside bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".pre-commit-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone once it has its name
	_, err = f.Write(script)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil && aside {
		err = os.Rename(path, path+kept)
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
