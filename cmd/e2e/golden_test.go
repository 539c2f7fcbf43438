//go:build linux

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/store"
)

// The folder testdata/v1 is a home as the first version left it on another
// machine: configuration, file store with its key, and what lies in the state
// folder. It is never made anew: every later awskeyd must take it up.
func TestAHomeOfTheFirstVersionIsTakenUp(t *testing.T) {
	t.Parallel()
	const first, dead = "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"
	h := newHome(t, binaries(t))
	h.onFailure(t)
	h.write(".passphrase", passphrase+"\n")
	for from, to := range map[string]string{"items": ".local/share/awskeyd/keys/items", ".": ".local/state/awskeyd"} {
		files, err := os.ReadDir(filepath.Join("testdata/v1", from))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join("testdata/v1", from, f.Name()))
			switch {
			case f.IsDir() || f.Name() == ".gitattributes":
			case err != nil:
				t.Fatal(err)
			case f.Name() == "config.toml":
				h.configure(strings.ReplaceAll(string(data), "@HOME@", h.dir))
			default:
				h.write(filepath.Join(to, f.Name()), string(data))
			}
		}
	}
	state := func(name string) string {
		data, err := os.ReadFile(h.path(".local/state/awskeyd", name))
		if err != nil {
			t.Error(err)
		}
		return string(data)
	}
	history, created, out := state("history.jsonl"), state("created"), state("given-out")

	d := h.start()
	h.opens("work")
	l, err := h.lease("work")
	if err != nil || l.AccessKeyId != first || l.AccountId != "123456789012" {
		t.Fatalf("handed out: %+v, %v", l, err)
	}
	if k, err := h.key("work"); err != nil || k.Hold == nil || k.Hold.Code != "other-machine" || k.UserARN != "arn:aws:iam::123456789012:user/eng/bob" {
		t.Errorf("%+v, %v", k, err)
	}
	if r := h.do("history"); !strings.Contains(r.stdout, "renamed from other") {
		t.Errorf("the history tells %q", r.stdout)
	}
	before := h.items("work")
	h.do("resolve", "work", "take-over") // the first write
	if l, err := h.lease("boss"); err != nil || l.AccessKeyId != first {
		t.Errorf("handed out since: %+v, %v", l, err)
	}
	d.stop()
	if now := h.items("work"); now["awskeyd.work.a"] == before["awskeyd.work.a"] || now["awskeyd.work.b"] == before["awskeyd.work.b"] {
		t.Error("the record was not written anew")
	}
	h.withItems(func(items store.Items) {
		r, err := store.New(items, store.Identity{Machine: "any", Instance: "reader"}).Load(context.Background(), "work")
		if err != nil || !r.Certain || r.Machine == "elsewhere" || !strings.HasPrefix(string(r.Payload), `{"v":1,`) {
			t.Errorf("by %s, certain %v, %.8s, %v", r.Machine, r.Certain, r.Payload, err)
		}
	})
	if now := state("history.jsonl"); !strings.HasPrefix(now, history) || now == history {
		t.Errorf("the history has become %q", now)
	}
	if state("created") != created || state("given-out") != out || !strings.Contains(out, dead) {
		t.Error("the ids in the state folder are not what they were")
	}
}

// What a newer awskeyd writes into the state folder stands in nobody's way and is
// left as it is: the files there carry no version, and need none.
func TestANewerStateFolderIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	m := newMistakes(t)
	m.daemon.stop()
	const folder = ".local/state/awskeyd/"
	past, err := os.ReadFile(m.path(folder, "history.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	later := map[string]string{
		"history.jsonl": `{"v":2,"time":"2031-01-01T00:00:00Z","key":"work","event":"teleported","text":"something new","where":{"to":"mars"}}` + "\n" + `["no event at all"]` + "\n" + string(past),
		"created":       "\nAKIAI44QH8DHBEXAMPLE 2031-01-01T00:00:00Z\n",
		"given-out":     "AKIAI44QH8DHBEXAMPLE 2031-01-01T00:00:00Z\n",
		"sessions.v2":   "what is not known yet",
	}
	for name, text := range later {
		m.write(folder+name, text)
	}
	m.daemon = m.start()
	m.opens("work")
	if id := m.works(m.aws.Server, "work"); id != m.aws.id {
		t.Errorf("served with %s", id)
	}
	m.do("pause", "work")
	m.do("resume", "work")
	if r := m.do("history"); !strings.Contains(r.stdout, "something new") || !strings.Contains(r.stdout, "was taken in") {
		t.Errorf("the history tells %q", r.stdout)
	}
	bob, secret := m.user("bob", awstest.Rotator())
	m.mustAdd("bob", bob, secret)
	m.do("rotate", "bob", "--wait") // notes an id
	m.daemon.stop()
	for name, text := range later {
		if now, err := os.ReadFile(m.path(folder, name)); err != nil || !strings.HasPrefix(string(now), text) {
			t.Errorf("%s has become %q, %v", name, now, err)
		}
	}
	// The mark of a lock that cannot be understood is a person's.
	m.write(folder+"locked", "by-a-moonbeam since 2031\n")
	m.daemon = m.start()
	if r := m.helper("work"); r.exit != exitLocked {
		t.Errorf("a mark that is not understood: exit %d, %s", r.exit, r.stderr)
	}
}
