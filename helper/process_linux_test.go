package helper

import (
	"os"
	"slices"
	"syscall"
	"testing"
)

func TestArguments(t *testing.T) {
	for text, want := range map[string][]string{
		"":                          nil,
		"awskey-helper\x00":         nil,
		"\x00":                      nil,
		"awskey-helper\x00work\x00": {"work"},
		"a\x00\x00":                 {""},
		"a\x00b\x00\x00c d\x00":     {"b", "", "c d"},
		"\x00work\x00":              {"work"},
	} {
		if got := split([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	// However small the space, our own come whole.
	for _, n := range []int{0, 1, 10, 64 << 10} {
		if got, err := arguments(make([]byte, n)); !slices.Equal(got, os.Args[1:]) || err != nil {
			t.Errorf("%d: %q, %v", n, got, err)
		}
	}
	if _, err := readFile("/nonexistent", nil); err != syscall.ENOENT {
		t.Errorf("no /proc: %v", err)
	}
}

func TestExecutable(t *testing.T) {
	want, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := executable(); got != want || err != nil {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// TestMarkOthers: what is not marked goes on to the daemon.
func TestMarkOthers(t *testing.T) {
	fd, err := syscall.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	closeOthersOnExec()
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
		t.Errorf("flags %d, %v", flags, errno)
	}
}
