//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/store/keychain"
)

// Keys go to a real keyring and back, over and over, while they rotate and while
// helpers ask for them: none is refused and none waits for it.
func TestMovesGoUnnoticed(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	gnomeKeyring(t, h)
	s := newStage(t, h, h.fileStore(), swift)
	s.d = h.start()
	h.mustAdd("work", s.old, s.secret)
	for _, user := range []string{"bob", "carol"} {
		s.aws.CreateUser(user, "", awstest.Rotator())
		id, secret := s.aws.IssueKey(user)
		h.mustAdd(user, id, secret)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	var answers atomic.Int64
	for _, profile := range []string{"work", "bob", "carol"} {
		asking.Go(func() {
			for ctx.Err() == nil {
				if r := h.helper(profile); r.exit != exitDone || r.took > 4*time.Second {
					t.Errorf("the helper for %s ended with %d after %s: %s", profile, r.exit, r.took, r.stderr)
				}
				answers.Add(1)
				rest(ctx, 20*time.Millisecond)
			}
		})
	}
	stop := s.useAllTheWhile()
	moves := 0
	for i := range 6 {
		to := []string{keychain.SecretService, keychain.File}[i%2]
		if i%3 == 0 {
			h.awskey("rotate", "work") // which may be under way still
		}
		eventually(t, runLimit, func() string {
			r := h.awskey("store", "migrate", to, "--yes", "--json")
			if r.exit == exitHeld {
				return r.stdout
			}
			if want := fmt.Sprintf("\"to\": %q,\n  \"keys\": 3", to); r.exit != exitDone || r.stderr != "" || !strings.Contains(r.stdout, want) {
				t.Errorf("the move to %s: %d %s %s", to, r.exit, r.stdout, r.stderr)
			}
			return ""
		})
		moves++
	}
	if r := h.do("store", "migrate", keychain.File); r.stdout != "the keys are already in file\n" {
		t.Errorf("to where they are: %q", r.stdout)
	}
	eventually(t, operationLimit, func() string { return rotates(s) })
	cancel()
	asking.Wait()
	stop()
	s.oneKey()
	s.check(false)
	if n := answers.Load(); n < 30 {
		t.Errorf("only %d requests", n)
	}
	t.Logf("%d moves, %d answers of the helper", moves, answers.Load())

	// The configuration comes back from a backup, or by somebody's hand.
	s.d.stop()
	path := h.path(".config/awskeyd/config.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h.configure(strings.Replace(string(text), `"file"`, `"secret-service"`, 1))
	s.d = h.start()
	if r := h.helper("work"); r.exit != exitRefused || r.stdout != "" || !strings.Contains(r.stderr, "the keys were moved to file") {
		t.Errorf("from the store that was left: %d %q %q", r.exit, r.stdout, r.stderr)
	}
	s.d.stop()
	h.configure(string(text))
	s.d = h.start()
	s.oneKey()
	s.d.stop()
	if left, _ := filepath.Glob(filepath.Join(h.path(".local/share/awskeyd/keys/items"), "awskeyd.work.*")); len(left) != 2 {
		t.Errorf("in the file store there is %q", left)
	}
}
