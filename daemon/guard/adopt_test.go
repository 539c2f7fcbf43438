package guard

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/store/secret"
)

func (k *keeper) held() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.added
}

// A try that fails is made again, ever more rarely: AWS is not asked all day.
func TestTriesArePutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{err: errors.New("no network")}
		g := New(Options{Daemon: k, Helper: "/bin/awskey-helper"})
		seen := []sight{{found: awsfiles.Finding{Profile: "work", Static: awsfiles.Static{AccessKeyID: id, Secret: secret.New(canary)}}}}
		var at []time.Duration
		for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(10 * time.Second) {
			before := k.held()
			if g.adopt(t.Context(), seen); k.held() > before {
				at = append(at, time.Since(began).Round(time.Minute))
			}
		}
		want := []time.Duration{0, 1, 3, 7, 15, 30, 45} // minutes
		if len(at) != len(want) {
			t.Fatalf("tried at %v", at)
		}
		for i := range want {
			if at[i] != want[i]*time.Minute {
				t.Errorf("tried at %v", at)
			}
		}
	})
}

// A secret that was mended is tried at once, however often the wrong one was.
func TestAMendedSecretIsTriedAtOnce(t *testing.T) {
	const wrong = "wRoNg+0123456789/abcdefghijklmnopqrstuvw"
	p := newPost(t, func(p *post) {
		p.settings.Adopt = true
		p.keeper.wants = canary
		p.write(".aws/credentials", strings.ReplaceAll(pair("work", id), canary, wrong))
	})
	p.event("plaintext-key")
	if w := p.guard.Warnings()[0].Text; !strings.Contains(w, "AWS knows another secret") || strings.Contains(w, wrong) {
		t.Errorf("%q", w)
	}
	p.over(".aws/credentials", pair("work", id))
	p.event("adopted")
	p.await("")
}

// A key is not taken in under the name of a profile that hands another one out.
func TestANameThatIsTaken(t *testing.T) {
	f := awsfiles.Finding{Profile: "work", Static: awsfiles.Static{AccessKeyID: id}}
	other := api.Key{Name: "boss", AccessKeyID: "AKIAZZZZZZZZZZZZZZZZ"}
	for _, c := range []struct {
		held Held
		want string
	}{
		{Held{}, "work"},
		{Held{Keys: []api.Key{other}}, "work"},
		{Held{Keys: []api.Key{{Name: "boss", AccessKeyID: id}}}, "boss"},
		{Held{Keys: []api.Key{{Name: "boss", AccessKeyID: "AKIAZZZZZZZZZZZZZZZZ", Previous: &api.Previous{AccessKeyID: id}}}}, "boss"},
		{Held{Keys: []api.Key{{Name: "Work", AccessKeyID: "AKIAZZZZZZZZZZZZZZZZ"}}}, ""},
		{Held{Keys: []api.Key{other}, Profiles: []api.Profile{{Name: "work", Key: "boss"}}}, ""},
		{Held{Profiles: []api.Profile{{Name: "work", Key: "work"}}}, "work"}, // written before its key is there
	} {
		if got := nameFor(f, c.held); got != c.want {
			t.Errorf("%+v: %q, want %q", c.held, got, c.want)
		}
	}
}
