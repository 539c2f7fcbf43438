//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fenced returns the first block of a language after a mark.
func fenced(t *testing.T, text, mark, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, mark)
	if found {
		_, rest, found = strings.Cut(rest, "\n```"+language+"\n")
	}
	block, _, ended := strings.Cut(rest, "\n```\n")
	if !found || !ended {
		t.Fatalf("README.md has no block of %s after %q", language, mark)
	}
	return block + "\n"
}

// shown makes a pattern of what the README shows: … stands for anything, alone
// on a line for any lines; numbers, times, spans and widths are those of the day.
func shown(text string) string {
	pattern := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		if line == "…" {
			pattern += `(.*\n)*?`
			continue
		}
		line = regexp.QuoteMeta(line)
		line = strings.ReplaceAll(line, "…", ".*")
		line = regexp.MustCompile(` +`).ReplaceAllString(line, " +")
		line = regexp.MustCompile(`\b[0-9]{1,8}[smhd]?\b`).ReplaceAllString(line, "[0-9]+[smhd]?")
		pattern += line + " *\n"
	}
	return `^` + pattern + `$`
}

// A line of the session becomes a command of a testscript, what it shows a file.
func session(t *testing.T, block string) (script string, commands int) {
	t.Helper()
	var files strings.Builder
	for part := range strings.SplitSeq("\n"+block, "\n$ ") {
		command, output, _ := strings.Cut(part, "\n")
		if command == "" && commands == 0 {
			continue // before the first
		}
		commands++
		script += fmt.Sprintf("exec /bin/sh -c '%s 2>&1'\nshows %d\n", strings.ReplaceAll(command, "'", "''"), commands)
		fmt.Fprintf(&files, "-- %d --\n%s\n", commands, strings.TrimSuffix(output, "\n"))
	}
	return script + files.String(), commands
}

// The session of the README, as it stands there, does what it shows.
func TestTheSessionOfTheREADME(t *testing.T) {
	t.Parallel()
	h := playSession(t, "session", func(h *home, aws *awstest.Server, folder string) error {
		id, secret := aws.IssueKey("ada")
		return os.WriteFile(filepath.Join(folder, "accessKeys.csv"), []byte(csvOf(id, secret)), 0o600)
	})
	policy := fenced(t, readme(t), "\n## The policy", "json")
	if got := h.do("policy", "work").stdout; got != policy {
		t.Errorf("the README's policy is\n%s\nawskey policy prints\n%s", policy, got)
	}
}

// Moving in, from a home as people have them, shows what the README shows.
func TestMovingInAsTheREADMEShows(t *testing.T) {
	t.Parallel()
	h := playSession(t, "init", func(h *home, aws *awstest.Server, _ string) error {
		id, secret := aws.IssueKey("ada")
		aws.CreateUser("ci-robot", "", awstest.Rotator())
		robot, robotSecret := aws.IssueKey("ci-robot")
		h.write(".aws/credentials", pairIn("default", id, secret)+pairIn("work", id, secret)+pairIn("lab", "ASIA"+id[4:], secret[20:]+secret[:20])+"aws_session_token = x\n")
		h.write(".aws/credentials~", pairIn("default", id, secret))
		h.write(".aws/config", "# mine\n[default]\nregion = us-east-1\n")
		h.write(".bashrc", fmt.Sprintf("export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n", id, secret))
		h.write("Downloads/ci-robot_accessKeys.csv", csvOf(robot, robotSecret))
		return nil
	})
	if r := h.awskey("init", "--yes"); r.exit != exitDone || strings.Contains(r.stdout, "is in the store") || strings.Contains(r.stdout, "First rotation") {
		t.Errorf("a second time: %d %s", r.exit, r.stdout)
	}
}

func csvOf(id, secret string) string {
	return "Access key ID,Secret access key\r\n" + id + "," + secret + "\r\n"
}

// playSession does what a session of the README does, in a home that prepare has
// made, and returns the home.
func playSession(t *testing.T, mark string, prepare func(h *home, aws *awstest.Server, folder string) error) *home {
	t.Helper()
	script, commands := session(t, fenced(t, readme(t), "\n<!-- "+mark+" -->", "console"))
	if commands < 2 {
		t.Errorf("the session has %d commands", commands)
	}
	h := newHome(t, binaries(t))
	h.onFailure(t)
	aws := newAWS(t, awstest.Options{})
	aws.CreateUser("ada", "", awstest.Rotator())
	h.configure(h.fileStore(), awsSettings(aws), strings.ReplaceAll(swift, `"1s"`, `"1h"`))
	d := h.start()
	// The CLI of the README speaks to AWS; ours has to be told where that is.
	cli := h.write("bin/aws", fmt.Sprintf("#!/bin/sh\nexec %s --endpoint-url %s --region us-east-1 \"$@\"\n", awsCLI(t), aws.URL))
	if err := os.Chmod(cli, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "readme.txt")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	params := testscript.Params{
		Files: []string{file},
		Setup: func(e *testscript.Env) error {
			for name, value := range h.vars {
				e.Setenv(name, value)
			}
			e.Setenv("PATH", h.path("bin")+":"+h.bin+":"+h.vars["PATH"])
			return prepare(h, aws, e.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"shows": func(ts *testscript.TestScript, _ bool, args []string) {
				want, got := ts.ReadFile(args[0]), ts.ReadFile("stdout")
				got, _, _ = strings.Cut(got, "\nnote: added through an emulator") // the one word that AWS itself would not bring
				if !regexp.MustCompile(shown(want)).MatchString(got) {
					ts.Fatalf("the README shows\n%s\nand this is shown\n%s", want, got)
				}
			},
		},
	}
	t.Run(mark, func(t *testing.T) { testscript.Run(t, params) }) // whose scripts run after it, in parallel
	t.Cleanup(d.stop)
	return h
}

// The settings that the README shows are taken.
func TestTheSettingsOfTheREADME(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	h.configure(fenced(t, readme(t), "\n## Settings", "toml"))
	d := h.start()
	if r := h.do("status"); strings.Contains(r.stdout, "config.toml") {
		t.Errorf("something is wrong with them: %s", r.stdout)
	}
	d.stop()
}

// The comparison takes what it should and nothing else.
func TestShownIsComparedLineByLine(t *testing.T) {
	for _, x := range []struct {
		readme, real string
		same         bool
	}{
		{"work is taken in\n", "work is taken in\n", true},
		{"work is taken in\n", "work is not taken in\n", false},
		{"one\n", "one\ntwo\n", false},
		{"one\ntwo\n", "one\n", false},
		{"one\n…\n", "one\n", true},
		{"one\n…\nthree\n", "one\ntwo\nand\nthree\n", true},
		{"one\n…\nthree\n", "one\ntwo\nfour\n", false},
		{"until 10:40 on 3 Mar\n", "until 23:05 on 17 Mar\n", true},
		{"access key AKIA… (current)\n", "access key   AKIA…MPLE (current)\n", true},
		{"a.b\n", "axb\n", false},
	} {
		if same := regexp.MustCompile(shown(x.readme)).MatchString(x.real); same != x.same {
			t.Errorf("%q shown as %q: %v", x.real, x.readme, same)
		}
	}
}
