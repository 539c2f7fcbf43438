//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// cold are the ways that a person waits on, at a terminal: what counts is the longest
// time in which nothing comes to the screen.
func (h *home) cold() error {
	h.aws.CreateUser("other", "", awstest.Rotator())
	id, key := h.aws.IssueKey("other")
	var text strings.Builder
	for i := range 50 {
		name := "user" + strconv.Itoa(i)
		h.aws.CreateUser(name, "", awstest.Rotator())
		id, key := h.aws.IssueKey(name)
		fmt.Fprintf(&text, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n\n", name, id, key)
	}
	tree, err := os.Getwd()
	if err != nil {
		return err
	}
	for _, c := range []struct {
		stdin string
		args  []string
	}{
		{key + "\n", []string{"add", "other", "--access-key-id", id, "--secret-stdin"}},
		{"", []string{"status"}},
		{"", []string{"rotate", "work", "--wait"}},
		{"", []string{"scan", tree}},
		{"", []string{"doctor"}},
		{"", []string{"init", "--yes"}},
		{"", []string{"eject", "--yes"}},
	} {
		what := c.args[0]
		if what == "init" {
			what = "init on 50 profiles"
			if err := os.WriteFile(filepath.Join(h.dir, ".aws", "credentials"), []byte(text.String()), 0o600); err != nil {
				return err
			}
		}
		cmd := h.command(h.program("awskey"), c.args...)
		cmd.Env = append(cmd.Env, "TERM=xterm")
		cmd.Stdin = strings.NewReader(c.stdin)
		silence, took, err := onTerminal(cmd)
		f := figure{Name: "awskey " + what + " at a terminal, longest silence", Unit: "ms", Median: float64(silence) / 1e6,
			Why: fmt.Sprintf("done after %v", took.Round(time.Millisecond))}
		if err != nil && what != "doctor" { // which finds that no service is registered
			return fmt.Errorf("awskey %s: %w", what, err)
		}
		h.atMost(f, 300, f.Why)
	}
	return nil
}

// onTerminal runs a program that writes to a terminal.
func onTerminal(cmd *exec.Cmd) (silence, took time.Duration, err error) {
	screen, tty, err := terminal()
	if err != nil {
		return 0, 0, err
	}
	defer screen.Close()
	cmd.Stdout, cmd.Stderr = tty, tty
	began := time.Now()
	err = cmd.Start()
	tty.Close() // or the screen would have no end
	if err != nil {
		return 0, 0, err
	}
	last := began
	for b := make([]byte, 4096); ; {
		_, err := screen.Read(b)
		now := time.Now()
		silence = max(silence, now.Sub(last))
		if last = now; err != nil {
			break
		}
	}
	err = cmd.Wait()
	return silence, time.Since(began), err
}

// terminal opens a pseudoterminal (pty(7)).
func terminal() (screen, tty *os.File, err error) {
	if screen, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	fd := int(screen.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		screen.Close()
		return nil, nil, err
	}
	return screen, tty, nil
}
