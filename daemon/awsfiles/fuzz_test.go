package awsfiles

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/awskeyd/awskeyd/daemon/awsfiles/shapes"
)

// differential does every edit of ours to files of any kind, and holds what the
// readers find after each against what they found before.
type differential struct {
	*readers
	f Files

	edits, readable int // done, and of files that botocore reads
}

func newDifferential(t testing.TB) *differential {
	d := &differential{readers: startReaders(t), f: files(t, "-", "-")}
	if dir, err := os.MkdirTemp("/dev/shm", "awsfiles-"); err == nil { // a disk would set the pace
		t.Cleanup(func() { os.RemoveAll(dir) })
		d.f = Files{Config: filepath.Join(dir, "config"), Credentials: filepath.Join(dir, "credentials")}
	}
	return d
}

// lay writes the texts, an empty one as no file.
func (d *differential) lay(t rapid.TB, files opened) reading {
	t.Helper()
	for _, file := range files {
		err := os.Remove(file.path)
		if data := file.doc.bytes(); len(data) > 0 {
			err = os.WriteFile(file.path, data, 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return d.read(t, d.f)
}

// open parses both texts; ok is false where we refuse to.
func (d *differential) open(config, credentials string) (files opened, ok bool) {
	for i, text := range []string{config, credentials} {
		doc, err := parse([]byte(text))
		if err != nil {
			return nil, false
		}
		files = append(files, openedFile{d.f.forms()[i], doc})
	}
	return files, true
}

func (files opened) texts() string {
	return fmt.Sprintf("config %q\ncredentials %q", files[0].doc.bytes(), files[1].doc.bytes())
}

// try does all edits to the two texts, one after another.
func (d *differential) try(t rapid.TB, config, credentials string) {
	t.Helper()
	files, ok := d.open(config, credentials)
	if !ok {
		return
	}
	if got := string(files[0].doc.bytes()) + string(files[1].doc.bytes()); got != config+credentials {
		t.Fatalf("%q is printed as %q", config+credentials, got)
	}
	before := d.lay(t, files)
	moves := d.moveIn(t, files, before)
	if len(moves) == 0 {
		moves = d.pointAlone(t, files, before)
	}
	if len(moves) > 0 {
		d.edits++
		if before.refused == "" {
			d.readable++
		}
		d.restore(t, files, before, moves)
		d.takeOut(t, files, before, moves)
	}
}

// profilesOf are the AWS profiles that moved.
func profilesOf(moves []Move) (names []string) {
	for _, m := range moves {
		names = append(names, m.Profile)
	}
	return names
}

// commandOf runs our helper for a key, one for each.
func commandOf(key Static, moves []Move) string {
	n := len(moves)
	for i, m := range moves {
		if m.Key.same(key) {
			return m.Command
		}
		n = max(n, i+1)
	}
	return fmt.Sprintf("%s%d", helperLine, n)
}

// moveIn points and scrubs every key that is found.
func (d *differential) moveIn(t rapid.TB, files opened, before reading) (moves []Move) {
	t.Helper()
	was := files.texts()
	for _, one := range found(t, files) {
		if one.Why != nil {
			continue
		}
		m := Move{one.Profile, commandOf(one.Static, moves), one.Static}
		tried, ok := d.open(string(files[0].doc.bytes()), string(files[1].doc.bytes()))
		if !ok {
			t.Fatalf("our own edit is not read again:\n%s", files.texts())
		}
		if tried.point(m.Profile, m.Command, m.Key) != nil {
			continue
		}
		if err := files.point(m.Profile, m.Command, m.Key); err != nil {
			t.Fatalf("%s: %v", one.Profile, err)
		}
		moves = append(moves, m)
	}
	pointed, moved := d.lay(t, files), profilesOf(moves)
	if err := before.same(pointed, moved); err != nil {
		t.Fatalf("pointed, %v\n%s\nwas\n%s", err, files.texts(), was)
	}
	for _, m := range moves {
		if err := pointed.standsBeside(before, m.Profile, m.Command); err != nil {
			t.Fatalf("pointed, %s: %v\n%s\nwas\n%s", m.Profile, err, files.texts(), was)
		}
		for i := range files {
			again, err := parse(files[i].doc.bytes()) // as Scrub does: the line numbers are others now
			if err != nil {
				t.Fatal(err)
			}
			files[i].doc = again
			if err := files[i].scrub(m.Profile, m.Key); err != nil {
				t.Fatalf("%s was pointed and is not scrubbed: %v", m.Profile, err)
			}
		}
	}
	after := d.lay(t, files)
	if err := before.same(after, moved); err != nil {
		t.Fatalf("scrubbed, %v\n%s\nwas\n%s", err, files.texts(), was)
	}
	for _, m := range moves {
		_, sdk := before.sdk[m.Profile]
		if err := after.serves(m.Profile, m.Command, sdk); err != nil {
			t.Fatalf("%s: %v\n%s\nwas\n%s", m.Profile, err, files.texts(), was)
		}
	}
	for _, one := range found(t, files) {
		if slices.Contains(moved, one.Profile) {
			t.Fatalf("%s moved and still has a key: %v\n%s\nwas\n%s", one.Profile, one.Why, files.texts(), was)
		}
	}
	return moves
}

// restore writes the keys back, in files of its own.
func (d *differential) restore(t rapid.TB, in opened, before reading, moves []Move) {
	t.Helper()
	files, ok := d.open(string(in[0].doc.bytes()), string(in[1].doc.bytes()))
	if !ok {
		t.Fatalf("our own edit is not read again:\n%s", in.texts())
	}
	done := map[string]bool{}
	for _, m := range moves {
		if m.Key.AccessKeyID == "" || done[m.Command] {
			continue
		}
		done[m.Command] = true
		if checkWritable(m.Key) != nil {
			return
		}
		if _, err := files.restore(Return{Key: m.Key, Name: "returned", IsOurs: func(c string) bool { return c == m.Command }}); err != nil {
			return // on disk nothing is written then
		}
		again, ok := d.open(string(files[0].doc.bytes()), string(files[1].doc.bytes()))
		if !ok {
			t.Fatalf("what is restored is not read again:\n%s\nwas\n%s", files.texts(), in.texts())
		}
		files = again
	}
	if len(done) == 0 {
		return
	}
	after := d.lay(t, files)
	if err := before.same(after, profilesOf(moves)); err != nil {
		t.Fatalf("restored, %v\n%s\nwas\n%s", err, files.texts(), in.texts())
	}
	for _, m := range moves {
		if s, err := files.static(m.Profile); err != nil || !s.same(m.Key) {
			t.Fatalf("%s is not back: %v\n%s\nwas\n%s", m.Profile, err, files.texts(), in.texts())
		}
		if id := after.python.Credentials[m.Profile]["aws_access_key_id"]; after.refused == "" && id != m.Key.AccessKeyID {
			t.Fatalf("botocore finds %v in %s\n%s\nwas\n%s", id, m.Profile, files.texts(), in.texts())
		}
		_, accepted := before.sdk[m.Profile]
		if c, ok := after.sdk[m.Profile]; (ok || accepted) && (c.Credentials.AccessKeyID != m.Key.AccessKeyID || c.Credentials.SecretAccessKey != m.Key.Secret.Reveal()) {
			t.Fatalf("the Go SDK finds %q in %s\n%s\nwas\n%s", c.Credentials.AccessKeyID, m.Profile, files.texts(), in.texts())
		}
	}
}

func found(t rapid.TB, files opened) []Finding {
	t.Helper()
	list := files.plaintext()
	for _, one := range list {
		if one.Why == nil && one.AccessKeyID == "" || one.Why != nil && !one.Secret.IsZero() {
			t.Fatalf("%q: %v, and yet %d places", one.Profile, one.Why, len(one.Places))
		}
	}
	return list
}

// pointAlone gives a line to an AWS profile that has no key.
func (d *differential) pointAlone(t rapid.TB, files opened, before reading) (moves []Move) {
	t.Helper()
	was := files.texts()
	if files.point("work", helperLine, Static{}) != nil {
		if is := files.texts(); is != was {
			t.Fatalf("refused, and yet\n%s\nbecame\n%s", was, is)
		}
		return nil
	}
	after := d.lay(t, files)
	if err := before.same(after, []string{"work"}); err != nil {
		t.Fatalf("pointed alone, %v\n%s\nwas\n%s", err, files.texts(), was)
	}
	if err := after.serves("work", helperLine, true); err != nil {
		t.Fatalf("%v\n%s\nwas\n%s", err, files.texts(), was)
	}
	return []Move{{Profile: "work", Command: helperLine}}
}

// takeOut takes our lines out again.
func (d *differential) takeOut(t rapid.TB, files opened, before reading, moves []Move) {
	t.Helper()
	was := files.texts()
	for _, m := range moves {
		for _, file := range files {
			again, err := parse(file.doc.bytes())
			if err != nil {
				t.Fatalf("our own edit is not read again: %v\n%s", err, files.texts())
			}
			*file.doc = *again
			if err := file.doc.remove(file.form, m.Profile, func(c string) bool { return c == m.Command }); err != nil {
				t.Fatalf("our own line is not taken out: %v\n%s", err, files.texts())
			}
		}
	}
	// An AWS profile that had nothing but a key is gone with our line, and so may be
	// a profile of the Go SDK's.
	after := d.lay(t, files)
	for _, m := range moves {
		values, _ := after.python.Config["profiles"][m.Profile].(map[string]any)
		if values[processKey] == m.Command || after.sdk[m.Profile].CredentialProcess == m.Command {
			t.Fatalf("%s: our line is still read\n%s\nwas\n%s", m.Profile, files.texts(), was)
		}
		if _, still := after.sdk[m.Profile]; !still {
			delete(before.sdk, m.Profile)
		}
	}
	if err := before.same(after, profilesOf(moves)); err != nil && !sourceGone(before, after, profilesOf(moves)) {
		t.Fatalf("taken out, %v\n%s\nwas\n%s", err, files.texts(), was)
	}
}

// sourceGone tells whether the Go SDK accepts a role no more only because the AWS
// profile that it stands on has no credentials of any kind now.
func sourceGone(before, after reading, moved []string) bool {
	for name, c := range before.sdk {
		if _, still := after.sdk[name]; !still && c.Source != nil {
			delete(before.sdk, name)
		}
	}
	return before.same(after, moved) == nil
}

// lineOf draws a line as it stands in one of the shapes, or one that has made
// trouble, maybe at another indentation.
func lineOf(t *rapid.T, pool []string) string {
	text := rapid.SampledFrom(pool).Draw(t, "line")
	switch rapid.IntRange(0, 11).Draw(t, "indented") {
	case 0:
		text = "  " + text
	case 1:
		text = strings.TrimLeft(text, " \t")
	case 2:
		text = "\t" + text
	}
	return text
}

// tidy leaves out what would make the AWS CLI refuse the file: what stands above the
// first section, and what is there a second time.
func tidy(lines []string) (kept []string) {
	section, seen := "", map[string]bool{}
	for _, text := range lines {
		trimmed := strings.TrimSpace(text)
		key, _, option := strings.Cut(strings.ReplaceAll(trimmed, ":", "="), "=")
		key = strings.ToLower(strings.TrimSpace(key))
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case trimmed[0] == '[':
			if section = trimmed; seen[section] {
				section = ""
				continue
			}
			seen[section] = true
		case section == "" || !option || seen[section+"\n"+key]:
			continue
		default:
			seen[section+"\n"+key] = true
		}
		kept = append(kept, text)
	}
	return kept
}

// Files put together out of the lines of all shapes.
func TestEditsLeaveAllElseToTheReaders(t *testing.T) {
	d := newDifferential(t)
	all, err := shapes.All()
	if err != nil {
		t.Fatal(err)
	}
	words := shapes.MadeUp()
	words["LONG"] = "long"
	pools := map[string][]string{}
	for _, shape := range all {
		for _, name := range []string{"config", "credentials"} {
			text, _ := shape.File(name, words)
			for line := range strings.Lines(text) {
				pools[name] = append(pools[name], strings.TrimRight(line, "\n"))
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		texts := map[string]string{}
		for _, name := range []string{"config", "credentials"} {
			var lines []string
			for range rapid.IntRange(0, 10).Draw(t, name) {
				lines = append(lines, lineOf(t, pools[name]))
			}
			if rapid.Bool().Draw(t, "pair") {
				at := rapid.IntRange(0, len(lines)).Draw(t, "at")
				header := rapid.SampledFrom([]string{"[default]", "[work]", "[profile work]"}).Draw(t, "header")
				lines = slices.Insert(lines, at, header, "aws_access_key_id = "+words["ALICE"], "aws_secret_access_key = "+words["ALICE SECRET"])
			}
			if rapid.IntRange(0, 3).Draw(t, "tidy") > 0 {
				lines = tidy(lines)
			}
			texts[name] = strings.Join(lines, "\n")
			if rapid.Bool().Draw(t, "ended") {
				texts[name] += "\n"
			}
		}
		d.try(t, texts["config"], texts["credentials"])
	})
	if d.edits < 20 || d.readable < 10 {
		t.Errorf("only %d edits were tried, %d of files that botocore reads", d.edits, d.readable)
	}
}

// Any bytes at all, beginning with the shapes.
func FuzzEdits(f *testing.F) {
	all, err := shapes.All()
	if err != nil {
		f.Fatal(err)
	}
	words := shapes.MadeUp()
	for _, shape := range all {
		if shape.Name == "long-lines" {
			continue // mutating it is mutating its padding
		}
		config, _ := shape.File("config", words)
		credentials, _ := shape.File("credentials", words)
		f.Add(config, credentials)
	}
	d := newDifferential(f)
	f.Fuzz(func(t *testing.T, config, credentials string) {
		if len(config)+len(credentials) > 1<<14 {
			return
		}
		d.try(t, config, credentials)
	})
}
