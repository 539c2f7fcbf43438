//go:build linux

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
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

// served tells whether the helper answers for alice.
func (s *stage) served() bool { return s.h.helper("work").exit == exitDone }

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
	if err != nil || len(left) != 2 {
		return fmt.Sprintf("in .aws there are %v, %v", left, err)
	}
	status := s.h.do("list", "--json").stdout
	if strings.Count(status, `"name"`) != 1 {
		return "there is more than one key: " + status
	}
	return ""
}
