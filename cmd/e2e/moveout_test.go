//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// slowProof is a rotation whose new access key is proved for longer than a test
// lasts.
var slowProof = strings.Replace(swift, `prove = "700ms"`, `prove = "60s"`, 1)

// pointedHome has two AWS profiles that ask for the key work.
func pointedHome(s *stage) {
	line := "credential_process = " + s.h.bin + "/awskey-helper work\n"
	s.h.write(".aws/config", "[default]\nregion = us-east-1\n"+line+"\n[profile work]\n"+line)
	s.h.write(".aws/credentials", "# mine\n[other]\nregion = us-east-1\n")
}

// provingHome is pointedHome with a rotation that has come as far as its proof.
func provingHome(s *stage) {
	pointedHome(s)
	s.reach("proving")
}

// reach begins a rotation and waits for one of its phases.
func (s *stage) reach(phase string) {
	s.t.Helper()
	s.h.do("rotate", "work")
	eventually(s.t, runLimit, func() string {
		if k, err := s.h.key("work"); err != nil || k.Phase != phase {
			return s.says()
		}
		return ""
	})
}

// awsFiles are the home's.
func (s *stage) awsFiles() awsfiles.Files {
	return awsfiles.Files{Config: s.h.path(".aws/config"), Credentials: s.h.path(".aws/credentials")}
}

// movesOut runs awskey eject until the key has left. Wherever it was cut off, a
// program finds the key in one place or in the other.
func movesOut(s *stage) string {
	_, err := s.h.key("work")
	if e, is := errors.AsType[*api.Error](err); is && e.Exit == exitUnknown {
		return s.movedOut(s.old)
	}
	if !s.d.over() && !s.served() && s.movedOut(s.old) != "" {
		return "the key is in neither place"
	}
	r := s.h.awskey("eject", "--yes")
	if r.exit == -1 {
		s.cut = true
	}
	return r.stderr + " " + s.says()
}

// movedOut says what is not as it should be at the end: the access key stands in
// both AWS profiles, AWS takes it, and nothing else in the files has changed.
func (s *stage) movedOut(id string) string {
	f := s.awsFiles()
	secret := ""
	for _, profile := range []string{"default", "work"} {
		key, err := f.Static(profile)
		if err != nil || key.AccessKeyID != id {
			return fmt.Sprintf("%s has %q, %v", profile, key.AccessKeyID, err)
		}
		secret = key.Secret.Reveal()
		if status, err := send(context.Background(), s.aws.URL, whoAmI, lease{AccessKeyId: id, SecretAccessKey: secret}); status != http.StatusOK {
			return fmt.Sprintf("AWS answers %d to the key of %s, %v", status, profile, err)
		}
	}
	for path, want := range map[string]string{
		f.Config:      "[default]\nregion = us-east-1\n",
		f.Credentials: "# mine\n[other]\nregion = us-east-1\n\n" + pairIn("default", id, secret) + "\n" + pairIn("work", id, secret),
	} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			return fmt.Sprintf("%s became %q, %v", path, got, err)
		}
	}
	if left, err := os.ReadDir(s.h.path(".aws")); err != nil || len(withoutCopies(left)) != 2 {
		return fmt.Sprintf("in .aws there are %v, %v", left, err)
	}
	return ""
}

// tells names the places that hold the secret of work, beside the credentials
// file: files of the home, and what programs wrote.
func (s *stage) tells(id string) (found []string) {
	s.t.Helper()
	key, err := s.awsFiles().Static("work")
	if err != nil || key.AccessKeyID != id {
		s.t.Fatal(err)
	}
	looked := 0
	err = filepath.WalkDir(s.h.base, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || path == s.h.path(".aws/credentials") {
			return err
		}
		text, err := os.ReadFile(path)
		if looked++; bytes.Contains(text, []byte(key.Secret.Reveal())) {
			found = append(found, path)
		}
		return err
	})
	if err != nil || looked < 5 {
		s.t.Errorf("looked into %d files, %v", looked, err)
	}
	for _, o := range s.h.outputs {
		if strings.Contains(o.text, key.Secret.Reveal()) && !strings.HasPrefix(o.text, `{"Version":1,`) {
			found = append(found, o.program)
		}
	}
	return found
}

// From every phase that a rotation stays in: the AWS CLI signs with the key that
// was in use, every other id is named, and the daemon changes nothing in IAM any
// more, though its own timers were short.
func TestMovesOutInTheMidstOfARotation(t *testing.T) {
	t.Parallel()
	bin := binaries(t)
	for name, c := range map[string]struct {
		phase, settings string
		fresh           bool     // the key in use is the new one
		left            []string // of the ids beside it
	}{
		"proving":    {"proving", slowProof, false, nil},
		"draining":   {"draining", strings.Replace(swift, `grace = "1s"`, `grace = "60s"`, 2), true, []string{awstest.Active}},
		"monitoring": {"monitoring", strings.Replace(swift, `monitor = "300ms"`, `monitor = "60s"`, 1), true, []string{awstest.Inactive}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, bin)
			s := newStage(t, h, h.fileStore(), c.settings, "[guard]\nadopt = true\n") // which would take them in again
			s.d = h.start()
			h.mustAdd("work", s.old, s.secret)
			pointedHome(s)
			s.reach(c.phase)

			r := h.awskey("eject", "--yes", "--json")
			var out struct {
				Ejected []struct {
					Key, File   string
					AccessKeyID string   `json:"access_key_id"`
					Profiles    []string `json:"aws_profiles"`
					Left        []string `json:"left_in_iam"`
				}
			}
			if err := json.Unmarshal([]byte(r.stdout), &out); err != nil || r.exit != exitDone || len(out.Ejected) != 1 {
				t.Fatalf("exit %d, %v: %q %q", r.exit, err, r.stdout, r.stderr)
			}
			one := out.Ejected[0]
			if fresh := one.AccessKeyID != s.old; fresh != c.fresh || one.Key != "work" || one.File != h.path(".aws/credentials") || !slices.Equal(one.Profiles, []string{"default", "work"}) {
				t.Errorf("told: %+v", one)
			}
			if missing := s.movedOut(one.AccessKeyID); missing != "" {
				t.Error(missing)
			}
			if k := h.run("", awsCLI(t), "--endpoint-url", s.aws.URL, "--region", "us-east-1", "--profile", "work", "sts", "get-caller-identity"); k.exit != exitDone || !strings.Contains(k.stdout, "user/alice") {
				t.Errorf("the AWS CLI: exit %d, %q %q", k.exit, k.stdout, k.stderr)
			}
			stands := s.aws.Keys("alice")
			if len(stands) != 1+len(c.left) || len(one.Left) != len(c.left) {
				t.Errorf("IAM has %v, and %v are said to be left", stands, one.Left)
			}
			for _, k := range stands {
				if at := slices.Index(one.Left, k.ID); at >= 0 && k.Status != c.left[at] {
					t.Errorf("%s is left as %s", k.ID, k.Status)
				} else if at < 0 && (k.ID != one.AccessKeyID || k.Status != awstest.Active) {
					t.Errorf("IAM has %v besides", k)
				}
			}
			if found := s.tells(one.AccessKeyID); len(found) > 0 {
				t.Errorf("the secret stands in %q as well", found)
			}
			calls := len(s.aws.Calls())
			time.Sleep(2 * time.Second) // an absence has to be waited for
			for _, call := range s.aws.Calls()[calls:] {
				if call.ByDaemon() {
					t.Errorf("the daemon asks AWS for %s without a key", call.Action)
				}
			}
			if missing := s.movedOut(one.AccessKeyID); missing != "" {
				t.Errorf("a moment later: %s", missing)
			}
			if r := h.helper("work"); r.exit != exitUnknown {
				t.Errorf("the helper: exit %d, %q", r.exit, r.stderr)
			}
			if r := h.awskey("eject"); r.exit != exitDone || !strings.Contains(r.stdout, "nothing is to be moved out") {
				t.Errorf("once more: exit %d, %q %q", r.exit, r.stdout, r.stderr)
			}
			s.check(false)
			s.d.stop()
		})
	}
}
