package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	hookMark = "# Written by awskey scan --install-hook"
	kept     = ".before-awskey" // the end of the name of a hook that was there before ours
)

// InstallHook writes a pre-commit hook that runs program scan --staged, and then
// the hook that was there before. Done again, it changes nothing but the
// program's path. shared is whether the folder of hooks is not this repository's
// alone (core.hooksPath).
func (r *Repo) InstallHook(ctx context.Context, program string) (path string, shared bool, err error) {
	out, err := r.output(ctx, "rev-parse", "--git-path", "hooks")
	if err != nil {
		return "", false, err
	}
	folder := filepath.FromSlash(strings.TrimRight(out, "\n"))
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(r.dir, folder)
	}
	own, err := r.output(ctx, "config", "--get", "core.hooksPath")
	shared = err == nil && strings.TrimSpace(own) != ""
	path = filepath.Join(folder, "pre-commit")
	was, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(folder, 0o777); err != nil { // with the user's umask, as git makes it
			return "", shared, err
		}
	case err != nil:
		return "", shared, err
	case !bytes.Contains(was, []byte(hookMark)):
		if _, err := os.Lstat(path + kept); err == nil {
			return "", shared, fmt.Errorf("both %s and %s are there, and neither is ours: move one away", path, path+kept)
		}
		if err := os.Rename(path, path+kept); err != nil {
			return "", shared, err
		}
	}
	return path, shared, replace(path, hook(program))
}

// hook is the script. A program that is gone must not keep anybody from
// committing.
func hook(program string) string {
	return `#!/bin/sh
` + hookMark + `: no access key of AWS is committed.
# A line that may stay has ` + "`awskey:allow`" + ` on it; git commit --no-verify asks nobody.
awskey=` + quoted(filepath.ToSlash(program)) + `
if [ -x "$awskey" ]; then
	"$awskey" scan --staged || exit
else
	echo "pre-commit: $awskey is gone; nothing was looked for" >&2
fi
before="$(dirname "$0")/pre-commit` + kept + `"
if [ -x "$before" ]; then
	exec "$before" "$@"
fi
`
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// replace writes the whole script or nothing.
func replace(path, script string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".pre-commit-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone once it has its name
	_, err = f.WriteString(script)
	err = errors.Join(err, f.Chmod(0o755), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
