package register

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAProgramInAnOddFolderIsRefused(t *testing.T) {
	m := &systemd{home: "/home/ada", folder: t.TempDir(), packaged: t.TempDir(), run: (&manager{}).command}
	for _, path := range []string{"/opt/$HOME/awskeyd", "/opt/a\"b/awskeyd", "/opt/50%/awskeyd", "/opt/a\nExecStart=/bin/sh/awskeyd"} {
		if changed, err := m.Install(context.Background(), Service{Program: path}); err == nil || changed {
			t.Errorf("%q: %v, %v", path, changed, err)
		}
	}
	for _, odd := range []Service{{Program: "/opt/awskeyd", Socket: "/run/%t/x"}, {Program: "/opt/awskeyd", State: "/home/ada\nExecStart=/bin/sh"}} {
		if changed, err := m.Install(context.Background(), odd); err == nil || changed {
			t.Errorf("%+v: %v, %v", odd, changed, err)
		}
	}
}

// manager notes what it is asked to do, and answers from a table.
type manager struct {
	asked   []string
	answers map[string]string
	fails   map[string]int // how many times yet
}

func (m *manager) command(_ context.Context, name string, args ...string) (string, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	m.asked = append(m.asked, line)
	if m.fails[line] != 0 {
		m.fails[line]--
		return "", &CommandError{Command: line, Said: "no", err: errors.New("no")}
	}
	return m.answers[line], nil
}

func (m *manager) was(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(m.asked, want) {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(m.asked, "\n"), strings.Join(want, "\n"))
	}
	m.asked = nil
}

const (
	reload = "systemctl --user daemon-reload"
	enable = "systemctl --user enable awskeyd.socket awskeyd.timer awskeyd.service"
	stop   = "systemctl --user stop awskeyd.socket awskeyd.service"
)

// A second install writes only what has changed, and closes the socket only for
// another address.
func TestInstallAgain(t *testing.T) {
	fake := &manager{}
	m := &systemd{home: "/home/ada", folder: filepath.Join(t.TempDir(), "systemd", "user"), packaged: t.TempDir(), run: fake.command}
	for _, step := range []struct {
		name    string
		s       Service
		changed bool
		want    []string
	}{
		{"first", Service{Program: "/usr/bin/awskeyd"}, true, []string{reload, stop, enable}},
		{"again", Service{Program: "/usr/bin/awskeyd"}, false, []string{reload, enable}},
		{"elsewhere", Service{Program: "/opt/awskeyd"}, true, []string{reload, enable}},
		{"another socket", Service{Program: "/opt/awskeyd", Socket: "/run/x"}, true, []string{reload, stop, enable}},
	} {
		changed, err := m.Install(context.Background(), step.s)
		if err != nil || changed != step.changed {
			t.Errorf("%s: %v, %v", step.name, changed, err)
		}
		fake.was(t, step.want...)
	}
}

// What a package has brought for every user is not written again for one.
func TestAPackagedUnitIsUsed(t *testing.T) {
	fake := &manager{}
	m := &systemd{home: "/home/ada", folder: filepath.Join(t.TempDir(), "user"), packaged: t.TempDir(), run: fake.command}
	for name, text := range Units(Service{Program: "/usr/bin/awskeyd"}) {
		if err := os.WriteFile(filepath.Join(m.packaged, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	changed, err := m.Install(context.Background(), Service{Program: "/usr/bin/awskeyd", State: "/home/ada/.local/state/awskeyd"})
	if err != nil || changed {
		t.Fatal(changed, err)
	}
	fake.was(t, reload, enable)
	if _, err := os.Stat(m.folder); !errors.Is(err, os.ErrNotExist) {
		t.Error("a folder was made for units that nobody needs")
	}
}
