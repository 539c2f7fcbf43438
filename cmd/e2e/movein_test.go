//go:build linux

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

// pairIn is a section with an access key in plaintext.
func pairIn(profile, id, secret string) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, id, secret)
}

// messyHome has alice's key in both AWS files, in two AWS profiles, and in a backup.
func messyHome(s *stage) {
	s.h.write(".aws/credentials", "# mine\n"+pairIn("work", s.old, s.secret)+"\n"+pairIn("default", s.old, s.secret))
	s.h.write(".aws/config", "[default]\nregion = us-east-1\n\n"+pairIn("profile work", s.old, s.secret)+"output = json\n")
	s.h.write(".aws/credentials.bak", pairIn("work", s.old, s.secret))
}

// movedIn is what becomes of it.
const (
	movedInConfig = "[default]\nregion = us-east-1\ncredential_process = BIN/awskey-helper work\n\n[profile work]\noutput = json\ncredential_process = BIN/awskey-helper work\n"
	movedInCreds  = "# mine\n[work]\n\n[default]\n"
)

// movesIn runs awskey init until a rotation has made the plaintext worthless. Before
// the store has the key, no plaintext may be gone.
func movesIn(s *stage) string {
	k, err := s.h.key("work")
	if err == nil && k.Phase != "steady" {
		return s.says()
	}
	if err == nil && k.AccessKeyID != s.old && len(s.aws.Keys("alice")) == 1 {
		return s.movedIn()
	}
	if _, err := os.Stat(s.h.path(".aws/credentials")); err != nil {
		return err.Error()
	}
	text, _ := os.ReadFile(s.h.path(".aws/credentials"))
	config, _ := os.ReadFile(s.h.path(".aws/config"))
	if !s.d.over() && strings.Count(string(text)+string(config), s.secret) < 3 && !s.served() {
		return "plaintext is gone, and the key is not served"
	}
	r := s.h.awskey("init", "--yes")
	if r.exit == -1 {
		s.cut = true
	}
	return r.stderr + " " + s.says()
}

// A user who has two access keys is taken in all the same; what holds the rotation
// is told, and it is no failure.
func TestMovingInWithASecondKey(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	s := newStage(t, h, h.fileStore(), swift)
	other, _ := s.aws.IssueKey("alice")
	messyHome(s)
	s.d = h.start()
	r := h.awskey("init", "--yes")
	if r.exit != exitDone || !strings.Contains(r.stdout, "awskey resolve work wait") || !strings.Contains(r.stdout, short(other)) {
		t.Errorf("exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
	if text := s.movedIn(); text != "" {
		t.Error(text)
	}
	if k, err := h.key("work"); err != nil || k.Hold == nil || k.Hold.Code != "second-key" || len(s.aws.Keys("alice")) != 2 {
		t.Errorf("%+v, %v", k, err)
	}
	s.d.stop()
}

// A newcomer's first command: no daemon runs, and nothing is configured but where
// keys are kept. The daemon is started as the helper would start it.
func TestMovingInStartsTheDaemon(t *testing.T) {
	h := newHome(t, binaries(t))
	h.onFailure(t)
	h.unsteered()
	t.Cleanup(h.endStarted)
	aws := newAWSWithAlice(t)
	h.configure(h.fileStore(), awsSettings(aws.Server))
	h.write(".aws/credentials", pairIn("default", aws.id, aws.secret))
	r := h.awskey("init", "--yes", "--no-rotate")
	if r.exit != exitDone || strings.Contains(r.stdout, "rotation") {
		t.Errorf("exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
	if now := h.works(aws.Server, "default"); now != aws.id {
		t.Errorf("%s is served", now)
	}
}

// served tells whether the helper answers for alice.
func (s *stage) served() bool { return s.h.helper("work").exit == exitDone }

// withoutCopies leaves out what tells what the files were like before.
func withoutCopies(entries []fs.DirEntry) []fs.DirEntry {
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), ".before-awskey") })
}

// movedIn says what is not as it should be at the end.
func (s *stage) movedIn() string {
	for name, want := range map[string]string{".aws/config": strings.ReplaceAll(movedInConfig, "BIN", s.h.bin), ".aws/credentials": movedInCreds} {
		if got, err := os.ReadFile(s.h.path(name)); err != nil || string(got) != want {
			return fmt.Sprintf("%s became %q, %v", name, got, err)
		}
	}
	left, err := os.ReadDir(s.h.path(".aws"))
	if s.cut { // the lock was let go by the kernel; its file is taken away by the next edit
		left = slices.DeleteFunc(left, func(e fs.DirEntry) bool { return e.Name() == ".awskey.lock" })
	}
	if err != nil || len(withoutCopies(left)) != 2 {
		return fmt.Sprintf("in .aws there are %v, %v", left, err)
	}
	status := s.h.do("list", "--json").stdout
	if strings.Count(status, `"name"`) != 1 {
		return "there is more than one key: " + status
	}
	return ""
}
