package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// manager is a package manager, in a root of its own.
type manager struct {
	name     string
	packages []string // patterns
	prepare  []string // each a shell command; $R is the root, and what follows is the packages
	install  string
	verify   string
	clean    *regexp.Regexp // what verify prints of an installation that is whole
	again    string         // installs over what is there
	remove   string         // leaves what a person wrote
	edited   string         // the person's settings after that
	purge    string
	database []string // the manager's own
}

var managers = []manager{{
	name: "dpkg", packages: []string{"*_amd64.deb", "*_all.deb"},
	prepare: []string{"mkdir -p $R/var/lib/dpkg/info $R/var/lib/dpkg/updates && touch $R/var/lib/dpkg/status"},
	install: "dpkg --root $R --log=/dev/null -i", verify: "dpkg --root $R --log=/dev/null -V", clean: regexp.MustCompile(`^$`),
	again: "dpkg --root $R --log=/dev/null --force-confold -i", remove: "dpkg --root $R --log=/dev/null -r awskeyd-autostart awskeyd", edited: "etc/awskeyd/config.toml",
	purge: "dpkg --root $R --log=/dev/null -P awskeyd-autostart awskeyd", database: []string{"var/lib/dpkg", "var/log"},
}, {
	name: "rpm", packages: []string{"*.x86_64.rpm", "*.noarch.rpm"},
	prepare: []string{"rpm --root $R --initdb"},
	install: "rpm --root $R -i", verify: "rpm --root $R -V awskeyd awskeyd-autostart", clean: regexp.MustCompile(`^$`),
	again: "rpm --root $R -U --force", remove: "rpm --root $R -e awskeyd awskeyd-autostart", edited: "etc/awskeyd/config.toml.rpmsave",
	purge: "rm -r $R/etc/awskeyd/config.toml.rpmsave $R/etc/awskeyd", database: []string{"var/lib/rpm", "usr/lib/sysimage", "root"},
}, {
	name: "pacman", packages: []string{"*-x86_64.pkg.tar.zst", "*-any.pkg.tar.zst"},
	prepare: []string{"mkdir -p $R/var/lib/pacman"},
	install: "pacman --root $R --dbpath $R/var/lib/pacman --cachedir $R/var/cache --noconfirm -U", verify: "pacman --root $R --dbpath $R/var/lib/pacman --cachedir $R/var/cache -Qkk",
	clean:  regexp.MustCompile(`^awskeyd: \d+ total files, 0 altered files\nawskeyd-autostart: \d+ total files, 0 altered files\n$`),
	again:  "pacman --root $R --dbpath $R/var/lib/pacman --cachedir $R/var/cache --noconfirm -U",
	remove: "pacman --root $R --dbpath $R/var/lib/pacman --cachedir $R/var/cache --noconfirm -R awskeyd awskeyd-autostart", edited: "etc/awskeyd/config.toml.pacsave",
	purge: "rm -r $R/etc/awskeyd/config.toml.pacsave", database: []string{"var/lib/pacman", "var/log", "var/cache"},
}}

func (m manager) installs(t *testing.T, out string) {
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, pattern := range m.packages {
		files = append(files, glob(t, out, pattern)...)
	}
	run := func(script string, args ...string) string {
		t.Helper()
		words := append([]string{"sh", "-ec", "umask 022; " + script + ` "$@"`, "sh"}, args...)
		if os.Geteuid() != 0 { // as root of a namespace of our own
			words = append([]string{"unshare", "--map-root-user"}, words...)
		}
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Env = append(os.Environ(), "R="+root)
		printed, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", script, args, err, printed)
		}
		return string(printed)
	}
	for _, script := range m.prepare {
		run(script)
	}
	before := m.left(t, root)

	run(m.install, files...)
	if printed := run(m.verify); !m.clean.MatchString(printed) {
		t.Errorf("%s says of what it installed: %s", m.name, printed)
	}
	if v := must(t, "", filepath.Join(root, "usr/bin/awskey"), "version"); !strings.Contains(v, testVersion) {
		t.Errorf("awskey says it is %s", v)
	}
	for _, name := range []string{
		"usr/bin/awskeyd", "usr/bin/awskey-helper", "etc/awskeyd/config.toml", "usr/share/doc/awskeyd/README.md",
		"usr/share/man/man1/awskey.1.gz", "usr/share/man/man1/awskeyd.1.gz", "usr/share/man/man1/awskey-helper.1.gz", "usr/share/man/man5/awskeyd-config.toml.5.gz",
		"usr/share/bash-completion/completions/awskey", "usr/share/fish/vendor_completions.d/awskey.fish", "usr/share/awskeyd/awskey.ps1",
		"usr/lib/systemd/user/awskeyd.service", "usr/lib/systemd/user/sockets.target.wants/awskeyd.socket",
	} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm()&0o022 != 0 {
			t.Errorf("%s may be written by others", name)
		}
	}

	run(`echo "#mine" >> $R/etc/awskeyd/config.toml`)
	run(m.again, files...)
	if data, err := os.ReadFile(filepath.Join(root, "etc/awskeyd/config.toml")); err != nil || !bytes.HasSuffix(data, []byte("#mine\n")) {
		t.Errorf("an upgrade took away what a person had written: %v", err)
	}
	run(m.remove)
	if left := slices.DeleteFunc(m.left(t, root), func(p string) bool { return slices.Contains(before, p) || p == "etc/awskeyd" }); !slices.Equal(left, []string{m.edited}) {
		t.Errorf("what a person wrote, and only that, should be left: %q", left)
	}
	run(m.purge)

	run(m.install, files...)
	run(m.remove)
	if m.name == "dpkg" { // which keeps settings until it is told
		run(m.purge)
	}
	if left := m.left(t, root); !slices.Equal(left, before) {
		t.Errorf("left behind: %q, where there had been %q", left, before)
	}
}

// left are the files below a root, and the folders that can only be ours: of
// others, such as usr/bin, the packages are not the owners.
func (m manager) left(t *testing.T, root string) []string {
	t.Helper()
	var left []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if slices.Contains(m.database, name) {
			return fs.SkipDir
		}
		if !d.IsDir() || strings.HasPrefix(d.Name(), "awskey") {
			left = append(left, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}
