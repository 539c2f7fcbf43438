package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
)

// awsFilesRead looks at the two files as all programs read them.
func (d *doctor) awsFilesRead(context.Context) {
	from := len(d.said)
	found, err := d.files.Plaintext()
	if err != nil {
		d.say("error", "aws-files", "mend the line; the AWS CLI may not read the file either", "%v", err)
		return
	}
	for _, f := range found {
		if f.Why != nil {
			d.say("warning", "half-key", "mend the lines, or delete them", "%v", f.Why)
			continue
		}
		d.say("warning", "plaintext-key", "awskey init --profile "+f.Profile, "%s:%d: access key %s of the AWS profile %s stands here in plaintext", f.Places[0].File, f.Places[0].Line, short(f.AccessKeyID), f.Profile)
	}
	quirks, err := d.files.Quirks()
	if err != nil {
		d.say("error", "aws-files", "mend the line", "%v", err)
		return
	}
	for _, q := range quirks {
		d.say("warning", q.Code, q.Remedy, "%s:%d: %s", q.File, q.Line, q.Text)
	}
	d.mode()
	if len(d.said) == from {
		d.say("ok", "aws-files", "", "no key stands in plaintext in the AWS files")
	}
}

// mode looks whether others can read the credentials file.
func (d *doctor) mode() {
	if runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(d.files.Credentials)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return
	}
	if d.fix && os.Chmod(d.files.Credentials, 0o600) == nil {
		d.say("ok", "aws-files-mode", "", "%s could be read by others, and is yours alone now", d.files.Credentials)
		return
	}
	d.say("warning", "aws-files-mode", "chmod 600 "+d.files.Credentials, "%s can be read by others (mode %04o)", d.files.Credentials, info.Mode().Perm())
}

// ourLines looks at every line that runs our helper, and runs it.
func (d *doctor) ourLines(ctx context.Context) {
	lines, err := d.files.PointingTo(func(command string) bool { _, ours := awsfiles.Ours(command); return ours })
	if err != nil {
		return // said above
	}
	ran := map[string]bool{}
	for _, l := range lines {
		profile, _ := awsfiles.Ours(l.Command)
		path := d.line(l, profile)
		if path == "" || ran[profile] {
			continue
		}
		ran[profile] = true
		d.runHelper(ctx, l.Profile, path, profile)
	}
	if len(lines) == 0 && d.status != nil && len(d.status.Keys) > 0 {
		d.say("warning", "no-line", "awskey add "+d.status.Keys[0].Name+" --write", "no AWS profile asks for a key, so that no program finds one")
	}
}

// line says what is wrong with a line, and returns the helper that it runs, if there
// is one, and something to ask it for.
func (d *doctor) line(l awsfiles.Pointer, profile string) (helper string) {
	path := awsfiles.Program(l.Command)
	t, err := d.target(profile)
	if err != nil {
		return "" // the programs are said to be missing
	}
	here, err := os.Stat(path)
	own, err2 := os.Stat(t.helper)
	if err != nil || err2 == nil && !os.SameFile(here, own) {
		if d.fix {
			if _, err := d.files.Point(l.Profile, t.command, awsfiles.Static{}); err == nil {
				d.say("ok", "helper", "", "%s:%d: the AWS profile %s runs %s now", l.File, l.Line, l.Profile, t.helper)
				return t.helper
			}
		}
		state, what := "warning", "the helper of another installation"
		if err != nil {
			state, what = "error", "which is not there"
		}
		d.say(state, "helper", "awskey doctor --fix writes "+t.helper+" in its place", "%s:%d: the AWS profile %s runs %s, %s", l.File, l.Line, l.Profile, path, what)
		if err != nil {
			path = ""
		}
		return path
	}
	if d.status != nil && d.status.Daemon.Store.State == "ready" && !slices.ContainsFunc(d.status.Profiles, func(p api.Profile) bool { return strings.EqualFold(p.Name, profile) }) {
		d.say("error", "no-such-profile", "awskey add "+profile+", or delete the line", "%s:%d: the AWS profile %s asks for %s, and there is no such key", l.File, l.Line, l.Profile, profile)
		return ""
	}
	return path
}

// runHelper does what an SDK would do. What it answers is looked at and forgotten.
func (d *doctor) runHelper(ctx context.Context, awsProfile, path, profile string) {
	within, cancel := context.WithTimeout(ctx, helperWithin)
	defer cancel()
	cmd := exec.CommandContext(within, path, profile)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	defer clear(out)
	switch {
	case err == nil && bytes.HasPrefix(out, []byte("{")):
		d.say("ok", "helper", "", "the AWS profile %s gets its key", awsProfile)
	case within.Err() != nil:
		d.say("error", "helper", "awskey status says what the service waits for", "the AWS profile %s gets nothing: the helper did not answer in time", awsProfile)
	default:
		d.say("error", "helper", "", "the AWS profile %s gets nothing: %s", awsProfile, oneLine(strings.TrimSpace(errors.String())))
	}
}

// caches looks for the credentials that the AWS CLI keeps of roles.
func (d *doctor) caches(context.Context) {
	folder := filepath.Join(d.home(), ".aws", "cli", "cache")
	paths, _ := filepath.Glob(filepath.Join(folder, "*.json")) // its only error is a bad pattern
	kept := 0
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil {
			if bytes.Contains(data, []byte("SecretAccessKey")) {
				kept++
			}
			clear(data)
		}
	}
	if kept > 0 {
		d.say("warning", "cli-cache", "they end by themselves; rm -r "+folder+" ends them here", "the AWS CLI keeps temporary credentials of %d role%s in plaintext in %s", kept, plural(kept), folder)
	}
}
