package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	id     = "AKIAQ3EGRRATPM2ZC5TB"
	outID  = "AKIAQ3EGRRATPM2ZGONE" // was moved out
	canary = "cAnArY+0123456789/abcdefghijklmnopqrstuv"
)

func pair(profile, id string) string {
	return "[" + profile + "]\naws_access_key_id = " + id + "\naws_secret_access_key = " + canary + "\n"
}

// keeper is a daemon in memory that proves every key, unless err says why not.
type keeper struct {
	mu     sync.Mutex
	status api.Status
	err    error
	added  int
	other  string // is handed out in place of what was added
	closed bool   // the store is
	wants  string // the secret that AWS takes; "" for any
}

func (k *keeper) Held() (Held, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Held{slices.Clone(k.status.Keys), slices.Clone(k.status.Profiles)}, !k.closed
}

func (k *keeper) Add(_ context.Context, name string, r api.AddRequest) (api.AddResult, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.added++; k.err != nil {
		return api.AddResult{}, k.err
	}
	if k.wants != "" && k.wants != r.SecretAccessKey {
		return api.AddResult{}, errors.New("AWS knows another secret")
	}
	key := api.Key{Name: name, AccessKeyID: r.AccessKeyID, Phase: "steady"}
	k.status.Keys = append(k.status.Keys, key)
	k.status.Profiles = append(k.status.Profiles, api.Profile{Name: name, Key: name, Serve: "key"})
	return api.AddResult{Key: key}, nil
}

func (k *keeper) Credentials(profile string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	answer := map[string]string{"AccessKeyId": k.status.Keys[0].AccessKeyID, "SecretAccessKey": canary}
	if k.other != "" {
		answer["AccessKeyId"] = k.other
	}
	return json.Marshal(answer)
}

// post is a guard at work in a home of its own.
type post struct {
	t        *testing.T
	home     string
	guard    *Guard
	keeper   *keeper
	events   chan api.Event
	notes    chan string
	mu       sync.Mutex
	settings Settings
}

func newPost(t *testing.T, lay func(p *post)) *post {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &post{t: t, home: home, keeper: &keeper{}, events: make(chan api.Event, 100), notes: make(chan string, 100)}
	p.write("bin/awskey-helper", "")
	if lay != nil {
		lay(p)
	}
	p.guard = New(Options{
		Files: awsfiles.Locate(func(string) string { return "" }, home), Downloads: p.at("Downloads"), Helper: p.at("bin/awskey-helper"), Daemon: p.keeper,
		Settings: func() Settings {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.settings
		},
		GivenOut: func(one string) bool { return one == outID },
		Tell:     func(e api.Event) { p.events <- e },
		Notify:   func(_ context.Context, title, text string) { p.notes <- title + ": " + text },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.guard.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return p
}

func (p *post) at(name string) string { return filepath.Join(p.home, name) }

func (p *post) write(name, text string) {
	p.t.Helper()
	path := p.at(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// over replaces a file as vim and most tools do.
func (p *post) over(name, text string) {
	p.t.Helper()
	p.write(name+"~new", text)
	if err := os.Rename(p.at(name+"~new"), p.at(name)); err != nil {
		p.t.Fatal(err)
	}
}

// codes are the warnings, in order.
func (p *post) codes() string {
	var list []string
	for _, w := range p.guard.Warnings() {
		list = append(list, w.Code)
	}
	return strings.Join(list, " ")
}

// await waits until the warnings are as they should be, well before the minute's
// rereading, and returns how long it took.
func (p *post) await(codes string) time.Duration {
	p.t.Helper()
	began := time.Now()
	for p.codes() != codes {
		if time.Since(began) > 20*time.Second {
			p.t.Fatalf("the warnings are %q, not %q: %+v", p.codes(), codes, p.guard.Warnings())
		}
		time.Sleep(2 * time.Millisecond) // a poll; what is waited for is the change
	}
	return time.Since(began)
}

func (p *post) event(code string) api.Event {
	p.t.Helper()
	select {
	case e := <-p.events:
		if e.Event != code {
			p.t.Fatalf("the event is %+v, not %s", e, code)
		}
		return e
	case <-time.After(20 * time.Second):
		p.t.Fatalf("no event %s", code)
	}
	panic("unreachable")
}

// However a plaintext key comes to stand in the file, it is warned of at once, once,
// and no more when it is gone.
func TestAPlaintextKeyIsWarnedOf(t *testing.T) {
	ways := map[string]func(p *post){
		"written":      func(p *post) { p.write(".aws/credentials", pair("work", id)) },
		"renamed over": func(p *post) { p.over(".aws/credentials", pair("work", id)) },
		"aws configure": func(p *post) {
			for name, value := range map[string]string{"aws_access_key_id": id, "aws_secret_access_key": canary} {
				cmd := exec.Command("aws", "configure", "set", name, value, "--profile", "work")
				cmd.Env = append(os.Environ(), "HOME="+p.home, "AWS_CONFIG_FILE="+p.at(".aws/config"), "AWS_SHARED_CREDENTIALS_FILE="+p.at(".aws/credentials"))
				if out, err := cmd.CombinedOutput(); err != nil {
					p.t.Fatalf("%v: %s", err, out)
				}
			}
		},
		"at a link's end": func(p *post) { p.over("dotfiles/aws", pair("work", id)) },
	}
	for name, write := range ways {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			p := newPost(t, func(p *post) {
				p.write(".aws/config", "[profile x]\ncredential_process = /none/awskey-helper x\n")
				if name == "at a link's end" {
					p.write("dotfiles/aws", "")
					if err := os.Symlink("../dotfiles/aws", p.at(".aws/credentials")); err != nil {
						t.Fatal(err)
					}
				}
			})
			p.await("helper-missing") // so that it has begun
			p.event("helper-missing")
			write(p)
			took := p.await("plaintext-key helper-missing")
			t.Logf("warned of %d ms after the write, which is under a second: %v", took.Milliseconds(), took < time.Second)
			w := p.guard.Warnings()[0]
			if w.Text != p.at(".aws/credentials")+":2: access key AKIA…C5TB of the AWS profile work stands here in plaintext" || w.Remedy != "awskey init --profile work" {
				t.Errorf("%+v", w)
			}
			if e := p.event("plaintext-key"); e.AccessKeyID != id || strings.Contains(e.Text, canary) {
				t.Errorf("%+v", e)
			}
			if note := <-p.notes; strings.Contains(note, canary) || !strings.Contains(note, "awskey init --profile work") {
				t.Errorf("the notification says %q", note)
			}
			p.over(".aws/credentials", "# moved down\n"+pair("work", id)) // the same key: not told again
			p.over(".aws/credentials", "")
			p.await("helper-missing")
			p.over(".aws/credentials", pair("work", id))
			p.await("plaintext-key helper-missing")
			p.event("plaintext-key") // it had gone, and is told again
			if len(p.events) > 0 {
				t.Errorf("one event too many: %+v", <-p.events)
			}
		})
	}
}

func TestWhatElseIsWarnedOf(t *testing.T) {
	p := newPost(t, nil)
	p.keeper.mu.Lock()
	p.keeper.status.Profiles = []api.Profile{{Name: "work", Key: "work", Serve: "key"}}
	p.keeper.mu.Unlock()
	line := func(path, profile string) string {
		return "[profile " + profile + "]\ncredential_process = " + path + " " + profile + "\n"
	}
	p.write("old/awskey-helper", "")
	for _, c := range []struct{ config, credentials, codes string }{
		{line(p.at("bin/awskey-helper"), "work"), "", ""},
		{line(p.at("bin/awskey-helper"), "work"), pair("work", id), "shadowed"},
		{line(p.at("bin/awskey-helper"), "gone"), "", "no-such-profile"},
		{line(p.at("none/awskey-helper"), "work"), "", "helper-missing"},
		{line(p.at("old/awskey-helper"), "work"), "", "helper-moved"},
		{"[profile a]\n[profile x] y\n", "", "aws-file-unreadable"},
		{line(p.at("bin/awskey-helper"), "work"), pair("work", id) + "aws_session_token = " + canary + "\n", "shadowed"},
		{line(p.at("bin/awskey-helper"), "work"), "[work]\naws_access_key_id = " + id + "\n", "shadowed"},
		{line(p.at("bin/awskey-helper"), "work") + pair("work", id), "", ""}, // no program looks there
		{"[profile a]\ncredential_process = other a\n", "[half]\naws_access_key_id = " + id + "\n", ""},
	} {
		p.over(".aws/config", c.config)
		p.over(".aws/credentials", c.credentials)
		p.await(c.codes)
		for _, w := range p.guard.Warnings() {
			if w.Remedy == "" || strings.Contains(fmt.Sprint(w), canary) {
				t.Errorf("%+v", w)
			}
		}
	}
	if len(p.notes) != 1 { // of the one that was pasted
		t.Errorf("%d notifications", len(p.notes))
	}
}

func TestDownloads(t *testing.T) {
	p := newPost(t, nil)
	const csv = "Access key ID,Secret access key\r\n" + id + "," + canary + "\r\n"
	p.write("Downloads/alice_accessKeys.csv", csv)
	p.mu.Lock()
	p.settings.Downloads = true
	p.mu.Unlock()
	p.guard.Look()
	p.await("downloaded-key")
	if err := os.Remove(p.at("Downloads/alice_accessKeys.csv")); err != nil {
		t.Fatal(err)
	}
	p.await("")
	p.write("Downloads/bob_accessKeys.csv", csv)
	p.await("downloaded-key")
}

// With adopt a pasted key is taken in without a word from anybody.
func TestAdopt(t *testing.T) {
	p := newPost(t, func(p *post) {
		p.settings.Adopt = true
		p.write(".aws/credentials", "# mine\n"+pair("work", id)+"region = x\n")
	})
	if e := p.event("adopted"); e.Key != "work" || e.AccessKeyID != id {
		t.Errorf("%+v", e)
	}
	p.await("")
	for name, want := range map[string]string{".aws/credentials": "# mine\n[work]\nregion = x\n", ".aws/config": "[profile work]\ncredential_process = " + p.at("bin/awskey-helper") + " work\n"} {
		if got, err := os.ReadFile(p.at(name)); err != nil || string(got) != want {
			t.Errorf("%s became %q, %v", name, got, err)
		}
	}
	if len(p.notes) > 0 {
		t.Errorf("a person is told %q", <-p.notes)
	}
}

// What cannot be taken in stays, with the reason, and is not tried all the time.
func TestAdoptFails(t *testing.T) {
	for name, c := range map[string]struct {
		lay  func(p *post)
		text string
	}{
		"AWS refuses":       {func(p *post) { p.keeper.err = errors.New("AWS refuses it") }, "AWS refuses it"},
		"another is served": {func(p *post) { p.keeper.other = "AKIAZZZZZZZZZZZZZZZZ" }, "another access key is handed out"},
		"no name": {func(p *post) {
			p.keeper.status.Keys = []api.Key{{Name: "Work", AccessKeyID: "AKIAZZZZZZZZZZZZZZZZ"}}
		}, "cannot be the name of a key, or another one has it; type: awskey init --profile work"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			p := newPost(t, func(p *post) {
				p.settings.Adopt = true
				c.lay(p)
				p.write(".aws/credentials", pair("work", id))
			})
			p.event("plaintext-key")
			if text := p.guard.Warnings()[0].Text; !strings.Contains(text, "; taking it in failed: ") || !strings.Contains(text, c.text) {
				t.Errorf("%q", text)
			}
			for n := range 3 {
				p.over(".aws/config", strings.Repeat("# again\n", n+1))
				p.over(".aws/credentials", pair("work", id)+strings.Repeat("#\n", n))
			}
			p.over(".aws/credentials", pair("work", id)+pair("other", "AKIAYYYYYYYYYYYYYYYY"))
			p.event("plaintext-key") // so it has looked again
			if got, err := os.ReadFile(p.at(".aws/credentials")); err != nil || strings.Count(string(got), canary) != 2 {
				t.Errorf("the plaintext became %q", got)
			}
			p.keeper.mu.Lock()
			defer p.keeper.mu.Unlock()
			if p.keeper.added > 2 { // one for each key
				t.Errorf("it was tried %d times", p.keeper.added)
			}
		})
	}
}

// A key that a person has moved out is nobody's business, whatever the settings.
func TestWhatWasMovedOutIsLeftAlone(t *testing.T) {
	text := pair("gone", outID)
	p := newPost(t, func(p *post) {
		p.settings.Adopt = true
		p.write(".aws/credentials", text)
	})
	p.over(".aws/credentials", text+pair("work", id))
	if e := p.event("adopted"); e.AccessKeyID != id {
		t.Errorf("adopted: %+v", e)
	}
	p.await("")
	got, err := os.ReadFile(p.at(".aws/credentials"))
	if err != nil || string(got) != text+"[work]\n" {
		t.Errorf("the file became %q, %v", got, err)
	}
	p.keeper.mu.Lock()
	defer p.keeper.mu.Unlock()
	if p.keeper.added != 1 {
		t.Errorf("%d keys were taken in", p.keeper.added)
	}
}
