package daemon

import (
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

func TestWhatKeepsADaemonHere(t *testing.T) {
	now := time.Now()
	soon, later := now.Add(time.Hour), now.Add(72*time.Hour)
	rests := api.Key{Phase: "steady", DueAt: &later}
	if !restsUntil(rests, now.Add(backWithin)) {
		t.Error("a key that is due in three days keeps it")
	}
	for name, change := range map[string]func(*api.Key){
		"due soon":          func(k *api.Key) { k.DueAt = &soon },
		"never due":         func(k *api.Key) { k.DueAt = nil },
		"a rotation":        func(k *api.Key) { k.Phase = "draining" },
		"a hold":            func(k *api.Key) { k.Hold = &api.Hold{} },
		"a next version":    func(k *api.Key) { k.Next = &api.Next{} },
		"an old version":    func(k *api.Key) { k.Previous = &api.Previous{} },
		"held in all words": func(k *api.Key) { k.Phase = "held" },
	} {
		k := rests
		change(&k)
		if restsUntil(k, now.Add(backWithin)) {
			t.Errorf("%s does not keep it", name)
		}
	}
	paused := api.Key{Phase: "steady", Paused: true}
	if !restsUntil(paused, now.Add(backWithin)) {
		t.Error("a paused key keeps it")
	}
}
