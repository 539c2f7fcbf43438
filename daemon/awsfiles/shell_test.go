package awsfiles

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestShellKeys(t *testing.T) {
	const id, key = staticID, staticSecret
	for name, c := range map[string]struct{ text, want string }{
		"none":             {"export PATH=$PATH:/x\n# AWS_ACCESS_KEY_ID\n", ""},
		"bash":             {"alias x=y\nexport AWS_ACCESS_KEY_ID=" + id + "\nexport AWS_SECRET_ACCESS_KEY=\"" + key + "\"\n", "2,3 " + id},
		"the other way":    {"AWS_SECRET_ACCESS_KEY='" + key + "'\n\nAWS_ACCESS_KEY_ID='" + id + "'\n", "1,3 " + id},
		"one line":         {"alias prod='AWS_ACCESS_KEY_ID=" + id + " AWS_SECRET_ACCESS_KEY=" + key + " aws'\n", "1 " + id},
		"fish":             {"set -gx AWS_ACCESS_KEY_ID " + id + "\nset -gx AWS_SECRET_ACCESS_KEY " + key + "\n", "1,2 " + id},
		"csh":              {"setenv AWS_ACCESS_KEY_ID " + id + "\r\nsetenv AWS_SECRET_ACCESS_KEY " + key + "\r\n", "1,2 " + id},
		"PowerShell":       {"$env:AWS_ACCESS_KEY_ID = \"" + id + "\"\n$env:AWS_SECRET_ACCESS_KEY = \"" + key + "\"", "1,2 " + id},
		"commented out":    {"#export AWS_ACCESS_KEY_ID=" + id + "\n#export AWS_SECRET_ACCESS_KEY=" + key + "\n", "1,2 " + id},
		"two":              {"AWS_ACCESS_KEY_ID=" + id + "\nAWS_SECRET_ACCESS_KEY=" + key + "\nAWS_ACCESS_KEY_ID=" + id + "X\nAWS_SECRET_ACCESS_KEY=" + key + "\n", "1,2 " + id + "; 3,4 " + id + "X"},
		"half":             {"AWS_ACCESS_KEY_ID=" + id + "\nAWS_ACCESS_KEY_ID=" + id + "X\nAWS_SECRET_ACCESS_KEY=" + key + "\n", "1 f:1: the secret access key is missing; AWS shows it only once, so create another access key; 2,3 " + id + "X"},
		"from a program":   {"export AWS_ACCESS_KEY_ID=$(pass aws/id)\nexport AWS_SECRET_ACCESS_KEY=$SECRET_OF_MINE_AND_MORE\n", ""},
		"temporary":        {"AWS_ACCESS_KEY_ID=ASIA" + id[4:] + "\nAWS_SECRET_ACCESS_KEY=" + key + "\nAWS_SESSION_TOKEN=" + strings.Repeat("x", 40) + "\n", "1,2,3 f:1: a session token stands here, so the key is temporary; awskeyd holds the keys of IAM users"},
		"without a token":  {"AWS_ACCESS_KEY_ID=ASIA" + id[4:] + "\nAWS_SECRET_ACCESS_KEY=" + key + "\n", "1,2 f:1: the access key id begins with ASIA, so the key is temporary; awskeyd holds the keys of IAM users, which begin with AKIA"},
		"AWS's example":    {"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n", "1,2 f:1: this is the example key of AWS's documentation"},
		"a placeholder":    {"export AWS_ACCESS_KEY_ID=YOUR_KEY_HERE\n", ""},
		"a secret alone":   {"AWS_SECRET_ACCESS_KEY=" + key + "\n", "1 f:1: the access key id is missing"},
		"a long way apart": {"AWS_ACCESS_KEY_ID=" + id + strings.Repeat("\n", 50) + "AWS_SECRET_ACCESS_KEY=" + key, "1,51 " + id},
	} {
		var got []string
		for _, f := range shellKeys("f", c.text) {
			var lines []string
			for _, p := range f.Places {
				lines = append(lines, fmt.Sprint(p.Line))
			}
			what := f.AccessKeyID
			if f.Why != nil {
				what = f.Why.Error()
			} else if f.Secret.Reveal() != key {
				what = "another secret"
			}
			got = append(got, strings.Join(lines, ",")+" "+what)
		}
		if got := strings.Join(got, "; "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// Whatever stands in the file: each line named is there, and no reason tells a
// secret.
func FuzzShellKeys(f *testing.F) {
	f.Add("export AWS_ACCESS_KEY_ID=" + staticID + "\nexport AWS_SECRET_ACCESS_KEY=" + staticSecret + "\nAWS_SESSION_TOKEN='" + staticSecret + staticSecret)
	f.Add("AWS_ACCESS_KEY_ID AWS_ACCESS_KEY_ID=AKIAAWS_SECRET_ACCESS_KEY\r\rAWS_SECRET_ACCESS_KEY\t\"==================")
	f.Fuzz(func(t *testing.T, text string) {
		for _, one := range shellKeys("f", text) {
			if len(one.Places) == 0 || one.Places[len(one.Places)-1].Line > strings.Count(text, "\n")+1 {
				t.Fatalf("%v in %q", one.Places, text)
			}
			if (one.Why == nil) == (one.AccessKeyID == "" || one.Secret.IsZero()) {
				t.Fatalf("%q %v", one.AccessKeyID, one.Why)
			}
			if one.Why != nil && strings.Contains(one.Why.Error(), staticSecret) {
				t.Fatal("a secret is told")
			}
		}
	})
}

func TestShells(t *testing.T) {
	home := t.TempDir()
	for _, path := range []string{".bashrc", ".config/fish/conf.d/aws.fish", "elsewhere"} {
		path = filepath.Join(home, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("AWS_ACCESS_KEY_ID="+staticID+" AWS_SECRET_ACCESS_KEY="+staticSecret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(home, ".zshrc"), 0o700); err != nil {
		t.Fatal(err)
	}
	found := Shells(home)
	if len(found) != 3 || found[0].AccessKeyID != staticID || found[2].AccessKeyID != staticID || found[2].Places[0].File != filepath.Join(home, ".config/fish/conf.d/aws.fish") {
		t.Errorf("found %v", found)
	}
	if len(found) == 3 && found[1].Why == nil {
		t.Error("a file that cannot be read is passed over in silence")
	}
}
