package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// report is what somebody who helps needs to know, and nothing that is a person's
// own.
type report struct {
	*doctor
	path string
	yes  bool
}

// write shows the report first. What it holds goes to somebody else, so a person
// looks at it; a script says --yes.
func (r *report) write(cmd *cobra.Command) error {
	if r.path == "" {
		return usage(cmd, "--report needs the name of a file")
	}
	text := r.text(cmd.Context())
	if err := fit(text); err != nil {
		return err
	}
	if !r.json {
		r.printf("%s", text)
	}
	if !r.yes {
		p := r.person()
		if p == nil {
			return usage(cmd, "there is no terminal to ask at; use --yes")
		}
		if yes, err := p.yes(cmd.Context(), "\nWrite this into "+r.path+"?"); err != nil || !yes {
			return err
		}
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil && r.json {
		r.document(struct {
			Report string `json:"report"`
		}{r.path})
	}
	return err
}

// text gathers everything, each part by itself, so that one that fails leaves the
// others.
func (r *report) text(ctx context.Context) string {
	for _, check := range r.checks() {
		check(ctx)
	}
	var b bytes.Buffer
	part := func(title, text string) { fmt.Fprintf(&b, "== %s\n%s\n\n", title, strings.TrimRight(text, "\n")) }
	part("versions", fmt.Sprintf("awskey %s, %s/%s, %s", api.Version(), runtime.GOOS, runtime.GOARCH, runtime.Version()))
	var checks strings.Builder
	for _, c := range r.said {
		fmt.Fprintf(&checks, "%-8s %-20s %s\n", c.State, c.Code, c.Text)
	}
	part("doctor", checks.String())
	if r.status != nil {
		status, _ := json.MarshalIndent(r.status, "", "  ") // times of a service's own status can be written
		part("status", string(status))
	}
	if path, err := helper.ConfigFile(r.env); err == nil {
		part("configuration", tail(path, 200))
	}
	if state, err := helper.StateDir(r.env); err == nil {
		part("log", tail(filepath.Join(state, logName), 200))
		part("history", tail(filepath.Join(state, "history.jsonl"), 100))
	}
	return r.redact(b.String())
}

// tail is the end of a file, at most so many lines.
func tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "(cannot be read)"
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

var (
	anyAccessKey = regexp.MustCompile(`\b(A[KS]IA)[A-Z0-9]{8,124}\b`)
	anyARN       = regexp.MustCompile(`\b(arn:[a-z-]+:[a-z]*:[a-z0-9-]*):[0-9]*:[^\s"',)]+`)
	anyAccount   = regexp.MustCompile(`\b[0-9]{12}\b`)
	anyURL       = regexp.MustCompile(`\bhttps?://[^\s"']+`)
	anyUser      = regexp.MustCompile(`(\bIAM user |\bof )([A-Za-z0-9+=,.@_-]+)( was taken in|$|[;:,])`)
	secretLike   = regexp.MustCompile(`(?:^|[^A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?:[^A-Za-z0-9/+=]|$)`)
)

// redact leaves out whose keys they are, and where.
func (r *report) redact(text string) string {
	names := map[string]string{}
	if r.status != nil {
		for _, k := range r.status.Keys {
			if word := lastWord(k.UserARN); word != "" {
				names[word] = "(user)"
			}
		}
	}
	text = anyARN.ReplaceAllString(text, "$1:(account):(resource)")
	text = anyAccessKey.ReplaceAllStringFunc(text, func(id string) string { return id[:4] + "…" + id[len(id)-4:] })
	text = anyAccount.ReplaceAllString(text, "(account)")
	text = anyURL.ReplaceAllString(text, "(address)")
	text = anyUser.ReplaceAllString(text, "$1(user)$3")
	for name := range names {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).ReplaceAllString(text, "(user)")
	}
	if home := r.home(); home != "" {
		text = strings.ReplaceAll(text, home, "~")
	}
	if host, err := os.Hostname(); err == nil && len(host) > 2 {
		text = strings.ReplaceAll(text, host, "(host)")
	}
	return text
}

// fit is the last line of defence: nothing that looks like a secret, or like a whole
// access key id, is written, whatever has gone wrong before.
func fit(text string) error {
	if secretLike.MatchString(text) || anyAccessKey.MatchString(text) {
		return &api.Error{Code: "unfit-report", Message: "the report would hold something that looks like a key, and is not written", Remedy: "say so in an issue, without the report", Exit: helper.ExitRefused}
	}
	return nil
}
