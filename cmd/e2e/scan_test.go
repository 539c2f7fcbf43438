//go:build linux

package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// TestAKeyInARepository is found there, taken in from where it stands, and rotated;
// then the copy that git keeps for ever is dead, and scan says so. No secret is
// shown on the way.
func TestAKeyInARepository(t *testing.T) {
	h := newHome(t, binaries(t))
	h.onFailure(t)
	s := newAWSWithAlice(t)
	other, otherSecret := s.IssueKey("alice")
	s.CreateUser("bob", "", awstest.Policy{})
	bobs, bobsSecret := s.IssueKey("bob")
	h.configure(h.fileStore(), awsSettings(s.Server), `[rotation]
every = "75d"
ttl = "2s"
prove = "1s"
settle = "1s"
grace = "3s"
imported_grace = "3s"
monitor = "2s"
`)
	h.start()
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-C", h.path("repo"), "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	h.write("repo/deploy.env", "AWS_ACCESS_KEY_ID="+s.id+"\nAWS_SECRET_ACCESS_KEY="+s.secret+"\n")
	h.write("repo/bob.env", "AWS_ACCESS_KEY_ID="+bobs+"\nAWS_SECRET_ACCESS_KEY="+bobsSecret+"\n")
	h.write("repo/second.txt", other+"\n")
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "first")

	type finding struct {
		Path, Key, State, User, Remedy string
		AccessKeyID                    string `json:"access_key_id"`
		Ours                           bool
	}
	scan := func(flags ...string) map[string]finding {
		t.Helper()
		r := h.awskey(append([]string{"scan", h.path("repo"), "--json"}, flags...)...)
		var found struct{ Findings []finding }
		if err := json.Unmarshal([]byte(r.stdout), &found); err != nil || r.exit != exitFailed {
			t.Fatalf("exit %d, %v: %s%s", r.exit, err, r.stdout, r.stderr)
		}
		for _, secret := range []string{s.secret, otherSecret, bobsSecret} {
			if strings.Contains(r.stdout+r.stderr, secret) {
				t.Error("a secret is shown")
			}
		}
		all := map[string]finding{}
		for _, f := range found.Findings {
			all[f.AccessKeyID] = f
		}
		return all
	}
	if f := scan()[s.id]; f.Ours || f.State != "unknown" || f.Remedy != "awskey add NAME --from "+h.path("repo/deploy.env")+":1" {
		t.Errorf("before it is taken in: %+v", f)
	}
	s.DeleteKey(other) // its place is needed
	if r := h.awskey("add", "ci", "--from", h.path("repo/deploy.env")+":1"); r.exit != exitDone {
		t.Fatal(r.stdout, r.stderr)
	}
	if f := scan()[s.id]; !f.Ours || f.Key != "ci" || f.State == "unknown" {
		t.Errorf("after it: %+v", f)
	}
	dead := ""
	if left := within(time.Minute, func() string {
		if dead = scan()[s.id].State; dead != "deleted" {
			return dead
		}
		return ""
	}); left != "" {
		t.Errorf("its rotation is over, and it is %s", left)
	}
	asked := scan("--check")
	if f := asked[bobs]; f.State != "unknown" || f.User != "" {
		t.Errorf("alice may not look at bob's: %+v", f)
	}
	if f := scan("--check", "--sign")[bobs]; f.State != "active" || f.User != "bob" {
		t.Errorf("bob's key, signing: %+v", f)
	}
	third, _ := s.IssueKey("alice")
	h.write("repo/third.txt", third+"\n")
	if f := scan("--check")[third]; f.State != "active" || f.User != "alice" {
		t.Errorf("alice's other key: %+v", f)
	}
}
