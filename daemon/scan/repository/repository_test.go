package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/scan"
)

// TestWhatAHistoryHolds is one repository with all that happens to a key in one.
func TestWhatAHistoryHolds(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			s := newStage(t, "--object-format="+format)
			stays, staysText := pair(1)
			gone, goneText := pair(2)
			moved, movedText := pair(3)
			side, sideText := pair(4)
			merged, mergedText := pair(5)
			stashed, stashedText := pair(6)
			said, _ := pair(7)
			tagged, _ := pair(8)
			odd, oddText := pair(9)
			back, backText := pair(10)
			dangling, danglingText := pair(11)

			s.write("README", "nothing\n")
			s.commit("first")
			s.write("deploy/.env", "# keys\n"+staysText)
			s.write("old.py", goneText)
			s.write("a/name", movedText)
			s.write("odd\n\"'$ name\x01", oddText)
			c2 := s.commit("keys")
			s.write("deploy/.env", "# keys\n# more\n"+staysText)
			s.git("mv", "a/name", "a/other")
			s.write("back", backText)
			c3 := s.commit("moves, and speaks of " + said)
			os.Remove(filepath.Join(s.dir, "old.py"))
			os.Remove(filepath.Join(s.dir, "back"))
			s.commit("takes it out")
			s.git("checkout", "-q", "-b", "side", "HEAD~1")
			s.write("side.txt", sideText)
			c5 := s.commit("on a side")
			s.git("checkout", "-q", "main")
			s.write("back", backText)
			s.commit("brings one back")
			s.git("merge", "-q", "--no-ff", "--no-commit", "side")
			s.write("evil.txt", mergedText)
			c7 := s.commit("a merge with more in it than its sides have")
			s.git("tag", "-a", "v1", "-m", "made with "+tagged, c2)
			s.write("README", stashedText)
			s.git("stash")
			stash := s.git("rev-parse", "stash")
			s.write("lost", danglingText)
			s.git("hash-object", "-w", "lost")
			os.Remove(filepath.Join(s.dir, "lost"))

			for _, packed := range []bool{false, true} {
				if packed {
					s.git("repack", "-q", "-a", "-d", "-k", "-l")
				}
				got := s.found("")
				// An object is one version of a file; the tag has the first of each.
				s.wants(got, stays, s.place("deploy/.env", 2, c2, c2, true), s.place("deploy/.env", 3, c3, c7, true))
				s.wants(got, gone, s.place("old.py", 1, c2, c5, true))
				s.wants(got, moved, s.place("a/name", 1, c2, c2, true), s.place("a/other", 1, c3, c7, true))
				s.wants(got, side, s.place("side.txt", 1, c5, c7, true))
				s.wants(got, merged, s.place("evil.txt", 1, c7, c7, true))
				s.wants(got, back, s.place("back", 1, c3, c7, true))
				s.wants(got, stashed, s.place("README", 1, stash, stash, true))
				s.wants(got, said, s.place("", 1, c3, c3, true))
				s.wants(got, tagged, fmt.Sprintf("%q:1 since %.7s of %s until %.7s true", "", c2, s.tagger("v1"), c2))
				s.wants(got, odd, s.place("odd\n\"'$ name\x01", 1, c2, "", false))
				s.wants(got, dangling)
				if len(got) != 0 {
					t.Errorf("and %v", got)
				}
			}
			if got := s.found("deploy"); len(got) != 2 || len(got[stays]) != 2 || len(got[said]) != 1 { // what is said of it, too
				t.Errorf("below deploy: %v", got)
			}
			// A clone that lacks the first commits, and a bare one.
			for _, how := range []string{"--depth=1", "--bare"} {
				shallow := &stage{t, filepath.Join(filepath.Dir(s.dir), strings.Trim(how, "-=1")), s.at}
				shallow.git("clone", "-q", how, "file://"+s.dir, shallow.dir)
				got := shallow.found("")
				if (len(got[gone]) == 0) != (how == "--depth=1") || len(got[side]) == 0 || len(got[stashed]) != 0 {
					t.Errorf("%s: %v", how, got)
				}
			}
		})
	}
}

// TestRemovedFromEveryTip: the last commit that has a key is told.
func TestRemovedFromEveryTip(t *testing.T) {
	s := newStage(t)
	id, text := pair(1)
	s.write("k", text)
	c1 := s.commit("in")
	s.write("other", "x")
	c2 := s.commit("meanwhile")
	s.write("k", "")
	s.commit("out")
	got := s.found("")
	s.wants(got, id, s.place("k", 1, c1, c2, false))
}

func TestWhereThereIsNone(t *testing.T) {
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(os.TempDir()))
	if _, err := Open(t.Context(), t.TempDir()); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	s := newStage(t)
	if r := s.open(); r.Bare {
		t.Error("bare")
	}
	if got := s.found(""); len(got) != 0 { // no commit yet
		t.Error(got)
	}
	if _, err := Open(t.Context(), filepath.Join(s.dir, ".git")); !errors.Is(err, ErrNone) {
		t.Errorf("in .git: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Open(t.Context(), s.dir); !errors.Is(err, ErrNoGit) {
		t.Error(err)
	}
}

// TestEveryStash is looked at, and not the newest alone.
func TestEveryStash(t *testing.T) {
	s := newStage(t)
	older, olderText := pair(1)
	newer, newerText := pair(2)
	s.write("k", "")
	s.commit("first")
	s.write("k", olderText)
	s.git("stash")
	first := s.git("rev-parse", "stash")
	s.write("k", newerText)
	s.git("stash")
	second := s.git("rev-parse", "stash")
	got := s.found("")
	s.wants(got, older, s.place("k", 1, first, first, true))
	s.wants(got, newer, s.place("k", 1, second, second, true))
}

// TestAMergeThatTakesItOut: the last commit that has a key is the parent that had it.
func TestAMergeThatTakesItOut(t *testing.T) {
	s := newStage(t)
	id, text := pair(1)
	s.write("k", "")
	s.commit("first")
	s.git("checkout", "-q", "-b", "side")
	s.write("k", text)
	side := s.commit("in")
	s.git("checkout", "-q", "main")
	s.write("k", "nothing\n")
	s.commit("meanwhile")
	s.git("merge", "-q", "--no-commit", "-s", "ours", "side")
	s.write("k", "neither\n")
	s.commit("out")
	s.git("branch", "-D", "side")
	got := s.found("")
	s.wants(got, id, s.place("k", 1, side, side, false))
}

// TestSettingsOfAPerson that change what git prints change nothing of what is found.
func TestSettingsOfAPerson(t *testing.T) {
	s := newStage(t)
	id, text := pair(1)
	s.write("k", text)
	c1 := s.commit("in")
	fresh, freshText := pair(2)
	s.write("fresh", freshText)
	s.git("add", "fresh")
	s.write("sub/x", "")
	s.git("config", "diff.relative", "true")
	s.git("config", "color.ui", "always")
	r, err := Open(t.Context(), filepath.Join(s.dir, "sub"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.Staged(t.Context())
	if err != nil || len(all) != 1 || all[0].Path != "fresh" || all[0].AccessKeyID != fresh {
		t.Errorf("staged: %+v, %v", all, err)
	}
	got := s.found("")
	s.wants(got, id, s.place("k", 1, c1, c1, true))
}

// TestWhatAHookIsTold steers the one repository that it is told of, and no other.
func TestWhatAHookIsTold(t *testing.T) {
	s := newStage(t)
	id, text := pair(1)
	s.write("a", "")
	s.commit("first")
	s.write("a", text)
	index := filepath.Join(t.TempDir(), "index")
	t.Setenv("GIT_INDEX_FILE", index)
	s.git("read-tree", "HEAD")
	s.git("add", "a")
	t.Chdir(s.dir)
	r, err := OpenHere(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all, err := r.Staged(t.Context()); err != nil || len(all) != 1 || all[0].AccessKeyID != id {
		t.Errorf("what is about to be committed: %+v, %v", all, err)
	}
	if all, err := s.open().Staged(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("what git add would have told: %+v, %v", all, err)
	}
	t.Setenv("GIT_DIR", filepath.Join(s.dir, ".git"))
	t.Setenv("GIT_WORK_TREE", s.dir)
	t.Chdir(t.TempDir())
	if r, err = OpenHere(t.Context()); err != nil || r.Top != s.dir {
		t.Errorf("%+v, %v", r, err)
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(os.TempDir()))
	if r, err = Open(t.Context(), "."); !errors.Is(err, ErrNone) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestWhatWorktreesShare: their objects, which are read once.
func TestWhatWorktreesShare(t *testing.T) {
	s := newStage(t)
	s.write("sub/x", "")
	s.commit("first")
	linked := filepath.Join(t.TempDir(), "linked")
	s.git("worktree", "add", "-q", linked)
	for _, path := range []string{s.dir, filepath.Join(s.dir, "sub"), linked} {
		if r, err := Open(t.Context(), path); err != nil || r.Common != s.open().Common || filepath.Base(r.Common) != ".git" {
			t.Errorf("%s: %+v, %v", path, r, err)
		}
	}
}

// TestSomebodyElses is not read, and one is told what git has to be told.
func TestSomebodyElses(t *testing.T) {
	s := newStage(t)
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "true")
	if _, err := Open(t.Context(), s.dir); err == nil || !strings.HasSuffix(err.Error(), "you have typed git config --global --add safe.directory "+s.dir) {
		t.Error(err)
	}
}

func TestStaged(t *testing.T) {
	s := newStage(t)
	old, oldText := pair(1)
	fresh, freshText := pair(2)
	_, unstagedText := pair(3)
	staged := func() string {
		t.Helper()
		all, err := s.open().Staged(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, k := range all {
			words = append(words, fmt.Sprintf("%s:%d:%s", k.Path, k.Line, k.AccessKeyID))
		}
		return strings.Join(words, " ")
	}
	s.write("a", oldText)
	s.git("add", "a")
	if got := staged(); got != "a:1:"+old { // before the first commit
		t.Error(got)
	}
	s.commit("a")
	s.write("a", "more\n"+oldText)
	s.git("add", "a")
	if got := staged(); got != "" {
		t.Errorf("what HEAD has already: %s", got)
	}
	s.write("a", oldText+freshText)
	s.git("add", "a")
	s.write("b", unstagedText)
	if got := staged(); got != "a:3:"+fresh {
		t.Error(got)
	}
}

// TestNothingOfTheRepositoryIsRun: what a stranger's repository names as a program
// stays a name.
func TestNothingOfTheRepositoryIsRun(t *testing.T) {
	s := newStage(t)
	_, text := pair(1)
	s.write("k.x", text)
	s.write(".gitattributes", "*.x diff=evil filter=evil\n")
	s.commit("first")
	s.write("k.x", text+"more")
	s.commit("second")
	s.write("k.x", text+"staged")
	s.git("add", "k.x")
	ran := filepath.Join(t.TempDir(), "ran")
	evil := "sh -c 'echo $0 >>" + ran + "; cat'"
	for _, c := range []string{"core.fsmonitor", "core.pager", "pager.log", "diff.evil.textconv", "diff.evil.command", "diff.external", "filter.evil.clean", "filter.evil.smudge",
		"gpg.program", "core.sshCommand", "core.editor", "credential.helper", "uploadpack.packObjectsHook"} {
		s.git("config", c, evil)
	}
	s.git("config", "log.showSignature", "true")
	for _, h := range []string{"post-index-change", "reference-transaction", "pre-commit", "fsmonitor-watchman"} {
		if err := os.WriteFile(filepath.Join(s.dir, ".git/hooks", h), []byte("#!/bin/sh\necho hook >>"+ran+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.found(""); len(got) != 1 {
		t.Error(got)
	}
	r := s.open()
	if _, err := r.Staged(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Files(t.Context(), s.dir, func(string) {}); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(ran); err == nil {
		t.Errorf("it ran: %s", b)
	}
}

// TestItEnds with its context, in the middle of many objects, and leaves no child.
func TestItEnds(t *testing.T) {
	s := newStage(t)
	var text bytes.Buffer
	for i := range 3000 {
		_, p := pair(uint64(i))
		text.WriteString(p)
	}
	for i := range 40 {
		s.write(fmt.Sprint("f", i), text.String()+fmt.Sprint(i))
	}
	s.commit("many")
	before := runtime.NumGoroutine()
	ctx, stop := context.WithCancel(t.Context())
	var n atomic.Int64
	err := s.open().Objects(ctx, 2, func(int64) {}, func(string, scan.Found) {
		if n.Add(1) == 100 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for runtime.NumGoroutine() > before { // each has an owner that waits for it
		runtime.Gosched()
	}
}

// FuzzAnswers: whatever git answers, or a damaged repository makes it answer.
func FuzzAnswers(f *testing.F) {
	object := strings.Repeat("a1", 20)
	id, text := pair(1)
	f.Add([]byte(object + " blob 5\nhello\n" + object + " missing\n"))
	f.Add([]byte(object + " blob " + fmt.Sprint(len(text)) + "\n" + text + "\n"))
	f.Add([]byte(object + " commit 30\ntree x\n\n" + id + "\n"))
	f.Add([]byte("\x01" + object + " " + object + "\x001700000000\x00\n:000000 100644 " + object + " " + object + " A\x00path\x00"))
	f.Add([]byte("\x01" + object + " \x00-1\x00\x00::100644 100644 100644 " + object + " " + object + " " + object + " MM\x00path\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = contents(bytes.NewReader(data), func(n int64) {
			if n < 0 || n > int64(len(data)) {
				t.Errorf("an object of %d bytes out of %d", n, len(data))
			}
		}, func(o string, f scan.Found) {
			if !isObject(o) || f.Line < 1 {
				t.Errorf("%q, line %d", o, f.Line)
			}
			f.Secret.Wipe()
		})
		l := &log{wanted: map[string]bool{object: true}, places: map[[2]string]*Place{}}
		_ = l.read(bytes.NewReader(data))
		for _, p := range l.order {
			if p.Commit != "" && !isObject(p.Commit) {
				t.Errorf("%+v", p)
			}
		}
		batches := make(chan string, 1024)
		if split(t.Context(), io.LimitReader(bytes.NewReader(data), 10000), batches) == nil && len(batches) > 0 && !isObject(strings.SplitN(<-batches, "\n", 2)[0]) {
			t.Error("what is no object is asked for")
		}
	})
}
