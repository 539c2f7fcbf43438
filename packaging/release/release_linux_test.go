package main

import (
	"bytes"
	"debug/buildinfo"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// The release that the tests make of the files as they lie here.
const testVersion = "0.9.0"

// must runs a program and returns what it printed.
func must(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// newKey makes a key as the maintainers' ceremony does, but for its passphrase.
func newKey(t *testing.T) (key, public string) {
	t.Helper()
	key = filepath.Join(t.TempDir(), "key")
	must(t, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key)
	data, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return key, string(data)
}

// repository copies the files that lie here into a repository of their own, in
// which they are a release: tagged, told of, signed by the given key, and built by
// the Go that is here.
func repository(t *testing.T, dir, public string) {
	t.Helper()
	edits := map[string]func(string) string{
		"CHANGELOG.md": func(s string) string {
			return strings.Replace(s, "## Unreleased", "## "+testVersion+" (2026-11-27)", 1)
		},
		".ci/versions": func(s string) string {
			return regexp.MustCompile(`(?m)^GO_VERSION=.*$`).ReplaceAllString(s, "GO_VERSION="+strings.TrimPrefix(runtime.Version(), "go"))
		},
		"packaging/release/signers": func(s string) string { return s + signer + " namespaces=\"" + namespace + "\" " + public },
	}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if name == ".git" || name == "bin" || name == "dist" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil // of a worktree
		}
		to := filepath.Join(dir, name)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, to)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if edit := edits[name]; edit != nil {
			data = []byte(edit(string(data)))
		}
		return os.WriteFile(to, data, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	for _, name := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+name+"_DATE", "2026-11-27T12:00:00Z")
		t.Setenv("GIT_"+name+"_NAME", "test")
		t.Setenv("GIT_"+name+"_EMAIL", "test@example.invalid")
	}
	must(t, dir, "git", "init", "-q")
	must(t, dir, "git", "add", "-A")
	must(t, dir, "git", "commit", "-q", "-m", "a release")
	must(t, dir, "git", "tag", "v"+testVersion)
}

// made makes the release of a repository, and returns the folder it is in.
func made(t *testing.T, repo, key string) string {
	t.Helper()
	var log bytes.Buffer
	r := release{
		root: repo, out: filepath.Join(t.TempDir(), "out"), version: testVersion, key: key,
		unscanned: true, targets: testTargets, log: &log,
	}
	if err := r.make(); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	return r.out
}

func TestARelease(t *testing.T) {
	key, public := newKey(t)
	repo := filepath.Join(t.TempDir(), "repo")
	repository(t, repo, public)
	out := made(t, repo, key)

	t.Run("is the same wherever it is made", func(t *testing.T) {
		elsewhere := filepath.Join(t.TempDir(), "a longer name", "repo")
		t.Setenv("TZ", "Pacific/Auckland")
		t.Setenv("LC_ALL", "C")
		newCache(t)
		old := syscall.Umask(0o077)
		must(t, "", "git", "clone", "-q", repo, elsewhere)
		again := made(t, elsewhere, key)
		syscall.Umask(old)
		one, two := contents(t, out), contents(t, again)
		if names := slices.Sorted(maps.Keys(two)); !slices.Equal(slices.Sorted(maps.Keys(one)), names) {
			t.Fatalf("other files: %q", names)
		}
		for name, data := range one {
			if !bytes.Equal(data, two[name]) {
				t.Errorf("%s differs", name)
			}
			t.Logf("the same twice: %s, %d bytes", name, len(data))
		}
	})
	t.Run("is verified with what everybody has", func(t *testing.T) { verified(t, repo, out) })
	t.Run("is billed", func(t *testing.T) { billed(t, out) })
	for _, m := range managers {
		t.Run("is installed and removed by "+m.name, func(t *testing.T) { m.installs(t, out) })
	}
	t.Run("is unpacked by Alpine's rules", func(t *testing.T) {
		list := must(t, out, "tar", "tzf", glob(t, out, "awskeyd_*_x86_64.apk")[0])
		for _, name := range []string{".PKGINFO", "usr/bin/awskey-helper", "etc/awskeyd/config.toml", "usr/share/licenses/awskeyd/LICENSES"} {
			if !strings.Contains(list, name+"\n") {
				t.Errorf("%s is not there", name)
			}
		}
	})
	t.Run("pleases lintian", func(t *testing.T) {
		lint(t, regexp.MustCompile(`(?m)^[EWI]: (\S+): (\S+)(.*)$`), lintianFindings,
			exec.Command("lintian", append([]string{"--fail-on", "none"}, glob(t, out, "*.deb")...)...))
	})
	t.Run("pleases rpmlint", func(t *testing.T) {
		cmd := exec.Command("rpmlint", glob(t, out, "*.rpm")...)
		cmd.Env = append(os.Environ(), "PATH="+relativeCpio(t)+":"+os.Getenv("PATH"))
		lint(t, regexp.MustCompile(`(?m)^(\S+): [EW]: (\S+)(.*)$`), rpmlintFindings, cmd)
	})
	t.Run("has a formula that Ruby reads", func(t *testing.T) {
		must(t, out, "ruby", "-wc", "awskeyd.rb")
		data, err := os.ReadFile(filepath.Join(out, "awskeyd.rb"))
		if err != nil {
			t.Fatal(err)
		}
		commit := strings.TrimSpace(must(t, repo, "git", "rev-parse", "v"+testVersion))
		for _, want := range []string{`"v` + testVersion + `"`, `"` + commit + `"`, `#{bin}/awskey`} {
			if !strings.Contains(string(data), want) {
				t.Errorf("%s is not in it", want)
			}
		}
	})
}

func TestWhatIsNotFitIsNotReleased(t *testing.T) {
	key, public := newKey(t)
	repo := filepath.Join(t.TempDir(), "repo")
	repository(t, repo, public)
	replace := func(name, old, text string) {
		t.Helper()
		path := filepath.Join(repo, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), old) {
			t.Fatalf("%s does not hold %q", name, old)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(data), old, text, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(version, want string) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "out")
		r := release{root: repo, out: out, version: version, key: key, unscanned: true, targets: testTargets, log: &bytes.Buffer{}}
		if err := r.make(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("something was made")
		}
	}
	retag := func() {
		t.Helper()
		must(t, repo, "git", "commit", "-q", "-a", "-m", "more")
		must(t, repo, "git", "tag", "-f", "v"+testVersion)
	}
	refused("0.9.1", "call themselves 0.9.0, not 0.9.1")
	replace("CHANGELOG.md", "## "+testVersion, "## Unreleased\n\n- more\n\n## "+testVersion)
	refused(testVersion, " M CHANGELOG.md") // is not committed
	retag()
	refused(testVersion, "still calls what is new unreleased")
	replace("CHANGELOG.md", "## Unreleased\n", "## 0.8.0 (2026-11-27)\n")
	retag()
	refused(testVersion, "begins with 0.8.0")
	replace("CHANGELOG.md", "## 0.8.0 (2026-11-27)\n\n- more\n\n", "")
	replace(".ci/versions", "GO_VERSION=", "GO_VERSION=0")
	retag()
	refused(testVersion, "by which others build it again")
}

func TestAKeyThatUsersDoNotHaveSignsNothing(t *testing.T) {
	key, _ := newKey(t)
	_, other := newKey(t)
	dir := t.TempDir()
	signers := filepath.Join(dir, "packaging", "release", "signers")
	if err := os.MkdirAll(filepath.Dir(signers), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(signers, []byte(signer+" "+other), 0o644); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	r := release{root: dir, out: out, key: key, log: &bytes.Buffer{}}
	if err := r.sums(); err != nil {
		t.Fatal(err)
	}
	if err := r.sign(); err == nil || !strings.Contains(err.Error(), "users would refuse this signature") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(out, "SHA256SUMS.sig")); err == nil {
		t.Error("the signature was left there")
	}
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, path := range glob(t, dir, "*") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = data
	}
	return all
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	return paths
}

// verified types what the README has users type, and then lies to it.
func verified(t *testing.T, repo, out string) {
	dir := t.TempDir()
	for name, data := range contents(t, out) {
		if name == "SHA256SUMS" || name == "SHA256SUMS.sig" || strings.HasSuffix(name, "_all.deb") {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	must(t, dir, "cp", filepath.Join(repo, "packaging", "release", "signers"), dir)
	readme, err := os.ReadFile(filepath.Join(repo, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, commands, _ := strings.Cut(string(readme), "<!-- verify -->\n```sh\n")
	commands, _, found := strings.Cut(commands, "```")
	if !found {
		t.Fatal("the README does not say how a download is verified")
	}
	try := func() error {
		cmd := exec.Command("sh", "-ec", commands)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		t.Logf("%s%s", out, map[bool]string{true: "refused"}[err != nil])
		return err
	}
	if err := try(); err != nil {
		t.Fatal(err)
	}
	for _, lie := range []string{filepath.Base(glob(t, dir, "*.deb")[0]), "SHA256SUMS"} {
		path := filepath.Join(dir, lie)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(slices.Clone(data), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		if try() == nil {
			t.Errorf("%s was changed, and that was not seen", lie)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// billed holds the bill against what the linker wrote into the programs.
func billed(t *testing.T, out string) {
	dir := t.TempDir()
	must(t, dir, "tar", "xzf", glob(t, out, "*-linux-amd64.tar.gz")[0], "--strip-components=1")
	f, err := os.Open(glob(t, out, "*-linux-amd64.cdx.json")[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(f, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	billed := map[string]bool{"awskeyd": true}
	for _, c := range *bom.Components {
		if billed[c.BOMRef] {
			t.Errorf("%s is billed twice", c.BOMRef)
		}
		billed[c.BOMRef] = true
		if c.Type == cdx.ComponentTypeLibrary && (c.Licenses == nil || c.PackageURL == "") {
			t.Errorf("%s has no licence, or no address", c.Name)
		}
	}
	for _, d := range *bom.Dependencies {
		for _, ref := range *d.Dependencies {
			if !billed[ref] {
				t.Errorf("%s stands on %s, which is not billed", d.Ref, ref)
			}
		}
	}
	licences, err := os.ReadFile(filepath.Join(dir, "LICENSES"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range programs {
		info, err := buildinfo.ReadFile(filepath.Join(dir, "bin", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Deps {
			if !billed["pkg:golang/"+m.Path+"@"+m.Version] {
				t.Errorf("%s holds %s, which is not billed", name, m.Path)
			}
			if !strings.Contains(string(licences), "\n"+m.Path+" "+m.Version+"\n") {
				t.Errorf("%s holds %s, whose licence is not handed on", name, m.Path)
			}
		}
	}
	t.Logf("%d components are billed", len(*bom.Components))
}
