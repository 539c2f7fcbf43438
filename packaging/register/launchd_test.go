package register

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A plist is read back by a parser of its own, whatever stands in the paths.
// plutil's double on other systems ends with 0 also for a broken file.
func TestAParserReadsThePlist(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("there is no python3: install it with apt-get install python3")
	}
	program := "/Users/ada & co/<bin>/awskeyd"
	path := filepath.Join(t.TempDir(), "x.plist")
	if err := os.WriteFile(path, []byte(Plist(Service{Program: program, Environ: []string{"GNUPGHOME=/a&b=c"}}, "/Users/ada & co")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", "import plistlib,json,sys; print(json.dumps(plistlib.load(open(sys.argv[1],'rb'))))", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var p struct {
		Label                string
		ProgramArguments     []string
		RunAtLoad            bool
		KeepAlive            map[string]bool
		StandardErrorPath    string
		EnvironmentVariables map[string]string
	}
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	if p.Label != label || len(p.ProgramArguments) != 2 || p.ProgramArguments[0] != program || p.ProgramArguments[1] != "run" || !p.RunAtLoad ||
		p.KeepAlive["SuccessfulExit"] || p.StandardErrorPath != "/Users/ada & co/Library/Logs/awskeyd.log" || p.EnvironmentVariables["GNUPGHOME"] != "/a&b=c" {
		t.Errorf("%s", out)
	}
}

func TestLaunchd(t *testing.T) {
	const target = "gui/501/" + label
	fake := &manager{answers: map[string]string{}, fails: map[string]int{"launchctl print " + target: 1}}
	m := newLaunchd(t.TempDir(), 501, fake.command)
	m.pause = 0
	ctx := context.Background()
	load := "launchctl bootstrap gui/501 " + m.path

	if changed, err := m.Install(ctx, Service{Program: "/opt/awskeyd"}); err != nil || !changed {
		t.Fatal(changed, err)
	}
	fake.was(t, "launchctl print "+target, "launchctl enable "+target)
	// It refuses while the old one is on its way out.
	fake.fails = map[string]int{"launchctl print " + target: 1, load: 2}
	if err := m.Start(ctx); err != nil {
		t.Fatal(err)
	}
	fake.was(t, "launchctl enable "+target, "launchctl print "+target, load, load, load)
	if changed, err := m.Install(ctx, Service{Program: "/opt/awskeyd"}); err != nil || changed {
		t.Fatal(changed, err)
	}
	fake.was(t, "launchctl enable "+target)
	if err := m.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	fake.was(t, "launchctl print "+target, "launchctl kickstart -k "+target)
	if err := m.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	fake.was(t, "launchctl disable "+target, "launchctl print "+target, "launchctl bootout "+target)

	fake.answers["launchctl print "+target] = target + " = {\n\tprogram = /opt/awskeyd\n\tpid = 77\n}\n"
	fake.answers["launchctl print-disabled gui/501"] = "disabled services = {\n\t\t\"" + label + "\" => enabled\n}\n"
	s, err := m.State(ctx)
	if err != nil || !s.Installed || !s.Enabled || !s.Running || s.PID != 77 || s.Program != "/opt/awskeyd" {
		t.Errorf("%+v, %v", s, err)
	}
	fake.answers["launchctl print-disabled gui/501"] = "disabled services = {\n\t\t\"" + label + "\" => disabled\n}\n"
	if s, err := m.State(ctx); err != nil || s.Enabled {
		t.Errorf("%+v, %v", s, err)
	}
	if err := m.Uninstall(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(m.path); err == nil {
		t.Error("the plist is still there")
	}
}

func TestAFailedCommandIsNamed(t *testing.T) {
	_, err := command(context.Background(), "sh", "-c", "echo it is odd >&2; exit 3")
	if err == nil || !strings.HasSuffix(err.Error(), "failed: it is odd") {
		t.Error(err)
	}
}
