package awsfiles

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

const helperLine = "/usr/bin/awskey-helper work"

// files makes AWS files of the given texts in a folder of the test's own; "-"
// stands for a file that is not there.
func files(t testing.TB, config, credentials string) Files {
	t.Helper()
	f := Locate(func(string) string { return "" }, t.TempDir())
	if err := os.Mkdir(filepath.Dir(f.Config), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{f.Config: config, f.Credentials: credentials} {
		if text == "-" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func text(t rapid.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPoint(t *testing.T) {
	const line = "credential_process = " + helperLine
	for name, c := range map[string]struct{ before, after string }{
		"empty file":           {"", "[profile work]\n" + line + "\n"},
		"only a mark":          {bom, bom + "\n[profile work]\n" + line + "\n"},
		"new section":          {"# mine\n[default]\nregion=eu-west-1   # inline\n", "# mine\n[default]\nregion=eu-west-1   # inline\n\n[profile work]\n" + line + "\n"},
		"blank line at end":    {"[default]\nregion=x\n\n", "[default]\nregion=x\n\n[profile work]\n" + line + "\n"},
		"no end of line":       {"[default]\nregion=x", "[default]\nregion=x\n\n[profile work]\n" + line + "\n"},
		"CRLF":                 {"[default]\r\nregion=x\r\n", "[default]\r\nregion=x\r\n\r\n[profile work]\r\n" + line + "\r\n"},
		"section is there":     {"[profile work]\nregion = x\n\n# of b\n[profile b]\n", "[profile work]\nregion = x\n" + line + "\n\n# of b\n[profile b]\n"},
		"empty section":        {"[profile work]\n\n[profile b]\nregion=y\n", "[profile work]\n" + line + "\n\n[profile b]\nregion=y\n"},
		"header at the end":    {"[profile work]", "[profile work]\n" + line},
		"value at the end":     {"[profile work]\r\nregion=x", "[profile work]\r\nregion=x\r\n" + line},
		"after nested":         {"[profile work]\ns3 =\n  max = 10\n  role_arn = no conflict down here\n[profile b]\n", "[profile work]\ns3 =\n  max = 10\n  role_arn = no conflict down here\n" + line + "\n[profile b]\n"},
		"indented options":     {"[profile work]\n  region = x\n  output = json\n", "[profile work]\n  region = x\n  output = json\n" + line + "\n"},
		"odd spaces":           {"  [ profile b ] ; x\n[profile  work] # mine\nregion=x\n", "  [ profile b ] ; x\n[profile  work] # mine\nregion=x\n" + line + "\n"},
		"same again":           {"[profile work]\nCredential_Process:" + helperLine + "\n", "[profile work]\nCredential_Process:" + helperLine + "\n"},
		"helper moved":         {"[profile work]\nCREDENTIAL_PROCESS\t=  \"/opt/a b/awskey-helper\" work\r\nregion=x\n", "[profile work]\nCREDENTIAL_PROCESS\t=  " + helperLine + "\r\nregion=x\n"},
		"empty value":          {"[profile work]\ncredential_process =\nregion=x\n", "[profile work]\ncredential_process =" + helperLine + "\nregion=x\n"},
		"others twice":         {"[profile b]\nregion=1\n[profile b]\nregion=2\n", "[profile b]\nregion=1\n[profile b]\nregion=2\n\n[profile work]\n" + line + "\n"},
		"not ours by name":     {"[work]\nrole_arn=x\n[profile Work]\nrole_arn=y\n[sso-session work]\nsso_region=z\n", "[work]\nrole_arn=x\n[profile Work]\nrole_arn=y\n[sso-session work]\nsso_region=z\n\n[profile work]\n" + line + "\n"},
		"bytes of any kind":    {"# \xff\x00 caf\xe9\n[profile work]\nregion = \xfe\n", "# \xff\x00 caf\xe9\n[profile work]\nregion = \xfe\n" + line + "\n"},
		"mark before another":  {bom + "[profile b]\n[profile work]\nregion=x\n", bom + "[profile b]\n[profile work]\nregion=x\n" + line + "\n"},
		"endings of two kinds": {"[profile b]\r\n[profile work]\nregion=x\n[profile c]\r\n", "[profile b]\r\n[profile work]\nregion=x\n" + line + "\n[profile c]\r\n"},
	} {
		f := files(t, c.before, "[other]\naws_access_key_id = x\n")
		changed, err := f.Point("work", helperLine, Static{})
		if got := text(t, f.Config); err != nil || got != c.after || len(changed) > 0 != (c.before != c.after) {
			t.Errorf("%s: %v %v\n got %q\nwant %q", name, changed, err, got, c.after)
			continue
		}
		if changed, err := f.Point("work", helperLine, Static{}); len(changed) > 0 || err != nil || text(t, f.Config) != c.after {
			t.Errorf("%s: not idempotent: %v %v", name, changed, err)
		}
	}
}

func TestPointDefaultProfile(t *testing.T) {
	for before, after := range map[string]string{
		"[profile a]\nregion=x\n":  "[profile a]\nregion=x\n\n[default]\ncredential_process = h default\n",
		"[default]\nregion=x\n":    "[default]\nregion=x\ncredential_process = h default\n",
		"[profile default]\nx=y\n": "[profile default]\nx=y\ncredential_process = h default\n",
	} {
		f := files(t, before, "-")
		if _, err := f.Point("default", "h default", Static{}); err != nil || text(t, f.Config) != after {
			t.Errorf("%q became %q: %v", before, text(t, f.Config), err)
		}
	}
}

func TestPointRefuses(t *testing.T) {
	for name, c := range map[string]struct{ config, credentials, file, want string }{
		"static keys":      {"[profile work]\naws_access_key_id = AKIA\naws_secret_access_key = canary\n", "", "config", ":2: the AWS profile work already gets its credentials by aws_access_key_id (line 2), aws_secret_access_key (line 3); delete these lines, or use another name"},
		"role":             {"[default]\n[profile work]\nROLE_ARN: arn\n", "", "config", ":3: the AWS profile work already gets its credentials by role_arn (line 3); delete that line, or use another name"},
		"sso":              {"[profile work]\nregion=x\nsso_session = s\n", "", "config", ":3: the AWS profile work already gets its credentials by sso_session (line 3); delete that line, or use another name"},
		"indented role":    {"[profile work]\nregion=x\n  source_profile = b\n", "", "config", ":3: the AWS profile work already gets its credentials by source_profile (line 3); delete that line, or use another name"},
		"credentials file": {"[profile work]\n", "# x\n[work]\naws_secret_access_key=canary\n", "credentials", ":3: the AWS profile work already gets its credentials by aws_secret_access_key (line 3); delete that line, or use another name"},
		"process there":    {"", "[work]\ncredential_process=canary\n", "credentials", ":2: the AWS profile work already gets its credentials by credential_process (line 2); delete that line, or use another name"},
		"another process":  {"[profile work]\ncredential_process = aws-vault exec canary\n", "", "config", ":2: the AWS profile work runs another credential_process; delete that line, or use another name"},
		"two processes":    {"[profile work]\ncredential_process = awskey-helper a\ncredential_process = awskey-helper a\n", "", "config", ":3: the AWS profile work has a second credential_process, and the AWS CLI refuses such a file; delete one of the two"},
		"goes on":          {"[profile work]\ncredential_process = awskey-helper a\n  b\n", "", "config", ":2: the value of credential_process goes on in the next line; delete both"},
		"hidden":           {"[profile work]\nregion = x\n  credential_process = awskey-helper a\n", "", "config", ":3: the AWS CLI takes this indented line for a part of the value above it; delete the line"},
		"two sections":     {"[profile work]\n[profile b]\n[profile work]\n", "", "config", ":3: the AWS profile work begins a second time (first in line 1), and the AWS CLI refuses such a file; join the two"},
		"mark before it":   {bom + "[profile work]\n", "", "config", ":1: a byte order mark stands before [profile work], and neither the AWS CLI nor the Go SDK finds the section; save the file as UTF-8 without one"},
		"default twice":    {"[profile work]\nregion=x\n[profile  work]\n", "", "config", ":3: the AWS profile work begins a second time (first in line 1), and programs disagree about which counts; join the two"},
		"quoted name":      {"[profile \"work\"]\n", "", "config", ":1: only some programs take this section for the AWS profile work; write it as [profile work]"},
		"bracket comment":  {"[profile work] # [old]\n", "", "config", ":1: only some programs take this section for the AWS profile work; write it as [profile work]"},
		"text after":       {"[profile work] old\n", "", "config", ":1: only some programs take this line for the beginning of a section; write [ and ] around the name and nothing else"},
		"indented section": {"[default]\nregion = x\n  [profile work]\n", "", "config", ":3: the AWS CLI takes this indented section for a part of the value above it; move it to the start of the line"},
		"indented next":    {"[profile work]\n # why\n  [profile b]\n", "", "config", ":3: this section is indented, and the AWS CLI would take it for a part of the line above; move it to the start of the line"},
		"junk":             {"[profile work]\n\n  deep\n", "", "config", ":3: this line is neither a setting nor a comment, and the AWS CLI refuses such a file; delete the line"},
		"old Mac":          {"[profile work]\rregion=x\r", "", "config", ":1: a carriage return ends no line here; save the file with ordinary line endings"},
		"old Mac's last":   {"[profile work]\r\nregion=x\r", "", "config", ":2: a carriage return ends no line here; save the file with ordinary line endings"},
	} {
		f := files(t, c.config, c.credentials)
		path := filepath.Join(filepath.Dir(f.Config), c.file)
		changed, err := f.Point("work", helperLine, Static{})
		if changed != nil || err == nil || err.Error() != path+c.want {
			t.Errorf("%s:\n got %v %v\nwant %s", name, changed, err, path+c.want)
		}
		if text(t, f.Config) != c.config || text(t, f.Credentials) != c.credentials {
			t.Errorf("%s: a file was changed", name)
		}
	}
}

func TestPointRefusesArguments(t *testing.T) {
	f := files(t, "-", "-")
	for _, c := range [][2]string{{"a b", "x"}, {"a]", "x"}, {"", "x"}, {"-a", "x"}, {"work", ""}, {"work", " x"}, {"work", "x\ny = z"}, {"work", "x\r"}} {
		if _, err := f.Point(c[0], c[1], Static{}); err == nil {
			t.Errorf("%q was accepted", c)
		}
	}
	if _, err := os.Stat(f.Config); err == nil {
		t.Error("a file was made")
	}
}

func TestPointMakesFolderAndKeepsModeAndLink(t *testing.T) {
	home := t.TempDir()
	f := Locate(func(string) string { return "" }, home)
	if _, err := f.Point("work", helperLine, Static{}); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{filepath.Dir(f.Config): 0o700, f.Config: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	target := filepath.Join(home, "dotfiles")
	if err := os.Rename(f.Config, target); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(target, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../dotfiles", f.Config); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Point("b", helperLine, Static{}); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(target); info.Mode().Perm() != 0o640 {
		t.Errorf("mode became %v", info.Mode())
	}
	if to, err := os.Readlink(f.Config); err != nil || to != "../dotfiles" {
		t.Errorf("the link became %q %v", to, err)
	}
	if got := text(t, target); !strings.Contains(got, "[profile b]") || !strings.Contains(got, "[profile work]") {
		t.Errorf("the target holds %q", got)
	}
	if entries, _ := os.ReadDir(filepath.Dir(f.Config)); len(entries) != 2 || entries[1].Name() != "config"+backupEnd {
		t.Errorf("something is left behind: %v", entries)
	}
}

// Edits at the same time wait for each other: none is lost.
func TestConcurrentEdits(t *testing.T) {
	f := files(t, "-", "-")
	const n = 24
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if _, err := f.Point(fmt.Sprint("p", i), helperLine, Static{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range n {
		if !strings.Contains(text(t, f.Config), fmt.Sprintf("[profile p%d]\n", i)) {
			t.Errorf("profile %d was lost", i)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(f.Config)); len(entries) != 2 || entries[1].Name() != "config"+backupEnd {
		t.Errorf("something is left behind: %v", entries)
	}
}

// The lock file comes and goes, and still only one at a time holds the lock.
func TestLock(t *testing.T) {
	folder := t.TempDir()
	var all sync.WaitGroup
	var inside atomic.Int32
	for range 8 {
		all.Go(func() {
			for range 20 {
				unlock, err := lock(folder)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				runtime.Gosched()
				inside.Add(-1)
				unlock()
			}
		})
	}
	all.Wait()
	if entries, _ := os.ReadDir(folder); len(entries) != 0 {
		t.Errorf("something is left behind: %v", entries)
	}
}

// A program that writes without our lock, between our reading and writing,
// keeps its change.
func TestForeignWriteIsKept(t *testing.T) {
	f := files(t, "[default]\n", "-")
	first := true
	_, err := edit(f.Config, func(d *document) error {
		if first {
			first = false
			if err := os.WriteFile(f.Config, []byte("[default]\nregion=new\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return d.set("work", helperLine, Static{})
	})
	if got := text(t, f.Config); err != nil || !strings.HasPrefix(got, "[default]\nregion=new\n\n[profile work]\n") {
		t.Errorf("%q %v", got, err)
	}
}

func TestRemoveAndPointingTo(t *testing.T) {
	isOurs := func(command string) bool { p, ok := Ours(command); return ok && p == "work" }
	for name, c := range map[string]struct{ before, after string }{
		"one line":         {"[profile work]\nregion = x\ncredential_process = " + helperLine + "\n\n# b\n[profile b]\n", "[profile work]\nregion = x\n\n# b\n[profile b]\n"},
		"whole section":    {"[default]\nregion=x\n\n[profile work]\ncredential_process = " + helperLine + "\n", "[default]\nregion=x\n"},
		"section between":  {"[profile work]\ncredential_process = " + helperLine + "\n\n[profile b]\n", "\n[profile b]\n"},
		"comment is kept":  {"[profile work]\n# mine\ncredential_process = " + helperLine, "[profile work]\n# mine\n"},
		"twice":            {"[profile work]\na=b\ncredential_process = " + helperLine + "\n[profile work]\nc=d\ncredential_process: " + helperLine + "\n", "[profile work]\na=b\n[profile work]\nc=d\n"},
		"of somebody else": {"[profile work]\ncredential_process = /x/other work\n", "[profile work]\ncredential_process = /x/other work\n"},
		"of another":       {"[profile work]\ncredential_process = /x/awskey-helper works\n", "[profile work]\ncredential_process = /x/awskey-helper works\n"},
		"CRLF":             {"[profile work]\r\nregion=x\r\ncredential_process = " + helperLine + "\r\noutput=y\r\n", "[profile work]\r\nregion=x\r\noutput=y\r\n"},
	} {
		f := files(t, c.before, "-")
		points, err := f.PointingTo(isOurs)
		if err != nil || (len(points) > 0) != (c.before != c.after) {
			t.Errorf("%s: %v %v", name, points, err)
		}
		changed, err := f.RemoveCredentialProcess("work", isOurs)
		if got := text(t, f.Config); err != nil || got != c.after || len(changed) > 0 != (c.before != c.after) {
			t.Errorf("%s: %v %v\n got %q\nwant %q", name, changed, err, got, c.after)
		}
		if points, err := f.PointingTo(isOurs); err != nil || len(points) > 0 {
			t.Errorf("%s: still %v %v", name, points, err)
		}
	}
}

func TestPointingToNamesPlaces(t *testing.T) {
	f := files(t, "[default]\n\n[profile dev]\ncredential_process = "+helperLine+"\n", "[x]\nA=b\ncredential_process="+helperLine+"\n")
	got, err := f.PointingTo(func(string) bool { return true })
	want := []Pointer{{f.Config, 4, "dev", helperLine}, {f.Credentials, 3, "x", helperLine}}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v %v", got, err)
	}
	none := files(t, "-", "-")
	if got, err := none.PointingTo(func(string) bool { return true }); err != nil || len(got) > 0 {
		t.Errorf("%v %v", got, err)
	}
	if changed, err := none.RemoveCredentialProcess("x", func(string) bool { return true }); changed != nil || err != nil {
		t.Errorf("%v %v", changed, err)
	}
}

func TestRemoveRefusesWhatGoesOn(t *testing.T) {
	f := files(t, "[profile work]\ncredential_process = "+helperLine+"\n  region = x\n", "-")
	_, err := f.RemoveCredentialProcess("work", func(string) bool { return true })
	if want := f.Config + ":2: the value of credential_process goes on in the next line; delete both"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestLocate(t *testing.T) {
	env := map[string]string{"AWS_CONFIG_FILE": "~/x/config", "AWS_SHARED_CREDENTIALS_FILE": "/y"}
	if got, want := Locate(func(k string) string { return env[k] }, "/home/a"), (Files{"/home/a/x/config", "/y"}); got != want {
		t.Errorf("%v", got)
	}
	if got, want := Locate(func(string) string { return "" }, "/home/a"), (Files{"/home/a/.aws/config", "/home/a/.aws/credentials"}); got != want {
		t.Errorf("%v", got)
	}
}
