package repository

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
	"time"

	"github.com/awskeyd/awskeyd/daemon/scan"
)

const (
	base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)

func letters(r *rand.Rand, n int, of string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = of[r.IntN(len(of))]
	}
	return string(b)
}

// pair is an access key, and the text that holds it.
func pair(seed uint64) (id, text string) {
	r := rand.New(rand.NewPCG(seed, 1))
	id = "AKIA" + letters(r, 16, base32)
	return id, "id = " + id + "\nsecret = " + letters(r, 40, base64) + "\n"
}

// stage is a repository that a test makes with git itself.
type stage struct {
	*testing.T
	dir string
	at  time.Time
}

func newStage(t *testing.T, options ...string) *stage {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir()) // as git says it
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t, dir, time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	t.Setenv("HOME", s.dir)
	t.Setenv("XDG_CONFIG_HOME", s.dir)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	s.dir = filepath.Join(s.dir, "work")
	s.git(append([]string{"init", "-q", "-b", "main", s.dir}, options...)...)
	return s
}

func (s *stage) git(args ...string) string {
	s.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=alice", "-c", "user.email=alice@example.com", "-c", "protocol.file.allow=always"}, args...)...)
	if args[0] != "init" && args[0] != "clone" {
		cmd.Dir = s.dir
	}
	s.at = s.at.Add(time.Hour)
	date := s.at.Format(time.RFC3339)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s *stage) write(path, text string) {
	s.Helper()
	path = filepath.Join(s.dir, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
		s.Fatal(err)
	}
}

// commit commits all, and returns the commit's id.
func (s *stage) commit(message string) string {
	s.Helper()
	s.git("add", "-A")
	s.git("commit", "-q", "--allow-empty", "-m", message)
	return s.git("rev-parse", "HEAD")
}

func (s *stage) open() *Repo {
	s.Helper()
	r, err := Open(s.Context(), s.dir)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// found are the places of every id, in words.
func (s *stage) found(under string) map[string][]string {
	s.Helper()
	r := s.open()
	ids := map[string][]string{}
	objects := map[string]bool{}
	if err := r.Objects(s.Context(), 2, func(int64) {}, func(object string, f scan.Found) {
		objects[object] = true
		ids[object] = append(ids[object], fmt.Sprintf("%s:%d", f.AccessKeyID, f.Line))
		f.Secret.Wipe()
	}); err != nil {
		s.Fatal(err)
	}
	places, err := r.Places(s.Context(), objects, under)
	if err != nil {
		s.Fatal(err)
	}
	all := map[string][]string{}
	for _, p := range places {
		for _, key := range ids[p.Object] {
			id, line, _ := strings.Cut(key, ":")
			all[id] = append(all[id], fmt.Sprintf("%q:%s since %.7s of %s until %.7s %v", p.Path, line, p.Commit, p.Author.Format("15:04"), p.Last, p.Present))
		}
	}
	return all
}

func (s *stage) wants(got map[string][]string, id string, want ...string) {
	s.Helper()
	slices.Sort(got[id])
	slices.Sort(want)
	if !slices.Equal(got[id], want) {
		s.Errorf("%s stands at\n%s\nand not at\n%s", id, strings.Join(got[id], "\n"), strings.Join(want, "\n"))
	}
	delete(got, id)
}

// place is how found says one.
func (s *stage) place(path string, line int, since, until string, present bool) string {
	s.Helper()
	return fmt.Sprintf("%q:%d since %.7s of %s until %.7s %v", path, line, since, s.author(since), until, present)
}

func (s *stage) author(commit string) string {
	return s.clock(s.git("log", "-1", "--format=%at", commit))
}

func (s *stage) tagger(tag string) string {
	return s.clock(s.git("for-each-ref", "--format=%(taggerdate:unix)", "refs/tags/"+tag))
}

func (s *stage) clock(unix string) string {
	var at int64
	fmt.Sscan(unix, &at)
	return time.Unix(at, 0).UTC().Format("15:04")
}
