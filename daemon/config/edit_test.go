package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSetBackend(t *testing.T) {
	for before, after := range map[string]string{
		"":                               "[store]\nbackend = \"file\"\n",
		bom:                              bom + "[store]\nbackend = \"file\"\n",
		"# mine\n[rotation]\nttl=\"1h\"": "# mine\n[rotation]\nttl=\"1h\"\n\n[store]\nbackend = \"file\"\n",
		"[rotation]\r\nttl = \"1h\"\r\n": "[rotation]\r\nttl = \"1h\"\r\n\r\n[store]\r\nbackend = \"file\"\r\n",
		"[ store ] # x\n\n[aws]\n":       "[ store ] # x\nbackend = \"file\"\n\n[aws]\n",
		"[store]":                        "[store]\nbackend = \"file\"\n",
		"[store]\n  backend   =   'secret-service'   # chosen\n":            "[store]\n  backend   =   \"file\"   # chosen\n",
		bom + "[aws]\nfips = true\n[store]\nbackend = \"secret-service\"\n": bom + "[aws]\nfips = true\n[store]\nbackend = \"file\"\n",
		"store.backend = \"secret-service\"\n":                              "store.backend = \"file\"\n",
		"store = { backend = \"secret-service\" } # x\n":                    "store = { backend = \"file\" } # x\n",
		"[store]\nbackend = \"file\"\npassphrase_file = \"/x\"":             "[store]\nbackend = \"file\"\npassphrase_file = \"/x\"",
		"[store]\npassphrase_file = \"/x\"":                                 "[store]\nbackend = \"file\"\npassphrase_file = \"/x\"",
	} {
		got, err := setBackend("config.toml", []byte(before), "file")
		if err != nil || string(got) != after {
			t.Errorf("%q:\n got %q %v\nwant %q", before, got, err, after)
		}
	}
	for before, want := range map[string]string{
		"store = {}\n":   `config.toml: [store] is written in a form that cannot be edited; write it as [store] with backend = "secret-service" below`,
		"[store]\nx = 1": `config.toml:2: [store] x is no setting; the settings here are backend, passphrase_file, volatile, lock_on`,
	} {
		if got, err := setBackend("config.toml", []byte(before), "secret-service"); err == nil || err.Error() != want {
			t.Errorf("%q: %q\n got %v\nwant %s", before, got, err, want)
		}
	}
	// Keys that move away from the file store leave its passphrase named, by
	// which what is left there is cleared.
	const before = "[store]\nbackend = \"file\" # mine\npassphrase_file = \"/x\"\n"
	if got, err := setBackend("config.toml", []byte(before), "secret-service"); err != nil || string(got) != "[store]\nbackend = \"secret-service\" # mine\npassphrase_file = \"/x\"\n" {
		t.Errorf("%q %v", got, err)
	}
	_, err := setBackend("config.toml", nil, "keyctl")
	if want := `[store] backend = "keyctl" forgets every key when the machine restarts; if that is what you want, write volatile = true below it`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

func TestSetStoreBackendOnDisk(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, ".config", "awskeyd", "config.toml")
	paths := Paths{User: path, Home: home}
	if err := SetStoreBackend(path, "file"); err != nil {
		t.Fatal(err)
	}
	for p, mode := range map[string]os.FileMode{filepath.Dir(path): 0o700, path: 0o600} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", p, info.Mode(), err)
		}
	}
	c, err := Load(paths)
	if err != nil || c.Store().Backend != "file" {
		t.Fatalf("%v", err)
	}
	// A linked file stays a link.
	target := filepath.Join(home, "dotfile")
	if err := os.Rename(path, target); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../dotfile", path); err != nil {
		t.Fatal(err)
	}
	if err := CheckStoreBackend(path, "secret-service"); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(target); err != nil || string(data) != "[store]\nbackend = \"file\"\n" {
		t.Errorf("asking whether it can be edited has: %q %v", data, err)
	}
	if err := SetStoreBackend(path, "secret-service"); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(target); err != nil || string(data) != "[store]\nbackend = \"secret-service\"\n" {
		t.Errorf("%q %v", data, err)
	}
	// So is one for a newer awskeyd.
	const later = "version = 2\n[store]\nbackend = \"secret-service\"\n"
	if err := os.WriteFile(target, []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := SetStoreBackend(path, "file"); err == nil || !strings.Contains(err.Error(), "newer awskeyd") {
		t.Errorf("a newer file was edited: %v", err)
	}
	if data, _ := os.ReadFile(target); string(data) != later {
		t.Errorf("%q", data)
	}
	// A file that is not valid is left alone.
	if err := os.WriteFile(target, []byte("[store"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := SetStoreBackend(path, "file"); err == nil {
		t.Error("a broken file was edited")
	}
	if err := CheckStoreBackend(path, "file"); err == nil {
		t.Error("a broken file can be edited")
	}
	if data, _ := os.ReadFile(target); string(data) != "[store" {
		t.Errorf("%q", data)
	}
}

// TestSetAWS writes beside what stands there, and never a value that would not be
// read back.
func TestSetAWS(t *testing.T) {
	path := filepath.Join(t.TempDir(), "awskeyd", "config.toml")
	for _, set := range [][2]string{{"proxy", "http://ada:pass%20word@proxy.example:3128"}, {"no_proxy", "localhost,.example.com"}, {"ca_bundle", "/etc/ssl/company.pem"}, {"proxy", "http://other.example:3128"}} {
		if err := SetAWS(path, set[0], set[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := SetStoreBackend(path, "file"); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Paths{User: path})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.AWS(""); got.Proxy != "http://other.example:3128" || got.NoProxy != "localhost,.example.com" || got.CABundle != "/etc/ssl/company.pem" || c.Store().Backend != "file" {
		t.Errorf("%+v", got)
	}
	before, _ := os.ReadFile(path)
	for _, set := range [][2]string{{"proxy", "proxy.example"}, {"ca_bundle", "company.pem"}, {"no_proxy", "a\nb"}} {
		if err := SetAWS(path, set[0], set[1]); err == nil {
			t.Errorf("%s = %q was taken", set[0], set[1])
		}
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("a refused value changed the file")
	}
	odd := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(odd, []byte("aws = {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := SetAWS(odd, "proxy", "http://proxy.example:3128"); err == nil {
		t.Error("a table that cannot be edited was edited")
	}
}
