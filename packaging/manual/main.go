// Command manual makes the manual pages of all three programs and of the
// configuration file:
//
//	go run ./packaging/manual -o DIR
//
// What a program says of itself is the one source: the verbs, flags and examples
// are those that awskey help prints, the usage is the one of awskeyd and
// awskey-helper, the settings are those that the configuration takes. Only what no
// help text has room for stands here.
//
// It writes roff itself. The generator that comes with the command line's
// framework passes every text through Markdown, which takes the * and _ of an
// example for its own, prints flags with defaults that nobody wrote
// (--json[=false]), and dates each page with today.
//
// Made twice, the pages are the same. They carry the date of SOURCE_DATE_EPOCH,
// or none (reproducible-builds.org).
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	dir := flag.String("o", "", "the `DIR` to write the pages into, which is made if it is missing")
	flag.Parse()
	if *dir == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "manual: no folder to write into; type: go run ./packaging/manual -o DIR")
		os.Exit(2)
	}
	said, err := ask()
	if err == nil {
		err = write(*dir, said, os.Getenv("SOURCE_DATE_EPOCH"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

// write makes all pages.
func write(dir string, s said, epoch string) error {
	date, err := dateOf(epoch)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder for the pages: %w", err)
	}
	for _, p := range pages(s) {
		if err := os.WriteFile(filepath.Join(dir, p.file()), p.bytes(date), 0o644); err != nil {
			return fmt.Errorf("cannot write a page: %w", err)
		}
	}
	return nil
}

// dateOf is the day of a number of seconds since 1970; none of nothing.
func dateOf(epoch string) (string, error) {
	if epoch == "" {
		return "", nil
	}
	n, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return "", fmt.Errorf("SOURCE_DATE_EPOCH is %q and must be a number of seconds, such as that of: git log -1 --format=%%ct", epoch)
	}
	return time.Unix(n, 0).UTC().Format(time.DateOnly), nil
}

// said is what the programs say of themselves.
type said struct {
	awskey          commandLine
	awskeyd, helper string
}

// commandLine is what awskey __lines prints.
type commandLine struct {
	About string
	Verbs []struct {
		Use, Short, Text, Example string
		Flags                     []flagLine
	}
	Flags     []flagLine
	ExitCodes []string `json:"exit_codes"`
	Example   string
}

type flagLine struct{ Name, Letter, Takes, Text string }

// ask builds the programs, for this machine, and asks them.
func ask() (s said, err error) {
	dir, err := os.MkdirTemp("", "awskeyd-manual-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := build(dir); err != nil {
		return s, err
	}
	run := func(exit int, program string, args ...string) (string, error) {
		cmd := exec.Command(filepath.Join(dir, program), args...)
		text, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != exit {
			return "", fmt.Errorf("cannot ask %s what it does: %w\n%s", program, err, text)
		}
		return string(text), nil
	}
	lines, err := run(0, "awskey", "__lines")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(lines), &s.awskey); err != nil {
		return s, fmt.Errorf("cannot read what awskey says of its verbs: %w", err)
	}
	if s.awskeyd, err = run(0, "awskeyd", "help"); err != nil {
		return s, err
	}
	s.helper, err = run(2, "awskey-helper")
	return s, err
}

func build(dir string) error {
	args := []string{"build", "-buildvcs=false", "-o", dir + string(filepath.Separator)}
	for _, program := range []string{"awskey", "awskeyd", "awskey-helper"} {
		args = append(args, "github.com/awskeyd/awskeyd/cmd/"+program)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build the programs: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
