package awsfiles

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store/secret"
)

func TestCopies(t *testing.T) {
	const other = "AKIAZZZZZZZZZZZZZZZZ"
	f := files(t, "[default]\n", "[a]\n"+staticPair)
	dir := filepath.Dir(f.Config)
	dotfiles := t.TempDir()
	if err := os.Rename(f.Config, filepath.Join(dotfiles, "aws-config")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dotfiles, "aws-config"), f.Config); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		"credentials.bak":         "[a]\n" + staticPair,
		"credentials~":            "id " + staticID,
		".credentials.swp":        "b0VIM\x00" + staticSecret + "\x00",
		"credentials.bak.2023":    staticPair + other,
		"held.old":                "AKIAHELDHELDHELDHELD",
		"of-others.bak":           other,
		"credentials.work":        staticPair,
		"#config#":                "region = x",
		dotfiles + "/aws-config~": staticPair,
	} {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.bak"), 0o700); err != nil {
		t.Fatal(err)
	}
	found, err := f.Copies([]Static{{AccessKeyID: staticID, Secret: secret.New(staticSecret)}}, []string{"AKIAHELDHELDHELDHELD"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range found {
		got = append(got, fmt.Sprint(filepath.Base(c.Path), " ", len(c.IDs), " ", c.Only))
	}
	want := ".credentials.swp 0 true; credentials.bak 1 true; credentials.bak.2023 2 false; credentials~ 1 true; held.old 1 true; aws-config~ 1 true"
	for _, one := range strings.Split(want, "; ") {
		if !strings.Contains(strings.Join(got, "; "), one) {
			t.Errorf("%s is missing", one)
		}
	}
	if len(got) != 6 {
		t.Errorf("found %q", got)
	}
}

func TestDownloads(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"alice_accessKeys.csv":     bom + "Access key ID,Secret access key\r\n" + staticID + "," + staticSecret + "\r\n",
		"new_user_credentials.csv": "User name,Password,Access key ID,Secret access key,Console login link\nbob,x," + staticID + "," + staticSecret + ",https://x\n",
		"credentials (1).csv":      "nothing",
		"rows.csv":                 "Access key ID,Secret access key\n" + staticID + "," + staticSecret + "\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := Downloads(folder)
	if len(found) != 2 || found[0].AccessKeyID != staticID || found[1].Secret.Reveal() != staticSecret || filepath.Base(found[0].Places[0].File) != "alice_accessKeys.csv" {
		t.Errorf("found %v", found)
	}
	if found := Downloads(filepath.Join(folder, "none")); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}
