package passphrase

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/awskeyd/awskeyd/store/secret"
)

// terminal runs this test once more with a terminal of its own, on which a
// person does as told, and returns what it says on standard output.
func terminal(t *testing.T, variable string, person func(until, answer func(string))) string {
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
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err != nil {
		t.Fatal(err)
	}
	screen := os.NewFile(uintptr(fd), "/dev/ptmx")
	defer screen.Close()
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"=1", "TERM=xterm", "LC_ALL=C", "DISPLAY=", "WAYLAND_DISPLAY=")
	cmd.Stdin = tty
	var said bytes.Buffer
	cmd.Stdout = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := screen.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	seen := ""
	person(func(text string) {
		for b := make([]byte, 4096); !strings.Contains(seen, text); {
			n, err := screen.Read(b)
			seen += string(b[:n])
			if err != nil {
				t.Fatalf("waiting for %q: %v; the screen shows\n%q", text, err, seen)
			}
		}
		_, seen, _ = strings.Cut(seen, text)
	}, func(text string) {
		if _, err := screen.WriteString(text); err != nil {
			t.Fatal(err)
		}
	})
	go func() { // whatever else it paints must not make it wait
		for b := make([]byte, 4096); ; {
			if _, err := screen.Read(b); err != nil {
				return
			}
		}
	}()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	return said.String()
}

// A real pinentry, on the terminal that awskeyd runs in.
func TestARealPinentry(t *testing.T) {
	const (
		variable = "AWSKEYD_TEST_PINENTRY"
		program  = "/usr/bin/pinentry-curses" // of Debian's gpg-agent
		typed    = "100% \\ of it"
		chosen   = "a new one"
	)
	if os.Getenv(variable) != "" {
		s := Sources{Ask: true, pinentry: program}
		old, err1 := s.Get(t.Context())
		made, err2 := s.New(t.Context())
		_, err3 := s.Get(t.Context())
		fmt.Println("old", err1, old.Equal(secret.New(typed)))
		fmt.Println("made", err2, made.Equal(secret.New(chosen)))
		fmt.Println("last", err3)
		return
	}
	said := terminal(t, variable, func(until, answer func(string)) {
		until("Passphrase:")
		answer(typed + "\r")
		until("Choose")
		until("Passphrase:")
		answer(chosen + "\r")
		until("again:")
		answer("another\r")
		until("different")
		until("Passphrase:")
		answer(chosen + "\r")
		until("again:")
		answer(chosen + "\r")
		until("Passphrase:")
		answer("\t\t\r") // the button Cancel
	})
	for _, want := range []string{"old <nil> true\n", "made <nil> true\n", "last the store denied access: the question for its passphrase was dismissed"} {
		if !strings.Contains(said, want) {
			t.Errorf("it said\n%s\nand not %q", said, want)
		}
	}
}
