package awsfiles

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/awsfiles/shapes"
)

func TestBackupHasNoSecret(t *testing.T) {
	const secretText = "canary+0123456789/abcdefghijklmnopqrstuv"
	for before, after := range map[string]string{
		"[a]\nregion = x\r\n; c\n":                                                   "[a]\nregion = x\r\n; c\n",
		bom + "[a]\nAWS_Secret_Access_Key:\t" + secretText:                           bom + "[a]\nAWS_Secret_Access_Key:\t(not shown)",
		"#aws_secret_access_key=" + secretText + "\r\nx = y\n":                       "#aws_secret_access_key=(not shown)\r\nx = y\n",
		"export AWS_SECRET_ACCESS_KEY='short+secret'\n":                              "export AWS_SECRET_ACCESS_KEY=(not shown)\n",
		"aws_session_token =\n  part1\n\n  part2\nregion = x\n":                      "aws_session_token =\n  (not shown)\n\n  (not shown)\nregion = x\n",
		"azure_default_password=hunter2hunter2\n":                                    "azure_default_password=(not shown)\n",
		"secret_key = a-secret-of-s3cmd\nnote = the old one was a-secret-of-s3cmd\n": "secret_key = (not shown)\nnote = the old one was (not shown)\n",
		"my key is " + secretText + " ok\n":                                          "my key is (not shown) ok\n",
		"aws_access_key_id = " + staticID + "\n":                                     "aws_access_key_id = " + staticID + "\n",
		"aws_secret_access_key =\nregion = x\n":                                      "aws_secret_access_key =\nregion = x\n",
	} {
		if got := withoutSecrets(before); got != after {
			t.Errorf("%q became\n%q and not\n%q", before, got, after)
		}
	}
}

// The copy tells of the time before us, and of nothing later.
func TestBackupIsKeptOnce(t *testing.T) {
	f := files(t, "# mine\n[default]\nregion = x\n", "[work]\n"+staticPair)
	key, err := f.Static("work")
	if err != nil {
		t.Fatal(err)
	}
	for _, profile := range []string{"work", "other"} {
		if _, err := f.Point(profile, helperLine, Static{}); profile == "other" && err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Scrub("work", key); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		f.Config:      "# mine\n[default]\nregion = x\n",
		f.Credentials: strings.Replace("[work]\n"+staticPair, staticSecret, masked, 1),
	} {
		if got := text(t, path+backupEnd); got != want {
			t.Errorf("%s holds %q", filepath.Base(path)+backupEnd, got)
		}
		if info, err := os.Stat(path + backupEnd); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
	}
	if copies, err := f.Copies([]Static{key}, []string{staticID}); err != nil || len(copies) > 0 {
		t.Errorf("it is taken for a forgotten copy: %v %v", copies, err)
	}
	if found, err := f.Plaintext(); err != nil || len(found) > 0 {
		t.Errorf("it is taken for plaintext: %v %v", found, err)
	}
	if _, err := f.Point("work", helperLine, Static{}); err != nil {
		t.Fatal(err)
	}
	none := files(t, "-", "-")
	if _, err := none.Point("work", helperLine, Static{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(none.Config + backupEnd); err == nil {
		t.Error("there is a copy of a file that was not there")
	}
}

// Whatever the shape: no key of it is in the copies.
func TestBackupsOfShapes(t *testing.T) {
	all, err := shapes.All()
	if err != nil {
		t.Fatal(err)
	}
	words := shapes.MadeUp()
	for _, shape := range all {
		for _, name := range []string{"config", "credentials"} {
			before, _ := shape.File(name, words)
			after := withoutSecrets(before)
			for _, who := range shapes.People {
				if strings.Contains(after, words[who+" SECRET"]) {
					t.Errorf("%s: the secret of %s is in the copy of the %s", shape.Name, who, name)
				}
			}
			if strings.Count(before, "\n") != strings.Count(after, "\n") {
				t.Errorf("%s: the copy of the %s has other lines", shape.Name, name)
			}
		}
	}
}

func FuzzBackup(f *testing.F) {
	f.Add([]byte("[a]\naws_secret_access_key = x\r\n  y\n"), "canary+0123456789/abcdefghijklmnopqrstuv")
	f.Add([]byte("#"), "aws_secret_access_key")
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		if len(key) < 40 || !secretShaped.MatchString(key) || secretShaped.FindString(key) != key {
			return
		}
		// Wherever it stands, and however often.
		text := string(data) + "\naws_secret_access_key = " + key + "\n" + string(data) + " " + key
		if strings.Contains(withoutSecrets(text), key) {
			t.Errorf("%q keeps %q", text, key)
		}
		if !bytes.Equal([]byte(withoutSecrets(withoutSecrets(text))), []byte(withoutSecrets(text))) {
			t.Errorf("%q: not the same a second time", text)
		}
	})
}
