package register

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// systemd itself reads the units, with nothing to say against them.
func TestSystemdTakesTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
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
