package register

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// systemd itself reads the units, with nothing to say against them.
func TestSystemdTakesTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if _, err := exec.LookPath("dpkg"); err != nil {
			t.Skip("this is no system with systemd")
		}
		t.Fatal("there is no systemd-analyze: install it with apt-get install systemd")
	}
	for name, s := range map[string]Service{
		"packaged":     {Program: "/bin/true"},
		"of this home": {Program: "/bin/true", Socket: "/run/x/socket", State: "/home/ada/state folder", Environ: []string{"AWSKEYD_STATE=/home/ada/state folder", "GNUPGHOME=/100%/a\"b"}},
	} {
		dir := t.TempDir()
		args := []string{"--user", "--man=no", "verify"}
		for unit, text := range Units(s) {
			path := filepath.Join(dir, unit)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			args = append(args, path)
		}
		cmd := exec.Command(analyze, args...)
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "HOME="+dir)
		out, err := cmd.CombinedOutput()
		for _, line := range strings.Split(string(out), "\n") {
			// What it says of other units of this machine is not about ours.
			if strings.Contains(line, "awskeyd") && !strings.Contains(line, "Failed to open") {
				t.Errorf("%s: systemd-analyze: %s", name, line)
			}
		}
		if err != nil && strings.Contains(string(out), "awskeyd.service") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestAProgramInAnOddFolderIsRefused(t *testing.T) {
	m := &systemd{home: "/home/ada", folder: t.TempDir(), packaged: t.TempDir(), run: (&manager{}).command}
	for _, path := range []string{"/opt/$HOME/awskeyd", "/opt/a\"b/awskeyd", "/opt/50%/awskeyd", "/opt/a\nExecStart=/bin/sh/awskeyd"} {
		if changed, err := m.Install(context.Background(), Service{Program: path}); err == nil || changed {
			t.Errorf("%q: %v, %v", path, changed, err)
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
