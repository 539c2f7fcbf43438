package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/helper"
)

// target is what stands in the AWS config for a key of ours.
type target struct {
	files   awsfiles.Files
	profile string
	helper  string // the path of the program that answers
	command string // the value of credential_process
}

// target finds the AWS files and the helper beside this very program: a name
// looked up in PATH would let anybody's folder answer for the keys.
func (a *app) target(name string) (target, error) {
	files, err := a.awsFiles()
	if err != nil {
		return target{}, err
	}
	t := target{files: files, profile: name}
	if t.helper, err = a.beside("awskey-helper"); err != nil {
		return t, err
	}
	t.command, err = awsfiles.Command(t.helper, name)
	return t, err
}

// beside is a program of ours in the folder of this one, links followed.
func (a *app) beside(name string) (string, error) {
	self, err := a.executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("could not find where awskey is installed: %w", err)
	}
	path := filepath.Join(filepath.Dir(self), name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if _, err := os.Stat(path); err != nil {
		return "", &api.Error{Code: "no-" + strings.TrimPrefix(name, "awskey-"), Message: "there is no " + path, Remedy: "install awskey, awskeyd and awskey-helper in one folder", Exit: helper.ExitFailed}
	}
	return path, nil
}

// awsFiles are where the AWS CLI itself would look, so that what is written is
// what it reads.
func (a *app) awsFiles() (awsfiles.Files, error) {
	home := a.home()
	if home == "" {
		return awsfiles.Files{}, errors.New("cannot find the AWS config: HOME is not set")
	}
	return awsfiles.Locate(a.env, home), nil
}

// home is the folder that ~ stands for.
func (a *app) home() string {
	if runtime.GOOS == "windows" {
		return a.env("USERPROFILE")
	}
	return a.env("HOME")
}

// useText says how programs get at the key.
func (a *app) useText(t target, wrote, asked bool) {
	switch {
	case wrote:
		a.printf("\nwritten into %s:\n\n", t.files.Config)
	case asked:
		a.printf("\nstands already in %s:\n\n", t.files.Config)
	default:
		a.printf("\nTo use it, write into %s (or add it again with --write):\n\n", t.files.Config)
	}
	section := "profile " + t.profile
	if t.profile == "default" {
		section = "default"
	}
	a.printf("    [%s]\n    credential_process = %s\n", section, t.command)
}

// pointing lists the AWS config lines that ask for a profile of ours.
func (a *app) pointing(name string) ([]awsfiles.Pointer, error) {
	files, err := a.awsFiles()
	if err != nil {
		return nil, err
	}
	return files.PointingTo(oursNamed(name))
}

// oursNamed accepts the commands that run our helper for name, wherever the
// helper was installed when the line was written.
func oursNamed(name string) func(string) bool {
	return func(command string) bool {
		profile, ours := awsfiles.Ours(command)
		return ours && strings.EqualFold(profile, name)
	}
}

// warnPointers names, on standard error, the lines that ask for a key that is
// no longer there.
func (a *app) warnPointers(name string) {
	lines, err := a.pointing(name)
	if err != nil {
		a.note("could not look for AWS profiles that still ask for %s: %v", name, err)
		return
	}
	for _, l := range lines {
		a.note("%s:%d: the AWS profile %s still asks for %s", l.File, l.Line, l.Profile, name)
	}
}

// note is a diagnostic that is no failure.
func (a *app) note(format string, args ...any) {
	a.progress.Load().above(func() {
		_, _ = a.stderr.WriteString(oneLine("awskey: "+fmt.Sprintf(format, args...)) + "\n")
	})
}

// takeOut removes the lines that ask for a key.
func (a *app) takeOut(name string) error {
	lines, err := a.pointing(name)
	if err != nil {
		return err
	}
	files, err := a.awsFiles()
	if err != nil {
		return err
	}
	for _, l := range lines {
		changes, err := files.RemoveCredentialProcess(l.Profile, oursNamed(name))
		if err != nil {
			return err
		}
		if len(changes) > 0 && !a.json {
			a.printf("  taken out of %s: the AWS profile %s\n", l.File, l.Profile)
		}
	}
	return nil
}
