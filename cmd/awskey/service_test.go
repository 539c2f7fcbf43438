package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/config"
)

// The way to AWS that a shell is told of goes into the configuration once, and over
// nothing that stands there.
func TestTheWayToAWSIsCarried(t *testing.T) {
	home := t.TempDir()
	vars := map[string]string{"HOME": home, "https_proxy": "ada:canary@proxy.example:3128", "NO_PROXY": "localhost", "AWS_CA_BUNDLE": "/etc/ssl/company.pem"}
	a := &app{env: func(name string) string { return vars[name] }}
	list, err := a.carry()
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	said := installed{carried: list, version: "1"}.text()
	if strings.Contains(said, "canary") || !strings.Contains(said, "# https_proxy") || !strings.Contains(said, `no_proxy   = "localhost"`) {
		t.Error(said)
	}
	path := filepath.Join(home, ".config", "awskeyd", "config.toml")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	c, err := config.Load(config.PathsFor(path, home))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.AWS(""); got.Proxy != "http://ada:canary@proxy.example:3128" || got.NoProxy != "localhost" || got.CABundle != "/etc/ssl/company.pem" {
		t.Errorf("%+v", got)
	}
	vars["https_proxy"] = "http://other.example"
	if list, err := a.carry(); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	vars = map[string]string{"HOME": t.TempDir(), "HTTPS_PROXY": "socks5://proxy.example"}
	if _, err := a.carry(); err == nil || !strings.Contains(err.Error(), "HTTPS_PROXY") {
		t.Error(err)
	}
}

func TestWhatTheServiceIsGiven(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"awskey", "awskeyd"} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	vars := map[string]string{"HOME": "/home/ada", "XDG_CONFIG_HOME": "/home/ada/.config", "XDG_STATE_HOME": "/var/ada", "GNUPGHOME": "/home/ada/gpg", "AWSKEYD_SOCKET": "/run/x", "AWS_PROFILE": "work"}
	a := &app{env: func(name string) string { return vars[name] }, executable: func() (string, error) { return filepath.Join(bin, "awskey"), nil }}
	s, err := a.registration()
	if err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(bin)
	if err != nil {
		t.Fatal(err)
	}
	if s.Program != filepath.Join(real, "awskeyd") || s.Socket != "/run/x" || s.State != "/var/ada/awskeyd" ||
		strings.Join(s.Environ, " ") != "AWSKEYD_SOCKET=/run/x XDG_STATE_HOME=/var/ada GNUPGHOME=/home/ada/gpg" {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(filepath.Join(bin, "awskeyd")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.registration(); err == nil || !strings.Contains(err.Error(), "install awskey, awskeyd and awskey-helper in one folder") {
		t.Error(err)
	}
}
