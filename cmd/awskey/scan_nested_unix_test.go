//go:build unix

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ground is a folder with repositories in it, and what was found there, by path. The
// access key of a number is always the same.
type ground struct {
	*testing.T
	dir string
}

func newGround(t *testing.T) ground {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("there is no git: install it with apt-get install git")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GIT_CEILING_DIRECTORIES", dir)
	g := ground{t, filepath.Join(dir, "src")}
	g.write("note", "")
	t.Chdir(g.dir)
	return g
}

func numbered(n int) (id, secret string) {
	r := rand.New(rand.NewPCG(uint64(n), 3))
	letters := func(n int, of string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = of[r.IntN(len(of))]
		}
		return string(b)
	}
	upper := "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return "AKIA" + letters(16, upper+"234567"), letters(40, upper+strings.ToLower(upper)+"0123456789+/")
}

func keyText(n int) string {
	id, secret := numbered(n)
	return "aws_access_key_id = " + id + "\naws_secret_access_key = " + secret + "\n"
}

func idText(n int) string {
	id, _ := numbered(n)
	return "id: " + id + "\n"
}

func (g ground) write(path, text string) {
	g.Helper()
	path = filepath.Join(g.dir, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
		g.Fatal(err)
	}
}

func (g ground) git(in string, args ...string) {
	g.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=alice", "-c", "user.email=alice@example.com", "-c", "protocol.file.allow=always", "-c", "advice.addEmbeddedRepo=false"}, args...)...)
	cmd.Dir = filepath.Join(g.dir, in)
	if out, err := cmd.CombinedOutput(); err != nil {
		g.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// repository makes one whose history has a key in gone.env, and only there.
func (g ground) repository(path string, n int) {
	g.Helper()
	g.write(path+"/gone.env", keyText(n))
	g.git(path, "init", "-q", "-b", "main")
	g.git(path, "add", "gone.env")
	g.git(path, "commit", "-qm", "in")
	g.git(path, "rm", "-q", "gone.env")
	g.git(path, "commit", "-qm", "out")
}

// finds says where a search has found each key: PATH=NUMBER, with a ! if it stands in
// no file any more. What --from is to be given leads to the same key.
func (g ground) finds(s *search, paths []string, want ...string) (trouble []string) {
	g.Helper()
	s.workers = 2
	s.trouble = func(path string, err error) { trouble = append(trouble, path+": "+err.Error()) }
	if err := s.paths(g.Context(), paths); err != nil {
		g.Fatal(err)
	}
	ids := map[string]int{}
	for n := range 30 {
		id, _ := numbered(n)
		ids[id] = n
	}
	var got []string
	for _, f := range s.findings() {
		word := fmt.Sprintf("%s=%d", filepath.ToSlash(f.path), ids[f.id])
		if !f.now {
			word += "!"
		}
		got = append(got, word)
		if !f.paired {
			continue
		}
		from, err := parseSource(f.from.String())
		if err != nil {
			g.Error(err)
			continue
		}
		id, key, err := from.key(g.Context())
		if _, secret := numbered(ids[f.id]); err != nil || id != f.id || key.Reveal() != secret {
			g.Errorf("--from %s: %v", f.from, err)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		g.Errorf("found\n%s\nand not\n%s", strings.Join(got, " "), strings.Join(want, " "))
	}
	return trouble
}

// TestRepositoriesBelow a folder are each searched as what they are, whatever stands
// around them.
func TestRepositoriesBelow(t *testing.T) {
	g := newGround(t)
	g.write("note", keyText(1))
	g.repository("one", 2)
	g.write("one/now", keyText(3))
	g.write("one/allowed", keyText(4))
	g.write("one/.awskey-allow", "allowed\ninner/\n")
	g.write("one/.gitignore", "ignored\n")
	g.write("one/ignored", keyText(5))
	g.repository("one/inner", 6)
	g.write("one/inner/allowed", keyText(7)) // by another's file
	g.write("one/inner/.gitignore", "built\n")
	g.write("one/inner/built", keyText(8))
	g.repository("deep/er/two", 9)
	g.git("one", "submodule", "--quiet", "add", "file://"+g.dir+"/deep/er/two", "module")
	g.git("one", "commit", "-qm", "with a module")
	g.write("one/module/now", keyText(10))
	g.write("one/broken/.git", "gitdir: /nowhere\n")
	g.write("one/broken/now", keyText(11))
	g.write("one/hollow/.git/x", "")
	g.write("one/hollow/now", keyText(12))
	g.write("one/hollow/allowed", keyText(13))
	g.repository("one/hollow/three", 14)

	all := []string{"note=1", "one/gone.env=2!", "one/now=3", "one/ignored=5", "one/inner/gone.env=6!", "one/inner/allowed=7", "one/inner/built=8",
		"deep/er/two/gone.env=9!", "one/module/gone.env=9!", "one/module/now=10", "one/broken/now=11", "one/hollow/now=12", "one/hollow/allowed=13", "one/hollow/three/gone.env=14!"}
	if trouble := g.finds(&search{}, []string{"."}, all...); len(trouble) > 0 {
		t.Error(trouble)
	}
	kept := slices.DeleteFunc(slices.Clone(all), func(w string) bool { return strings.Contains(w, "ignored") || strings.Contains(w, "built") })
	if trouble := g.finds(&search{gitignore: true}, []string{"."}, kept...); len(trouble) > 0 {
		t.Error(trouble)
	}
	files := slices.DeleteFunc(slices.Clone(all), func(w string) bool { return strings.HasSuffix(w, "!") })
	if trouble := g.finds(&search{noHistory: true}, []string{"."}, files...); len(trouble) > 0 {
		t.Error(trouble)
	}
	var absolute []string
	for _, word := range all {
		absolute = append(absolute, filepath.ToSlash(g.dir)+"/"+word)
	}
	t.Chdir(t.TempDir())
	g.finds(&search{}, []string{g.dir}, absolute...)
	t.Chdir(filepath.Join(g.dir, "one/inner"))
	g.finds(&search{}, []string{"../../one/inner"}, "../../one/inner/gone.env=6!", "../../one/inner/allowed=7", "../../one/inner/built=8")
}

// TestOneOfManyThatGitDoesNotRead keeps from none of the others.
func TestOneOfManyThatGitDoesNotRead(t *testing.T) {
	g := newGround(t)
	g.repository("one", 1)
	g.repository("theirs", 2)
	g.write("theirs/now", keyText(3))
	g.repository("two", 4)
	g.repository("damaged", 5)
	g.write("damaged/now", keyText(6))
	g.repository("one/theirs", 7)
	g.write("one/theirs/now", keyText(8))
	for _, name := range []string{"one", "two", "damaged"} {
		g.git(".", "config", "--global", "--add", "safe.directory", filepath.Join(g.dir, name))
	}
	g.write("damaged/.git/packed-refs", "nothing that git knows\n")
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "true")
	for _, gitignore := range []bool{false, true} {
		trouble := g.finds(&search{gitignore: gitignore}, []string{"."}, "one/gone.env=1!", "one/theirs/now=8", "theirs/now=3", "two/gone.env=4!", "damaged/now=6")
		for i, want := range []string{"damaged as a whole: git ", "one/theirs's history: it is another user's", "theirs's history: it is another user's"} {
			if len(trouble) != 3 || !strings.HasPrefix(trouble[i], want) {
				t.Fatalf("%q", trouble)
			}
		}
	}
}

// TestWorktreesShareAHistory, which is read and told once.
func TestWorktreesShareAHistory(t *testing.T) {
	g := newGround(t)
	g.repository("one", 1)
	g.write("one/now", keyText(2))
	g.git("one", "add", "now")
	g.git("one", "commit", "-qm", "now")
	g.git("one", "worktree", "add", "-q", "linked")
	s := &search{}
	g.finds(s, []string{"."}, "one/gone.env=1!", "one/now=2", "one/linked/now=2")
	if n := s.objects.Load(); n > 5 { // three commits, two files
		t.Errorf("%d objects were read", n)
	}
	for _, f := range s.findings() {
		if f.commit == "" {
			t.Errorf("since when %s has it is not told", f.path)
		}
	}
	// What stands around a bare repository and its worktrees is no less searched.
	g.git(".", "clone", "-q", "--bare", "one", "bare/.bare")
	g.write("bare/.git", "gitdir: ./.bare\n")
	g.write("bare/note", keyText(3))
	g.git("bare", "worktree", "add", "-q", "main")
	g.finds(&search{}, []string{"bare"}, "bare/.bare/gone.env=1!", "bare/.bare/now=2!", "bare/main/now=2", "bare/note=3")
}

// TestABareRepository is typed before what is in it.
func TestABareRepository(t *testing.T) {
	g := newGround(t)
	g.repository("one", 1)
	g.git(".", "clone", "-q", "--bare", "one", "it.git")
	g.finds(&search{}, []string{"it.git"}, "it.git/gone.env=1!")
	g.finds(&search{}, []string{"it.git/objects"}, "it.git/gone.env=1!")
	t.Chdir("it.git")
	g.finds(&search{}, []string{"."}, "gone.env=1!")
}

// TestWhereTheFolderIsGone, or leads elsewhere, --from finds it all the same.
func TestWhereTheFolderIsGone(t *testing.T) {
	g := newGround(t)
	g.repository("one", 1)
	for i, path := range []string{"one/a/b/c", "one/linked/c", "one/now.another/c"} {
		g.write(path, keyText(2+i))
	}
	g.git("one", "add", ".")
	g.git("one", "commit", "-qm", "in")
	g.git("one", "rm", "-qr", ".")
	g.git("one", "commit", "-qm", "out")
	if err := os.Symlink(t.TempDir(), "one/linked"); err != nil {
		t.Fatal(err)
	}
	g.repository("one/now.another", 5)
	want := []string{"gone.env=1!", "a/b/c=2!", "linked/c=3!", "now.another/c=4!", "now.another/gone.env=5!"}
	var below []string
	for _, w := range want {
		below = append(below, "one/"+w)
	}
	g.finds(&search{}, []string{"one"}, below...)
	t.Chdir("one")
	g.finds(&search{}, []string{"."}, want...)
	g.write("one/else/x", "")
	t.Chdir("else")
	g.finds(&search{}, []string{"../now.another"}, "../now.another/gone.env=5!")
	t.Chdir(t.TempDir())
	from, err := parseSource("abcdef0:gone.env:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := from.key(t.Context()); err == nil || err.Error() != "cannot read abcdef0:gone.env:1: not in a git repository" {
		t.Error(err)
	}
}

// TestTheOccurrenceWithItsSecret is the one that is told of.
func TestTheOccurrenceWithItsSecret(t *testing.T) {
	g := newGround(t)
	g.git(".", "init", "-q", "-b", "main")
	far := strings.Repeat("nothing stands here\n", 3000)
	g.write("twice", idText(1)+far+keyText(1)+far+idText(1))
	g.write("was", idText(2)+far+keyText(2))
	g.write("later", idText(3))
	g.write("lost", idText(4)+far+keyText(4))
	g.git(".", "add", ".")
	g.git(".", "commit", "-qm", "first")
	g.write("was", idText(2))
	g.write("later", keyText(3))
	g.git(".", "commit", "-qam", "second")
	g.git(".", "rm", "-q", "later", "lost")
	g.git(".", "commit", "-qm", "third")
	s := &search{}
	g.finds(s, []string{"."}, "twice=1", "was=2", "later=3!", "lost=4!")
	for _, f := range s.findings() {
		want := map[string]int{"twice": 3002, "was": 1, "later": 1, "lost": 3002}[f.path]
		if !f.paired || f.line != want || (f.from.commit == "") != (f.path == "twice") {
			t.Errorf("%s:%d, from %q", f.path, f.line, f.from)
		}
	}
	s = &search{noHistory: true}
	g.finds(s, []string{"."}, "twice=1", "was=2")
	for _, f := range s.findings() {
		if f.paired != (f.path == "twice") {
			t.Errorf("%s is paired: %v", f.path, f.paired)
		}
	}
}

// TestStagedFromAFolder says the paths as they are typed there, and the remedy does
// what it says before the first commit as well.
func TestStagedFromAFolder(t *testing.T) {
	g := newGround(t)
	g.git(".", "init", "-q", "-b", "main")
	g.write("top", keyText(1))
	g.write("sub/file", keyText(2))
	g.git(".", "add", ".")
	t.Chdir("sub")
	staged := func() (paths []string) {
		t.Helper()
		s := &search{}
		if err := s.index(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, f := range s.findings() {
			paths = append(paths, filepath.ToSlash(f.path))
		}
		return paths
	}
	if got := staged(); !slices.Equal(got, []string{"../top", "file"}) {
		t.Error(got)
	}
	for _, path := range staged() {
		remedy := (&scanning{staged: true}).remedyOf(&finding{path: path})
		if out, err := exec.Command("sh", "-c", remedy).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", remedy, err, out)
		}
	}
	if got := staged(); len(got) > 0 {
		t.Errorf("still staged: %q", got)
	}
}
