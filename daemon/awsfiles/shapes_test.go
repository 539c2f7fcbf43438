package awsfiles

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/awsfiles/shapes"
)

var update = flag.Bool("update", false, "write what became of the shapes into their archives")

// Real-life files go in and out: what moves leaves every other byte where it was, what
// does not is named with its line, and the readers agree.
func TestShapesMoveInAndOut(t *testing.T) {
	all, err := shapes.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 60 {
		t.Fatalf("only %d shapes", len(all))
	}
	oracles := startReaders(t)
	words := shapes.MadeUp()
	for _, shape := range all {
		t.Run(shape.Name, func(t *testing.T) {
			f := lay(t, shape, words)
			beforeRead := oracles.read(t, f)
			said, moves := moveShape(t, f, words)
			compare(t, shape, words, f, "in", said)
			attributes(t, shape, f)
			nothingElse(t, f)

			var moved []string
			for _, m := range moves {
				moved = append(moved, m.Profile)
			}
			afterRead := oracles.read(t, f)
			if err := beforeRead.same(afterRead, moved); err != nil {
				t.Error(err)
			}
			for _, m := range moves {
				_, sdk := beforeRead.sdk[m.Profile]
				if err := afterRead.serves(m.Profile, m.Command, sdk); err != nil {
					t.Errorf("%s: %v", m.Profile, err)
				}
			}
			once := both(t, f)
			if _, again := moveShape(t, f, words); len(again) > 0 || both(t, f) != once {
				t.Errorf("not idempotent: %v moved again", again)
			}

			said = restoreShape(t, f, moves)
			moved = append(moved, dropLines(t, f, said)...)
			compare(t, shape, words, f, "out", said)
			attributes(t, shape, f)
			nothingElse(t, f)
			if err := beforeRead.same(oracles.read(t, f), moved); err != nil {
				t.Errorf("moved out: %v", err)
			}
			for _, m := range moves {
				if s, err := f.Static(m.Profile); said == "" && (err != nil || !s.same(m.Key)) {
					t.Errorf("%s is not back: %v", m.Profile, err)
				}
			}
		})
	}
}

// dropLines takes out the lines of ours that no key stands behind, as eject does.
func dropLines(t *testing.T, f Files, refused string) (profiles []string) {
	t.Helper()
	if refused != "" {
		return nil
	}
	ours := func(command string) bool { _, ours := Ours(command); return ours }
	points, err := f.PointingTo(ours)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		if _, err := f.RemoveCredentialProcess(p.Profile, ours); err != nil {
			t.Fatal(err)
		}
		profiles = append(profiles, p.Profile)
	}
	return profiles
}

// restoreShape does what eject does, key by key in the order of their names.
func restoreShape(t *testing.T, f Files, moves []Move) (said string) {
	t.Helper()
	var returns []Return
	for _, m := range moves {
		_, name, _ := strings.Cut(m.Command, " ")
		if slices.ContainsFunc(returns, func(r Return) bool { return r.Name == name }) {
			continue // one key, several lines
		}
		returns = append(returns, Return{Key: m.Key, Name: name, IsOurs: func(c string) bool { p, ours := Ours(c); return ours && p == name }})
	}
	slices.SortFunc(returns, func(a, b Return) int { return strings.Compare(a.Name, b.Name) })
	_, expected, err := f.PreviewRestore(returns...)
	if err != nil {
		return "refused: " + err.Error() + "\n"
	}
	was := both(t, f)
	for _, r := range returns {
		if _, err := f.Restore(r); err != nil {
			t.Errorf("%s was previewed and is refused: %v", r.Name, err)
		}
	}
	is := both(t, f)
	for _, file := range []struct{ path, was, is string }{{f.Config, was.config, is.config}, {f.Credentials, was.credentials, is.credentials}} {
		if err := onlyNamed(file.was, file.is, file.path, expected); err != nil {
			t.Errorf("%s: %v", filepath.Base(file.path), err)
		}
	}
	return ""
}

func lay(t *testing.T, shape *shapes.Shape, words shapes.Words) Files {
	t.Helper()
	home := t.TempDir()
	if err := shape.Lay(home, words); err != nil {
		t.Fatal(err)
	}
	return Locate(func(string) string { return "" }, home)
}

// pairOf are the texts of both files; absent ones are empty.
type pairOf struct{ config, credentials string }

func both(t *testing.T, f Files) pairOf {
	t.Helper()
	config, err := read(f.Config)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := read(f.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	return pairOf{string(config), string(credentials)}
}

// moveShape does what init does to the files, and tells what a person would be told.
func moveShape(t *testing.T, f Files, words shapes.Words) (said string, moves []Move) {
	t.Helper()
	found, err := f.Plaintext()
	if err != nil {
		return "refused: " + err.Error() + "\n", nil
	}
	names := map[string]string{} // of ours, by access key id: one key, several lines
	for _, one := range found {
		if one.Why != nil {
			said += fmt.Sprintf("left %s at%s: %v\n", one.Profile, lines(one.Places), one.Why)
			continue
		}
		if one.AccessKeyID == words["ROOT"] {
			said += fmt.Sprintf("left %s at%s: AWS tells that it is the root's\n", one.Profile, lines(one.Places))
			continue
		}
		if names[one.AccessKeyID] == "" {
			names[one.AccessKeyID] = ourName(one, names, words)
		}
		m := Move{one.Profile, shapes.Helper + " " + names[one.AccessKeyID], one.Static}
		if _, err := f.Preview(append(slices.Clone(moves), m)...); err != nil {
			said += fmt.Sprintf("left %s at%s: %v\n", one.Profile, lines(one.Places), err)
			continue
		}
		moves = append(moves, m)
	}
	expected, err := f.Preview(moves...)
	if err != nil {
		t.Fatal(err)
	}
	was := both(t, f)
	for _, m := range moves {
		if _, err := f.Point(m.Profile, m.Command, m.Key); err != nil {
			t.Errorf("%s was previewed and is refused: %v", m.Profile, err)
		}
	}
	for _, m := range moves {
		if _, err := f.Scrub(m.Profile, m.Key); err != nil {
			t.Errorf("%s was previewed and is refused: %v", m.Profile, err)
		}
		said += fmt.Sprintf("moved %s, %s at%s\n", m.Profile, m.Key.AccessKeyID, lines(m.Key.Places))
	}
	is := both(t, f)
	for _, file := range []struct{ path, was, is string }{{f.Config, was.config, is.config}, {f.Credentials, was.credentials, is.credentials}} {
		if err := onlyNamed(file.was, file.is, file.path, expected); err != nil {
			t.Errorf("%s: %v", filepath.Base(file.path), err)
		}
	}
	for _, m := range moves {
		places, err := f.Standing(m.Key)
		if err != nil {
			t.Fatal(err)
		}
		if len(places) > 0 {
			said += fmt.Sprintf("the secret of %s still stands at%s\n", m.Key.AccessKeyID, lines(places))
		}
	}
	return said, moves
}

// ourName is a name of ours for the key of an AWS profile of any name, which is the
// IAM user's where another key has that name.
func ourName(f Finding, taken map[string]string, words shapes.Words) string {
	name := strings.Map(func(r rune) rune {
		if profileName.MatchString(string(r)) || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, f.Profile)
	name = strings.TrimLeft(name, "._-")
	for _, other := range taken {
		if strings.EqualFold(name, other) {
			for _, who := range shapes.People {
				if words[who] == f.AccessKeyID {
					return strings.ToLower(who)
				}
			}
		}
	}
	return name
}

func lines(places []Place) string {
	text := ""
	for _, p := range places {
		text += fmt.Sprintf(" %s:%d", filepath.Base(p.File), p.Line)
	}
	return text
}

// onlyNamed sees that nothing but the lines named by the changes differs, ending
// and all. Only the last line's missing ending may have had to be given to it.
func onlyNamed(before, after, path string, changes []Change) error {
	was, is := slices.Collect(strings.Lines(before)), slices.Collect(strings.Lines(after))
	gone, put := map[int]bool{}, map[int]bool{}
	for _, c := range changes {
		switch {
		case c.File != path:
		case c.Old != "" && c.New != "":
			ending := was[c.Line-1][len(strings.TrimRight(was[c.Line-1], "\r\n")):]
			was[c.Line-1] = c.New + ending
		case c.Old != "":
			gone[c.Line] = true
		default:
			put[c.Line] = true
		}
	}
	rest := func(all []string, named map[int]bool) (left []string) {
		for i, text := range all {
			if !named[i+1] {
				left = append(left, text)
			}
		}
		return left
	}
	want, got := rest(was, gone), rest(is, put)
	if len(want) != len(got) {
		return fmt.Errorf("%d lines should have stayed, and %d did: %q became %q", len(want), len(got), before, after)
	}
	for i := range want {
		if want[i] != got[i] && (i+1 < len(want) || strings.TrimRight(want[i], "\r\n") != strings.TrimRight(got[i], "\r\n")) {
			return fmt.Errorf("%q became %q", want[i], got[i])
		}
	}
	return nil
}

// nothingElse sees that the folder holds nothing of ours but the files.
func nothingElse(t *testing.T, f Files) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(f.Config))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), backupEnd); name != "config" && name != "credentials" {
			t.Errorf("%s was left behind", name)
		}
	}
}

// attributes sees that modes and links are what they were.
func attributes(t *testing.T, shape *shapes.Shape, f Files) {
	t.Helper()
	for _, path := range []string{f.Config, f.Credentials} {
		name := filepath.Base(path)
		info, err := os.Stat(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil || info.Mode().Perm() != shape.Mode(name) {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
		to, err := os.Readlink(path)
		if to != shape.Link(name) {
			t.Errorf("%s links to %q and not to %q: %v", name, to, shape.Link(name), err)
		}
	}
}

// compare holds files and words against the archive, or writes them into it.
func compare(t *testing.T, shape *shapes.Shape, words shapes.Words, f Files, step, said string) {
	t.Helper()
	is := both(t, f)
	said = strings.ReplaceAll(said, filepath.Dir(f.Config)+"/", "")
	if *update {
		shape.Drop(step)
		if said != "" {
			shape.Set(step, said, words)
		}
		for name, text := range map[string]string{"config": is.config, "credentials": is.credentials} {
			shape.Drop(name + "." + step)
			if was, _ := shape.File(name, words); was != text {
				shape.Set(name+"."+step, text, words)
			}
		}
		path := filepath.Join("shapes", "testdata", shape.Name+".txtar")
		if err := os.WriteFile(path, shape.Archive(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name, text := range map[string]string{"config": is.config, "credentials": is.credentials} {
		if want, _ := shape.Want(name, step, words); text != want {
			t.Errorf("%s became\n%q\nand not\n%q", name, text, want)
		}
	}
	if want, _ := shape.File(step, words); said != want {
		t.Errorf("said\n%sand not\n%s", said, want)
	}
}
