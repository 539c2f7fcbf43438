//go:build linux

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// A whole life of a key leaves its secrets nowhere in the clear, the keychain's
// own files included: both keychains encrypt them.
func TestNoSecretIsAnywhereElse(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"file", "keyring"} {
		t.Run(store, func(t *testing.T) {
			h := newHome(t, binaries(t))
			h.onFailure(t)
			folders, settings := []string{h.base}, h.fileStore()
			if store == "keyring" {
				folders, settings = append(folders, gnomeKeyring(t, h).Home), keyringStore
			}
			c := newCanary()
			aws := newAWS(t, awstest.Options{})
			aws.CreateUser("alice", "", awstest.Rotator())
			id, secret := aws.IssueKey("alice")
			c.watch(id, secret)
			var secrets atomic.Int64
			secrets.Store(1)
			aws.SetHook(func(_ context.Context, m awstest.Moment, call awstest.Call) {
				if m == awstest.Executed && call.Action == "CreateAccessKey" {
					c.watch(call.Target, aws.Secret(call.Target))
					secrets.Add(1)
				}
			})
			looking := watchProcesses(c)
			h.configure(settings, awsSettings(aws), swift)
			live(t, h, aws, c, id, secret)

			leaks, looks := looking()
			// Once more, with every secret there was.
			more, processes := c.inProcesses()
			said, outputs := c.inOutputs(h)
			leaks = slices.Concat(leaks, more, said)
			files := 0
			for _, folder := range folders {
				found, n := c.inFiles(folder)
				leaks, files = append(leaks, found...), files+n
			}
			for _, leak := range leaks {
				t.Error(leak)
			}
			t.Logf("%d secrets, %d files, %d outputs, %d processes and %d looks at all of them: %d leaks",
				secrets.Load(), files, outputs, processes, looks, len(leaks))
			if files < 5 || outputs < 10 || processes < 3 || secrets.Load() < 2 {
				t.Error("the search has hardly searched")
			}
			t.Run("planted", func(t *testing.T) { plantLeaks(t, h, c, secret) })
		})
	}
}

// live is a whole life: taken in, served, rotated, killed, crashed for its core
// dump, started again, looked at from every side, locked and unlocked.
func live(t *testing.T, h *home, aws *awstest.Server, c *canary, id, secret string) {
	t.Helper()
	d := h.start()
	h.mustAdd("work", id, secret, "--write")
	h.worksUnheard(aws, "work")
	h.do("rotate", "work", "--wait")
	h.awskey("doctor")
	h.awskey("doctor", "--json")
	if r := h.awskey("doctor", "--report", h.path("report"), "--yes"); r.exit != exitDone {
		t.Errorf("no report: %s", r.stderr)
	}
	h.do("init", "--dry-run")
	d.kill()
	h.dumpsNothing(t)
	d = h.start()
	h.worksUnheard(aws, "work")
	eventually(t, runLimit, func() string {
		if k, err := h.key("work"); err != nil || k.Phase != "steady" {
			return "the key is " + k.Phase
		}
		return ""
	})
	// What goes wrong is said too.
	if r := h.add("other", id, secret); r.exit == exitDone {
		t.Error("a key that is gone was taken in")
	}
	if r := h.add("wrong", aws.Keys("alice")[0].ID, secret); r.exit == exitDone {
		t.Error("a secret that does not match was taken in")
	}
	h.run(secret+"\nand more\n", filepath.Join(h.bin, "awskey"), "add", "bad", "--access-key-id", id, "--secret-stdin")
	h.run("", filepath.Join(h.bin, "awskey"), "status", "nobody")
	aws.SetScript(awstest.Rules(awstest.Rule{Action: "CreateAccessKey", Nth: 1, Fault: awstest.Garbage(200, "text/xml", "<oops>"+secret)}))
	h.do("rotate", "work")
	if _, err := aws.WaitCall(t.Context(), func(c awstest.Call) bool { return c.Fault != "" }); err != nil {
		t.Fatal(err)
	}
	aws.SetScript(nil)
	for _, args := range [][]string{
		{"status"}, {"status", "--json"}, {"status", "work"}, {"list"}, {"list", "--json"},
		{"history"}, {"history", "--json"}, {"logs"}, {"policy", "work"}, {"pause", "work"}, {"resume", "work"},
	} {
		h.do(args...)
	}
	h.forgets(t, c, d)
	h.unlock()
	h.worksUnheard(aws, "work")
}

// worksUnheard is works, but the helper's answer, the one output that must hold
// the secret, is taken out of what is searched.
func (h *home) worksUnheard(aws *awstest.Server, profile string) {
	h.t.Helper()
	h.works(aws, profile)
	h.unhear("awskey-helper")
}

// unhear takes the good answers of the helper out of what is searched.
func (h *home) unhear(program string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outputs = slices.DeleteFunc(h.outputs, func(o output) bool {
		return strings.Contains(o.program, program) && strings.HasPrefix(o.text, `{"Version":1,`)
	})
}

// watchProcesses looks at every process again and again, as those that are soon
// over would be missed. The function that it returns ends it.
func watchProcesses(c *canary) func() (leaks []string, looks int) {
	over := make(chan struct{})
	var all sync.WaitGroup
	var leaks []string
	looks := 0
	all.Go(func() {
		for {
			found, _ := c.inProcesses()
			leaks = append(leaks, found...)
			looks++
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() ([]string, int) {
		close(over)
		all.Wait()
		return leaks, looks
	}
}

// plantLeaks puts the secret where it must not be, one place at a time, and
// sees that the search finds each.
func plantLeaks(t *testing.T, h *home, c *canary, secret string) {
	document := `{"time":"now","text":"key is ` + secret + `"}`
	for name, text := range map[string]string{
		"raw":                secret,
		"amid other text":    "at 12:00 the key " + secret + " was seen",
		"base64 of a record": base64.StdEncoding.EncodeToString([]byte(document)),
		"hex":                hex.EncodeToString([]byte(secret)),
		"in a URL":           "http://127.0.0.1/?k=" + url.QueryEscape(secret),
		"sixteen bytes":      "…" + secret[11:27] + "…",
	} {
		for _, place := range []string{".local/state/awskeyd/planted", ".config/awskeyd/deep/down/planted", "planted"} {
			path := h.write(place, text)
			if leaks, _ := c.inFiles(h.base); len(leaks) != 1 || !strings.HasPrefix(leaks[0], path) {
				t.Errorf("%s in %s: found %q", name, place, leaks)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}

	// A program that prints it, that is called with it, that inherits it.
	for place, cmd := range map[string]*exec.Cmd{
		"argument":    exec.Command("/bin/sh", "-c", "read -r line", "sh", secret),
		"environment": exec.Command("/bin/sh", "-c", "read -r line"),
	} {
		if place == "environment" {
			cmd.Env = []string{"SECRET=" + secret}
		}
		stdin, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if leaks, _ := c.inProcesses(); len(leaks) != 1 {
			t.Errorf("in an %s: found %q", place, leaks)
		}
		stdin.Close()
		_ = cmd.Wait() // read has found no line
	}
	plantDump(t, h, c, secret)
	h.run("", "/bin/sh", "-c", "cat '"+h.write("planted", secret)+"'")
	if leaks, _ := c.inOutputs(h); len(leaks) != 1 || !strings.HasPrefix(leaks[0], "the output of ") {
		t.Errorf("in an output: found %q", leaks)
	}
	t.Log("planted leaks in files, a core dump, an argument list, an environment and an output were found")
}
