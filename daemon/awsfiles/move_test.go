package awsfiles

import (
	"fmt"
	"strings"
	"testing"
)

const (
	staticID     = "AKIAQ3EGRRATPM2ZC5TB"
	staticSecret = "cAnArY+0123456789/abcdefghijklmnopqrstuv"
	staticPair   = "aws_access_key_id = " + staticID + "\naws_secret_access_key = " + staticSecret + "\n"
	workLine     = "credential_process = " + helperLine + "\n"
)

// moveIn does with every AWS profile what init does, and returns what changed.
func moveIn(f Files) ([]Change, error) {
	found, err := f.Plaintext()
	if err != nil {
		return nil, err
	}
	var pointed, scrubbed []Change
	for _, one := range found {
		if one.Why != nil {
			return nil, one.Why
		}
		changes, err := f.Point(one.Profile, helperLine, one.Static)
		if err != nil {
			return nil, err
		}
		pointed = append(pointed, changes...)
	}
	for _, one := range found {
		changes, err := f.Scrub(one.Profile, one.Static)
		if err != nil {
			return nil, err
		}
		scrubbed = append(scrubbed, changes...)
	}
	return append(pointed, scrubbed...), nil
}

func printed(changes []Change, files Files) string {
	var b strings.Builder
	for _, c := range changes {
		name := "config"
		if c.File == files.Credentials {
			name = "credentials"
		}
		fmt.Fprintf(&b, "%s:%d -%s +%s\n", name, c.Line, c.Old, c.New)
	}
	return b.String()
}

func TestMoveIn(t *testing.T) {
	for name, c := range map[string]struct{ config, credentials, configAfter, credentialsAfter, changes string }{
		"in the credentials file": {
			"[profile work]\nregion = eu-west-1\n", "# mine\n[work]\n" + staticPair + "region=x\n",
			"[profile work]\nregion = eu-west-1\n" + workLine, "# mine\n[work]\nregion=x\n",
			"config:3 - +" + strings.TrimSpace(workLine) + "\n" +
				"credentials:3 -aws_access_key_id = " + staticID + " +\ncredentials:4 -aws_secret_access_key = (not shown) +\n",
		},
		"in the config": {
			"[profile work]\n" + staticPair + "region = x", "",
			"[profile work]\nregion = x\n" + strings.TrimSpace(workLine), "",
			"config:5 - +" + strings.TrimSpace(workLine) + "\nconfig:2 -aws_access_key_id = " + staticID + " +\nconfig:3 -aws_secret_access_key = (not shown) +\n",
		},
		"in both": {
			"[profile work]\n" + staticPair, "[work]\r\nAWS_SECRET_ACCESS_KEY:" + staticSecret + "\r\n\r\naws_access_key_id=" + staticID + "\r\n",
			"[profile work]\n" + workLine, "[work]\r\n\r\n",
			"config:4 - +" + strings.TrimSpace(workLine) + "\n" +
				"credentials:2 -AWS_SECRET_ACCESS_KEY:(not shown) +\ncredentials:4 -aws_access_key_id=" + staticID + " +\n" +
				"config:2 -aws_access_key_id = " + staticID + " +\nconfig:3 -aws_secret_access_key = (not shown) +\n",
		},
		"no section in the config": {
			"[default]\nregion=x", "[user@corp/dev]\n" + staticPair,
			"[default]\nregion=x\n\n[profile user@corp/dev]\n" + workLine, "[user@corp/dev]\n",
			"config:3 - +\nconfig:4 - +[profile user@corp/dev]\nconfig:5 - +" + strings.TrimSpace(workLine) + "\n" +
				"credentials:2 -aws_access_key_id = " + staticID + " +\ncredentials:3 -aws_secret_access_key = (not shown) +\n",
		},
		"our line is there": {
			"[profile work]\ncredential_process = \"/old/awskey-helper\" work\n", "[work]\n" + staticPair,
			"[profile work]\n" + workLine, "[work]\n",
			"config:2 -credential_process = \"/old/awskey-helper\" work +" + strings.TrimSpace(workLine) + "\n" +
				"credentials:2 -aws_access_key_id = " + staticID + " +\ncredentials:3 -aws_secret_access_key = (not shown) +\n",
		},
	} {
		f := files(t, c.config, c.credentials)
		found, err := f.Plaintext()
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: found %v, %v", name, found, err)
		}
		preview, err := f.Preview(Move{found[0].Profile, helperLine, found[0].Static})
		if err != nil || text(t, f.Config) != c.config || text(t, f.Credentials) != c.credentials {
			t.Fatalf("%s: the preview failed or changed a file: %v", name, err)
		}
		if out, put := count(preview); out < 2 {
			t.Errorf("%s: the preview takes %d lines out and puts %d in:\n%s", name, out, put, printed(preview, f))
		}
		changes, err := moveIn(f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := printed(changes, f); got != c.changes {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.changes)
		}
		if got := text(t, f.Config); got != c.configAfter {
			t.Errorf("%s: the config became %q", name, got)
		}
		if got := text(t, f.Credentials); got != c.credentialsAfter {
			t.Errorf("%s: the credentials file became %q", name, got)
		}
		if again, err := moveIn(f); len(again) > 0 || err != nil {
			t.Errorf("%s: not idempotent: %v %v", name, again, err)
		}
	}
}

func count(changes []Change) (out, put int) {
	for _, c := range changes {
		if c.Old != "" {
			out++
		}
		if c.New != "" {
			put++
		}
	}
	return out, put
}

// A preview shows in one go what the steps do one after another.
func TestPreviewOfSeveral(t *testing.T) {
	f := files(t, "[profile a]\nregion=x\n[default]\n", "[default]\n"+staticPair+"[a]\n"+staticPair+"[new]\n"+staticPair)
	found, err := f.Plaintext()
	if err != nil || len(found) != 3 {
		t.Fatal(found, err)
	}
	var moves []Move
	for _, one := range found {
		moves = append(moves, Move{one.Profile, helperLine, one.Static})
	}
	changes, err := f.Preview(moves...)
	if err != nil {
		t.Fatal(err)
	}
	line, id, key := strings.TrimSpace(workLine), "aws_access_key_id = "+staticID, "aws_secret_access_key = (not shown)"
	want := "config:3 - +" + line + "\nconfig:5 - +" + line + "\nconfig:6 - +\nconfig:7 - +[profile new]\nconfig:8 - +" + line + "\n" +
		"credentials:2 -" + id + " +\ncredentials:3 -" + key + " +\ncredentials:5 -" + id + " +\ncredentials:6 -" + key + " +\ncredentials:8 -" + id + " +\ncredentials:9 -" + key + " +\n"
	if got := printed(changes, f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlaintextLeavesAlone(t *testing.T) {
	for name, c := range map[string]struct{ config, credentials, profile, why string }{
		"half a pair":         {"", "[a]\naws_access_key_id = " + staticID + "\n", "a", "credentials:2: the AWS profile a has an access key id and no aws_secret_access_key"},
		"temporary":           {"", "[a]\n" + staticPair + "aws_session_token = canary\n", "a", "credentials:4: the AWS profile a has a session token, so its key is temporary; awskeyd holds the keys of IAM users"},
		"only an old token":   {"", "[a]\naws_security_token = canary\n", "a", "credentials:2: the AWS profile a has a session token, so its key is temporary; awskeyd holds the keys of IAM users"},
		"AWS's example":       {"", "[a]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n", "a", "credentials:2: this is the example key of AWS's documentation"},
		"no profile's":        {"[a]\n" + staticPair, "", "", "config:1: no program reads this section [a], since an AWS profile of this file begins with [profile …]; delete the key, or mend the section's name"},
		"two different":       {"[profile a]\n" + strings.Replace(staticPair, "AKIA", "AKIB", 1), "[a]\n" + staticPair, "a", "config:2: the AWS profile a has one access key here and another in DIR/credentials, line 2, which is the one in use; delete the one that is not meant"},
		"a section twice":     {"", "[a]\nregion=x\n[a]\n" + staticPair, "a", "credentials:3: the AWS profile a begins a second time (first in line 1), and the AWS CLI refuses such a file; join the two"},
		"hidden from the CLI": {"", "[a]\nregion=x\n  aws_secret_access_key = canary\n", "a", "credentials:3: the AWS CLI takes this indented line for a part of the value above it; move it to the start of the line"},
	} {
		f := files(t, c.config, c.credentials)
		dir := strings.TrimSuffix(f.Config, "config")
		found, err := f.Plaintext()
		if err != nil || len(found) != 1 {
			t.Errorf("%s: %d found, %v", name, len(found), err)
			continue
		}
		one := found[0]
		if got := strings.ReplaceAll(fmt.Sprint(one.Why), dir, ""); one.Profile != c.profile || got != strings.ReplaceAll(c.why, "DIR/", "") || len(one.Places) == 0 || one.AccessKeyID != "" {
			t.Errorf("%s: %q %v\n got %s\nwant %s", name, one.Profile, one.Places, got, c.why)
		}
	}
	if found, err := files(t, "[default]\nregion=x\n[profile a]\nrole_arn=x\n[services s]\niam =\n  endpoint_url = x\n", "[a]\n").Plaintext(); len(found) > 0 || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := files(t, "", "[a\n"+staticPair).Plaintext(); err == nil {
		t.Error("a file that cannot be read was taken for one without keys")
	}
}

// What stands in the file by now counts, not what was read before.
func TestMoveInRefuses(t *testing.T) {
	other := strings.Replace(staticPair, "AKIA", "AKIB", 1)
	for name, c := range map[string]struct{ config, credentials, want string }{
		"another key by now":         {"", "[work]\n" + other, "credentials:2: another access key stands in the AWS profile work by now"},
		"another key in the config":  {"[profile work]\n" + other, "", "config:2: another access key stands in the AWS profile work by now"},
		"a role as well":             {"[profile work]\nrole_arn = x\n", "[work]\n" + staticPair, "config:2: the AWS profile work already gets its credentials by role_arn (line 2); delete that line, or use another name"},
		"a process of somebody else": {"[profile work]\ncredential_process = x\n", "[work]\n" + staticPair, "config:2: the AWS profile work runs another credential_process; delete that line, or use another name"},
	} {
		f := files(t, c.config, c.credentials)
		key, err := files(t, "", "[work]\n"+staticPair).Static("work")
		if err != nil {
			t.Fatal(err)
		}
		dir := strings.TrimSuffix(f.Config, "config")
		for step, do := range map[string]func() ([]Change, error){
			"point":   func() ([]Change, error) { return f.Point("work", helperLine, key) },
			"preview": func() ([]Change, error) { return f.Preview(Move{"work", helperLine, key}) },
		} {
			if changes, err := do(); changes != nil || err == nil || strings.TrimPrefix(err.Error(), dir) != c.want {
				t.Errorf("%s: %s: %v, %v", name, step, changes, err)
			}
		}
		if strings.HasPrefix(name, "another") {
			if changes, err := f.Scrub("work", key); changes != nil || err == nil || strings.TrimPrefix(err.Error(), dir) != c.want {
				t.Errorf("%s: scrub: %v, %v", name, changes, err)
			}
		}
		if text(t, f.Config) != c.config || text(t, f.Credentials) != c.credentials {
			t.Errorf("%s: a file was changed", name)
		}
	}
}
