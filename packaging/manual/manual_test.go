//go:build linux

package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/awskeyd/awskeyd/daemon/config"
	where "github.com/awskeyd/awskeyd/helper"
)

// asked asks once for all tests.
var asked = sync.OnceValues(ask)

// made makes the pages, and returns them by the names of their files.
func made(t *testing.T, epoch string) (dir string, pages map[string]string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "a", "b")
	s, err := asked()
	if err == nil {
		err = write(dir, s, epoch)
	}
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	pages = map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		pages[e.Name()] = string(data)
	}
	return dir, pages
}

// tool runs a program that the test cannot do without.
func tool(t *testing.T, debian, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("there is no %s: install it with apt-get install %s", name, debian)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANPAGER=cat", "MAN_KEEP_FORMATTING="}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Errorf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out.String(), said.String()
}

// The formatters have nothing to say about any page, on a terminal that knows all
// letters and on one that knows few, and nothing is wider than the terminal.
func TestThePagesAreRendered(t *testing.T) {
	dir, pages := made(t, "")
	if names := slices.Sorted(maps.Keys(pages)); !slices.Equal(names, []string{"awskey-helper.1", "awskey.1", "awskeyd-config.toml.5", "awskeyd.1"}) {
		t.Fatalf("the pages are %q", names)
	}
	for name := range pages {
		path := filepath.Join(dir, name)
		text, warned := tool(t, "man-db", "man", "--warnings=w", "-l", path)
		if warned != "" {
			t.Errorf("man warns of %s: %s", name, warned)
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "           ") && strings.Contains(pages[name], "\n"+escaped(strings.TrimSpace(line))+"\n") {
				continue // an example, which is as wide as it is
			}
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s has a line of %d columns: %s", name, n, line)
			}
		}
		title, _, _ := strings.Cut(name, ".")
		for _, section := range []string{"NAME", "DESCRIPTION", "FILES", "ENVIRONMENT", "EXAMPLES", "SEE ALSO"} {
			if !strings.Contains(text, "\n"+section+"\n") {
				t.Errorf("%s has no section %s", name, section)
			}
		}
		if strings.HasSuffix(name, ".1") && !strings.Contains(text, "\nEXIT STATUS\n") {
			t.Errorf("%s tells of no exit status", name)
		}
		for _, device := range []string{"utf8", "ascii"} {
			if _, warned := tool(t, "groff-base", "groff", "-ww", "-man", "-Kutf8", "-T"+device, path); warned != "" {
				t.Errorf("groff for %s warns of %s: %s", device, name, warned)
			}
		}
		if index, _ := tool(t, "man-db", "lexgrog", path); !strings.Contains(index, `"`+title) || !strings.Contains(index, " - ") {
			t.Errorf("whatis would read of %s: %s", name, index)
		}
	}
}

// What can be typed is what the page shows: a dash is no hyphen, a quote is none
// of a printer's.
func TestThePagesCanBeCopied(t *testing.T) {
	dir, _ := made(t, "")
	text, _ := tool(t, "man-db", "man", "-l", filepath.Join(dir, "awskey.1"))
	for _, line := range []string{
		`awskey list --json | jq -r '.keys[].name'`,
		`pass show aws/secret | awskey add work --access-key-id AKIA... --secret-stdin`,
		`awskey completion zsh > ~/.zfunc/_awskey      # in $fpath, before compinit`,
		`awskey history --json | jq -r 'select(.event == "switched").time'`,
	} {
		if !strings.Contains(text, "\n           "+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	if strings.ContainsAny(text, "‐‘’“”−") {
		t.Error("a sign was made prettier")
	}
}

// Made twice they are the same; the date is the given one, or none.
func TestThePagesAreReproducible(t *testing.T) {
	_, once := made(t, "")
	dir := t.TempDir()
	cmd := exec.Command("go", "run", "./packaging/manual", "-o", dir)
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "SOURCE_DATE_EPOCH=", "LC_ALL=de_DE", "TZ=Asia/Tokyo")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	for name, text := range once {
		if again, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(again) != text {
			t.Errorf("%s is not the same twice, %v", name, err)
		}
	}
	year := regexp.MustCompile(`\b20[2-9][0-9]\b`)
	for name, text := range once {
		if found := year.FindString(text); found != "" {
			t.Errorf("%s has a date: %s", name, found)
		}
	}
	_, dated := made(t, "1796000000")
	for name, text := range dated {
		if !strings.Contains(text, ` "2026\-11\-30" `) {
			t.Errorf("%s is not of that day: %.80s", name, text)
		}
	}
	if err := write(t.TempDir(), said{}, "yesterday"); err == nil || !strings.Contains(err.Error(), "git log -1") {
		t.Errorf("a bad date: %v", err)
	}
}

// Help, manual and completion name the same verbs, and of each the same flags, as
// the program itself answers.
func TestHelpManualAndCompletionAgree(t *testing.T) {
	_, pages := made(t, "")
	bin := t.TempDir()
	if err := build(bin); err != nil {
		t.Fatal(err)
	}
	says := func(args ...string) string {
		text, _ := tool(t, "", filepath.Join(bin, "awskey"), args...)
		return text
	}
	completes := func(args ...string) (words []string) {
		for line := range strings.Lines(says(append([]string{"__complete"}, args...)...)) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); word != "" && word[0] != ':' {
				words = append(words, word)
			}
		}
		slices.Sort(words)
		return words
	}

	_, list, _ := strings.Cut(says("help"), "\nVerbs:\n\n")
	list, _, _ = strings.Cut(list, "\n\n")
	uses := []string{}
	for line := range strings.Lines(list) {
		use, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		uses = append(uses, use)
		switch use { // families, of which help tells in one line
		case "store list|migrate":
			uses = append(uses, "store list", "store migrate TO")
		case "service WORD":
			uses = append(uses, "service install", "service restart", "service start", "service status", "service stop", "service uninstall")
		}
	}
	if len(uses) < 20 {
		t.Fatalf("help names the verbs %q", uses)
	}
	plain := strings.NewReplacer(`\-`, "-", `\(dq`, `"`, "...", "…", `\fB`, "", `\fR`, "", `\fI`, "").Replace(pages["awskey.1"])
	var inManual []string
	for _, found := range regexp.MustCompile(`(?m)^\.SS "awskey (.*)"$`).FindAllStringSubmatch(plain, -1) {
		inManual = append(inManual, found[1])
	}
	if !slices.Equal(uses, inManual) {
		t.Errorf("help names\n%q\nthe manual\n%q", uses, inManual)
	}
	verbs := []string{}
	for _, use := range uses {
		if verb := strings.Fields(use)[0]; !slices.Contains(verbs, verb) {
			verbs = append(verbs, verb)
		}
	}
	slices.Sort(verbs)
	if got := completes(""); !slices.Equal(got, verbs) {
		t.Errorf("help names\n%q\nTab offers\n%q", verbs, got)
	}

	flag := regexp.MustCompile(`(?m)^(?: +|\.TP\n)(?:-[a-z], +)?(--[a-z-]+)`)
	named := func(text string) (flags []string) {
		for _, found := range flag.FindAllStringSubmatch(text, -1) {
			flags = append(flags, found[1])
		}
		slices.Sort(flags)
		return flags
	}
	for _, use := range uses {
		var path []string
		for _, word := range strings.Fields(use) {
			if strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == "" {
				path = append(path, word)
			}
		}
		help := says(append([]string{"help"}, path...)...)
		_, help, _ = strings.Cut(help, "\nFlags:\n")
		help, _, _ = strings.Cut(help, "\nExample:\n")
		_, manual, _ := strings.Cut(plain, `.SS "awskey `+use+"\"\n")
		manual, _, _ = strings.Cut(manual, ".EX\n")
		inHelp, inManual := named(help), named(manual)
		if !slices.Equal(inHelp, inManual) {
			t.Errorf("of %s help names %q, the manual %q", use, inHelp, inManual)
		}
		offered := slices.DeleteFunc(completes(append(path, "--")...), func(f string) bool { return f == "--json" || f == "--help" })
		for i := range offered {
			offered[i] = strings.TrimSuffix(offered[i], "=")
		}
		offered = slices.Compact(offered)
		if !slices.Equal(inHelp, offered) && len(inHelp)+len(offered) > 0 {
			t.Errorf("of %s help names %q, Tab offers %q", use, inHelp, offered)
		}
	}
	for _, page := range []string{"awskeyd.1", "awskey-helper.1"} {
		if !strings.Contains(pages[page], `\fBawskey`) {
			t.Errorf("%s shows no usage", page)
		}
	}
}

// The settings in the example are taken as they stand.
func TestTheExampleOfTheSettingsIsTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(exampleSettings), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Paths{User: path, Home: filepath.Dir(path)})
	if err != nil || c.KeyOfProfile("backup") != "work" || c.RotateWith("ci") != "boss" {
		t.Errorf("%v", err)
	}
}

// Every variable of ours that a program reads is told of, and no other.
func TestTheEnvironmentIsWhatProgramsRead(t *testing.T) {
	ours := regexp.MustCompile(`"(AWSKEYD_[A-Z]+)"`)
	read := map[string]bool{}
	for _, room := range []string{"cmd/awskey", "cmd/awskeyd", "cmd/awskey-helper", "daemon", "helper", "store/keychain", "packaging/service"} {
		err := filepath.WalkDir(filepath.Join("../..", room), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			data, err := os.ReadFile(path)
			for _, found := range ours.FindAllSubmatch(data, -1) {
				read[string(found[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, pages := made(t, "")
	told := map[string]bool{}
	for _, found := range regexp.MustCompile(`AWSKEYD_[A-Z]+`).FindAllString(pages["awskey.1"], -1) {
		told[found] = true
	}
	if !maps.Equal(read, told) {
		t.Errorf("read are %v, told of are %v", read, told)
	}
}

// The files are where the programs look for them.
func TestTheFilesAreWhereTheyAre(t *testing.T) {
	_, pages := made(t, "")
	env := func(name string) string { return map[string]string{"HOME": "/home/ada"}[name] }
	conf, err := where.ConfigFile(env)
	if err != nil {
		t.Fatal(err)
	}
	state, err := where.StateDir(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{conf, state + "/", config.PathsFor(conf, "/home/ada").System} {
		if want := escaped(strings.Replace(path, "/home/ada", "~", 1)); !strings.Contains(pages["awskeyd.1"], want) {
			t.Errorf("nothing is said of %s", want)
		}
	}
}

// FuzzEscaped: no text breaks out into a request, and nothing of it is lost.
func FuzzEscaped(f *testing.F) {
	for _, text := range []string{".SH x", "'x", `a\fBb`, "…", "--a", `"`, "~^`"} {
		f.Add(text)
	}
	back := strings.NewReplacer(`\&`, "", `\e`, `\`, `\-`, "-", `\(aq`, "'", `\(ga`, "`", `\(ha`, "^", `\(ti`, "~", `\(dq`, `"`)
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || strings.ContainsRune(text, '\n') {
			return // Go's own texts, a line at a time
		}
		out := escaped(text)
		if strings.HasPrefix(out, ".") && !strings.HasPrefix(text, "…") || strings.HasPrefix(out, "'") {
			t.Errorf("%q begins a request: %q", text, out)
		}
		for _, r := range out {
			if r > '~' && r != 0x7f {
				t.Errorf("%q holds %q", out, r)
			}
		}
		if ascii := strings.IndexFunc(text, func(r rune) bool { return r >= '~' }) < 0; ascii && back.Replace(out) != text {
			t.Errorf("%q becomes %q", text, out)
		}
	})
}
