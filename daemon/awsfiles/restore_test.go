package awsfiles

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store/secret"
)

// workReturn is the way of the key that work's line asks for.
func workReturn() Return {
	return Return{
		Key:    Static{AccessKeyID: staticID, Secret: secret.New(staticSecret)},
		IsOurs: func(command string) bool { p, ours := Ours(command); return ours && strings.EqualFold(p, "work") },
		Name:   "work",
	}
}

func TestRestore(t *testing.T) {
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, c := range map[string]struct{ config, credentials, configAfter, credentialsAfter, profiles string }{
		"no credentials file":         {"[profile work]\nregion = x\n" + workLine, "-", "[profile work]\nregion = x\n", "[work]\n" + staticPair, "work"},
		"an empty one":                {"[profile work]\n" + workLine, "", "", "[work]\n" + staticPair, "work"},
		"the default profile":         {"[default]\noutput = json\n" + workLine, "[b]\nx = y\n", "[default]\noutput = json\n", "[b]\nx = y\n\n[default]\n" + staticPair, "default"},
		"a section is there":          {"[profile work]\n" + workLine, "[work]\nregion = x\n\n# of b\n[b]\nx=y\n", "", "[work]\nregion = x\n" + staticPair + "\n# of b\n[b]\nx=y\n", "work"},
		"an empty section":            {"[profile work]\n" + workLine, "[work]\n[b]\n", "", "[work]\n" + staticPair + "[b]\n", "work"},
		"no last newline":             {"[profile work]\n" + workLine, "[b]\nx=y", "", "[b]\nx=y\n\n[work]\n" + staticPair, "work"},
		"nor in its section":          {"[profile work]\n" + workLine, "[work]\nx=y", "", "[work]\nx=y\n" + strings.TrimSuffix(staticPair, "\n"), "work"},
		"a header alone":              {"[profile work]\n" + workLine, "[work]", "", "[work]\n" + strings.TrimSuffix(staticPair, "\n"), "work"},
		"CRLF":                        {crlf("[profile work]\nregion = x\n" + workLine), crlf("[b]\nx=y\n"), crlf("[profile work]\nregion = x\n"), crlf("[b]\nx=y\n\n[work]\n" + staticPair), "work"},
		"CRLF in its section":         {"[profile work]\n" + workLine, crlf("[work]\nx=y\n\n[b]\n"), "", crlf("[work]\nx=y\n" + staticPair + "\n[b]\n"), "work"},
		"a byte order mark":           {bom + "[profile work]\n" + workLine, bom + "# c\n[b]\nx=y\n", bom + "[profile work]\n", bom + "# c\n[b]\nx=y\n\n[work]\n" + staticPair, "work"},
		"indented settings":           {"[profile work]\n" + workLine, "[work]\n  region = x\n  output = json\n", "", "[work]\n  region = x\n  output = json\n" + staticPair, "work"},
		"nested settings":             {"[profile work]\ns3 =\n  max = 10\n" + workLine, "[work]\ns3 =\n  max = 10\n[b]\n", "[profile work]\ns3 =\n  max = 10\n", "[work]\ns3 =\n  max = 10\n" + staticPair + "[b]\n", "work"},
		"a comment of somebody":       {"[profile work]\n# mine\n" + workLine + "\n[services s]\niam =\n  endpoint_url = x\n", "-", "[profile work]\n# mine\n\n[services s]\niam =\n  endpoint_url = x\n", "[work]\n" + staticPair, "work"},
		"several AWS profiles":        {"[profile a]\n" + workLine + "[profile other]\ncredential_process = x\n[profile user@corp/dev]\ncredential_process = \"/old place/awskey-helper\" WORK\n", "[user@corp/dev]\nregion=x\n", "[profile other]\ncredential_process = x\n", "[user@corp/dev]\nregion=x\n" + staticPair + "\n[a]\n" + staticPair, "a user@corp/dev"},
		"several, no last newline":    {"[profile a]\n" + workLine + "[profile b]\n" + workLine, "[b]\nregion=x", "", "[b]\nregion=x\n" + strings.TrimSuffix(staticPair, "\n") + "\n\n[a]\n" + staticPair, "a b"},
		"a line in the credentials":   {"", "[work]\n" + workLine + "region = x\n", "", "[work]\nregion = x\n" + staticPair, "work"},
		"lines in both":               {"[profile work]\n" + workLine, "[work]\n" + workLine, "", "[work]\n" + staticPair, "work"},
		"the very key is there":       {"[profile work]\n" + workLine + "region=x\n", "[work]\naws_secret_access_key:" + staticSecret + "\nAWS_ACCESS_KEY_ID = " + staticID + "\n", "[profile work]\nregion=x\n", "[work]\naws_secret_access_key:" + staticSecret + "\nAWS_ACCESS_KEY_ID = " + staticID + "\n", "work"},
		"it is in the config":         {"[profile work]\n" + staticPair + workLine, "", "[profile work]\n" + staticPair, "", "work"},
		"nobody asks":                 {"[profile b]\ncredential_process = /usr/bin/awskey-helper b\n", "[b]\nregion=x\n", "[profile b]\ncredential_process = /usr/bin/awskey-helper b\n", "[b]\nregion=x\n\n[work]\n" + staticPair, "work"},
		"nobody asks any more":        {"[profile b]\nregion=x\n", "[b]\n" + staticPair, "[profile b]\nregion=x\n", "[b]\n" + staticPair, "b"},
		"cut off between two":         {"[profile a]\nregion=x\n[profile b]\n" + workLine, "[a]\n" + staticPair + "[b]\n" + staticPair, "[profile a]\nregion=x\n", "[a]\n" + staticPair + "[b]\n" + staticPair, "b"},
		"others are badly off":        {"[profile work]\n" + workLine + "[profile b]\nx=1\n[profile b]\nx=2\n", "[b]\naws_access_key_id = half\n[ c]\n", "[profile b]\nx=1\n[profile b]\nx=2\n", "[b]\naws_access_key_id = half\n[ c]\n\n[work]\n" + staticPair, "work"},
		"its header alone would stay": {"region\n[profile work]\n\n" + workLine, "", "region\n\n", "[work]\n" + staticPair, "work"},
	} {
		f := files(t, c.config, c.credentials)
		r := workReturn()
		masked := r
		masked.Key.Secret = secret.Value{}
		if names, changes, err := f.PreviewRestore(masked); err != nil || strings.Join(names[0], " ") != c.profiles || strings.Contains(printed(changes, f), staticSecret) {
			t.Errorf("%s: the preview: %v %v\n%s", name, names, err, printed(changes, f))
		}
		done, err := f.Restore(r)
		if err != nil || strings.Join(done.Profiles, " ") != c.profiles {
			t.Errorf("%s: %v %v", name, done.Profiles, err)
			continue
		}
		if got := printed(done.Changes, f); strings.Contains(got, staticSecret) || !strings.Contains(name, "any more") && got == "" {
			t.Errorf("%s: what changed is told as\n%s", name, got)
		}
		if got := text(t, f.Config); got != c.configAfter {
			t.Errorf("%s: the config became %q", name, got)
		}
		if c.credentialsAfter == "" {
			continue
		}
		if got := text(t, f.Credentials); got != c.credentialsAfter {
			t.Errorf("%s: the credentials file became\n%q, want\n%q", name, got, c.credentialsAfter)
		}
		if again, err := f.Restore(r); err != nil || len(again.Changes) > 0 {
			t.Errorf("%s: not idempotent: %v %v", name, again.Changes, err)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	other := strings.Replace(staticPair, "AKIA", "AKIB", 1)
	for name, c := range map[string]struct{ config, credentials, want string }{
		"another key":                {"[profile work]\n" + workLine, "[work]\n" + other, "credentials:2: another access key stands in the AWS profile work; delete it, or rename the AWS profile"},
		"another secret":             {"[profile work]\n" + workLine, "[work]\n" + strings.Replace(staticPair, "cAnArY", "CaNaRy", 1), "credentials:2: another access key stands in the AWS profile work; delete it, or rename the AWS profile"},
		"half a pair":                {"[profile work]\n" + workLine, "[work]\naws_access_key_id = " + staticID + "\n", "credentials:2: the AWS profile work has an access key id and no aws_secret_access_key"},
		"a temporary key":            {"[profile work]\n" + workLine, "[work]\n" + staticPair + "aws_session_token = canary\n", "credentials:4: the AWS profile work has a session token, so its key is temporary; awskeyd holds the keys of IAM users"},
		"a section twice":            {"[profile work]\n" + workLine, "[work]\nx=1\n[work]\nx=2\n", "credentials:3: the AWS profile work begins a second time (first in line 1), and the AWS CLI refuses such a file; join the two"},
		"a role as well":             {"[profile work]\nrole_arn = x\n" + workLine, "", "config:2: the AWS profile work already gets its credentials by role_arn (line 2); delete that line, or use another name"},
		"another process":            {"[profile work]\n" + workLine, "[work]\ncredential_process = x\n", "credentials:2: the AWS profile work already gets its credentials by credential_process (line 2); delete that line, or use another name"},
		"another key of ours":        {"[profile work]\ncredential_process = /x/awskey-helper b\n", "", "config:2: the AWS profile work already gets its credentials by credential_process (line 2); delete that line, or use another name (no AWS profile asks for the key work, so it would be written under its own name; awskey rename gives it another one)"},
		"a name only for the config": {"[profile a&b]\n" + workLine, "", "credentials:1: no section of this file can be named for the AWS profile \"a&b\" so that every program reads it alike; rename the profile: letters, digits and . _ @ : / + = , - only"},
		"a name of Python's own":     {"[profile DEFAULT]\n" + workLine, "", "credentials:1: no section of this file can be named for the AWS profile \"DEFAULT\" so that every program reads it alike; rename the profile: letters, digits and . _ @ : / + = , - only"},
		"a name of two words":        {"[profile my work]\n" + workLine, "", "config:1: only some programs take this section for the AWS profile my work; rename it: letters, digits and . _ @ : / + = , - only"},
		"read by some":               {"[profile \"work\"]\n" + workLine, "", "config:1: only some programs take this section for the AWS profile work; write it as [profile work]"},
		"a mark before its section":  {"[profile work]\n" + workLine, bom + "[work]\nx=y\n", "credentials:1: a byte order mark stands before this section, so that not every program finds it; save the file without one"},
		"an indented line":           {"[profile work]\nregion = x\n  " + workLine, "", "config:3: the AWS CLI takes this indented line for a part of the value above it; delete the line"},
		"a line that goes on":        {"[profile work]\n" + workLine + "  more\n", "", "config:2: the value of credential_process goes on in the next line; delete both"},
		"no settings":                {"[profile work]\n" + workLine, "[work]\njunk\n", "credentials:2: this line is neither a setting nor a comment, and the AWS CLI refuses such a file; delete the line"},
		"no file of AWS":             {"[profile work]\n" + workLine, "[work\n", "credentials:1: only some programs take this line for the beginning of a section; write [ and ] around the name and nothing else"},
	} {
		f := files(t, c.config, c.credentials)
		dir := filepath.Dir(f.Config) + string(filepath.Separator)
		done, err := f.Restore(workReturn())
		if err == nil || strings.ReplaceAll(err.Error(), dir, "") != c.want || len(done.Changes) > 0 {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
		if text(t, f.Config) != c.config || text(t, f.Credentials) != c.credentials {
			t.Errorf("%s: a file was changed", name)
		}
	}
	for _, bad := range []string{"", "a b", "quoted\"", "canary#1234567890123456", "'canary1234567890123456'"} {
		f := files(t, "[profile work]\n"+workLine, "-")
		r := workReturn()
		r.Key.Secret = secret.New(bad)
		if _, err := f.Restore(r); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("the secret %q was written, or quoted: %v", bad, err)
		}
		if _, err := os.Stat(f.Credentials); err == nil {
			t.Errorf("the secret %q: a file was made", bad)
		}
	}
}

// A file that we make is for its owner alone; the mode of one that is there is the
// owner's business.
func TestRestoreKeepsModes(t *testing.T) {
	f := files(t, "[profile work]\n"+workLine, "-")
	if _, err := f.Restore(workReturn()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.Credentials); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("made with %v %v", info.Mode(), err)
	}
	f = files(t, "[profile work]\n"+workLine, "[b]\n")
	if _, err := f.Restore(workReturn()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.Credentials); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("left with %v %v", info.Mode(), err)
	}
}

// Several keys are shown in one go as they are written one after another.
func TestPreviewOfSeveralReturns(t *testing.T) {
	const config = "[profile b]\n" + workLine + "[profile a]\ncredential_process = /x/awskey-helper play\n"
	const credentials = "[a]\nregion=x\n"
	play := workReturn()
	play.Key.AccessKeyID, play.Name = "AKIAQ3EGRRATPM2ZC5TC", "play"
	play.IsOurs = func(command string) bool { p, ours := Ours(command); return ours && p == "play" }
	f := files(t, config, credentials)
	profiles, changes, err := f.PreviewRestore(workReturn(), play)
	if err != nil || !slices.EqualFunc(profiles, []string{"b", "a"}, func(got []string, want string) bool { return len(got) == 1 && got[0] == want }) {
		t.Fatal(profiles, err)
	}
	want := "config:1 -[profile b] +\nconfig:2 -" + strings.TrimSpace(workLine) + " +\nconfig:3 -[profile a] +\nconfig:4 -credential_process = /x/awskey-helper play +\n" +
		"credentials:3 - +aws_access_key_id = AKIAQ3EGRRATPM2ZC5TC\ncredentials:4 - +aws_secret_access_key = (not shown)\n" +
		"credentials:5 - +\ncredentials:6 - +[b]\ncredentials:7 - +aws_access_key_id = " + staticID + "\ncredentials:8 - +aws_secret_access_key = (not shown)\n"
	if got := printed(changes, f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if text(t, f.Config) != config || text(t, f.Credentials) != credentials {
		t.Error("the preview has changed a file")
	}
	for _, r := range []Return{workReturn(), play} {
		if _, err := f.Restore(r); err != nil {
			t.Fatal(err)
		}
	}
	if got := text(t, f.Config) + text(t, f.Credentials); got != "[a]\nregion=x\n"+strings.Replace(staticPair, staticID, "AKIAQ3EGRRATPM2ZC5TC", 1)+"\n[b]\n"+staticPair {
		t.Errorf("the files became %q", got)
	}
}
