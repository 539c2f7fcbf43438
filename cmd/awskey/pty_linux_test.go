package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// screen is the far side of a terminal: what a person sees and types.
type screen struct {
	t    *testing.T
	ctrl *os.File
	seen bytes.Buffer
}

// terminal opens a terminal of so many columns.
func terminal(t *testing.T, columns uint16) (*screen, *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns})
	}
	if err != nil {
		t.Fatal(err)
	}
	ctrl := os.NewFile(uintptr(fd), "/dev/ptmx") // not blocking, so with deadlines
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ctrl.Close(); tty.Close() })
	return &screen{t: t, ctrl: ctrl}, tty
}

// until reads the screen until text stands on it.
func (s *screen) until(text string) {
	s.t.Helper()
	if err := s.ctrl.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	for b := make([]byte, 4096); !strings.Contains(s.seen.String(), text); {
		n, err := s.ctrl.Read(b)
		s.seen.Write(b[:n])
		if err != nil {
			s.t.Fatalf("waiting for %q: %v; the screen shows\n%s", text, err, s.seen.String())
		}
	}
}

func (s *screen) enter(text string) {
	s.t.Helper()
	if _, err := s.ctrl.WriteString(text + "\n"); err != nil {
		s.t.Fatal(err)
	}
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	termios, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return termios.Lflag&unix.ECHO != 0
}

func TestTheSecretIsNotShownAsItIsTyped(t *testing.T) {
	s, tty := terminal(t, 80)
	exit := newInside(t, ready(), tty, tty, tty, nil).start("add", "work")
	s.until("Access key id: ")
	s.enter(goodID)
	s.until("(not shown): ")
	waitFor(t, "no echo", func() bool { return !echoes(t, tty) })
	s.enter(goodSecret)
	s.until("next rotation")
	if code := <-exit; code != helper.ExitOK {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(s.seen.String(), goodID) || strings.Contains(s.seen.String(), goodSecret) {
		t.Errorf("the screen should show the id and not the secret:\n%s", s.seen.String())
	}
	if !echoes(t, tty) {
		t.Error("the terminal is left without echo")
	}
}

func TestCtrlCAtThePromptRestoresTheTerminal(t *testing.T) {
	s, tty := terminal(t, 80)
	f := ready()
	awskey := newInside(t, f, tty, tty, tty, nil)
	exit := awskey.start("add", "work", "--access-key-id", goodID)
	s.until("(not shown): ")
	waitFor(t, "no echo", func() bool { return !echoes(t, tty) })
	awskey.cancel()
	if code := <-exit; code != helper.ExitFailed {
		t.Errorf("exit code %d", code)
	}
	s.until("awskey: stopped; nothing was done")
	if !echoes(t, tty) {
		t.Error("the terminal is left without echo")
	}
	if len(f.status.Keys) != 0 {
		t.Error("a key was taken in")
	}
	s.enter("") // lets the abandoned read end
}

// TestWhatWasShownMustStillBeSo: a rotation that was due may switch while a
// person reads, and another key than the one that was shown would go.
func TestWhatWasShownMustStillBeSo(t *testing.T) {
	s, tty := terminal(t, 80)
	f := ready()
	f.status.Keys = []api.Key{{Name: "work", AccessKeyID: "AKIAAAAAAAAAAAAA1111", Phase: "steady"}}
	exit := newInside(t, f, tty, null(t), tty, nil).start("rotate", "work", "--leaked") // standard output is a file
	s.until("AKIAAAAAAAAAAAAA1111 is deactivated")
	s.until("Type the name of the key to go on: ")
	f.mu.Lock()
	f.status.Keys[0].AccessKeyID = "AKIAAAAAAAAAAAAA2222"
	f.mu.Unlock()
	s.enter("work")
	s.until("awskey: work has got another access key meanwhile; nothing was done; run it again")
	if code := <-exit; code != helper.ExitFailed {
		t.Errorf("exit code %d", code)
	}
	if f.status.Keys[0].Leaked {
		t.Error("the rotation has begun")
	}
}

// waitFor tries until cond holds; a minute is a failure.
func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

func TestColourAndWidthOfATerminal(t *testing.T) {
	long := strings.Repeat("n", 63)
	f := ready()
	f.status.Keys = []api.Key{
		{Name: long + "1", AccessKeyID: "AKIAAAAAAAAAAAAA1111", Phase: "held", Hold: &api.Hold{Code: "clock", Text: "x", Choices: []string{"retry"}, Phase: "steady"}},
	}
	for name, c := range map[string]struct {
		columns      uint16
		vars         map[string]string
		colour, full bool
	}{
		"a terminal":          {80, map[string]string{"TERM": "xterm"}, true, false},
		"a wide one":          {200, map[string]string{"TERM": "xterm"}, true, true},
		"NO_COLOR":            {80, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false, false},
		"a dumb terminal":     {80, map[string]string{"TERM": "dumb"}, false, false},
		"one without columns": {0, map[string]string{"TERM": "xterm"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, tty := terminal(t, c.columns)
			exit := newInside(t, f, tty, tty, tty, c.vars).start("list")
			s.until("retry")
			if code := <-exit; code != helper.ExitOK {
				t.Errorf("exit code %d", code)
			}
			first, rest, _ := strings.Cut(s.seen.String(), "\n")
			row, _, _ := strings.Cut(rest, "\n")
			if got := strings.Contains(first, "\x1b[1mNAME"); got != c.colour {
				t.Errorf("bold head: %v in %q", got, first)
			}
			if got := strings.Contains(row, "\x1b[31mheld: clock\x1b[0m"); got != c.colour {
				t.Errorf("red hold: %v in %q", got, row)
			}
			if !c.colour && strings.Contains(s.seen.String(), "\x1b") {
				t.Errorf("colour that was not asked for: %q", s.seen.String())
			}
			if got := strings.Contains(row, long); got != c.full {
				t.Errorf("whole name: %v in %q", got, row)
			}
		})
	}
}

// TestAMoveShowsAtATerminalHowFarItIs, in one line that is gone in the end.
func TestAMoveShowsAtATerminalHowFarItIs(t *testing.T) {
	s, tty := terminal(t, 80)
	f := ready()
	f.status.Keys = []api.Key{{Name: "one"}, {Name: "two"}}
	f.backends = []api.Backend{{Name: "secret-service", Available: true}}
	exit := newInside(t, f, tty, tty, tty, nil).start("store", "migrate", "secret-service")
	s.until("Move 2 keys from file to secret-service? In file they are deleted then. [y/N] ")
	s.enter("y")
	s.until("\r\x1b[Kdeleting from file, 1 of 2\r\x1b[K2 keys moved from file to secret-service")
	if code := <-exit; code != helper.ExitOK {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(s.seen.String(), "waiting until") {
		t.Errorf("a move that is over at once needs no progress:\n%s", s.seen.String())
	}
}
