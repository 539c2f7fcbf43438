package keys_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/secret"
	"github.com/awskeyd/awskeyd/store/storetest"
)

const (
	arn   = "arn:aws:iam::123456789012:user/bob"
	first = "AKIAFIRST00000000000"
)

// fakeAWS is IAM as a key meets it, under a fake clock: every call is one
// instant. What the wire does to calls is the emulator's business.
type fakeAWS struct {
	mu      sync.Mutex
	keys    map[string]*row
	made    int
	settle  time.Duration // a new key is refused for so long
	refused int
	fail    func(a rotation.Action) *rotation.Outcome // nil: as it is
	block   chan struct{}                             // Create waits for it, when set
}

type row struct {
	secret  string
	active  bool
	created time.Time
}

func newAWS() *fakeAWS {
	return &fakeAWS{keys: map[string]*row{first: {"the first secret of bob", true, time.Now().Add(-24 * time.Hour)}}, settle: 10 * time.Second}
}

// sign is a client's request.
func (f *fakeAWS) sign(id, text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.keys[id]
	ok := k != nil && k.active && k.secret == text && (id == first || time.Since(k.created) > f.settle)
	if !ok {
		f.refused++
	}
	return ok
}

func (f *fakeAWS) Do(_ context.Context, user string, a rotation.Action) rotation.Outcome {
	if a.Do == rotation.Create && f.block != nil {
		<-f.block
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		if o := f.fail(a); o != nil {
			return *o
		}
	}
	o := rotation.Outcome{Result: rotation.OK, Date: time.Now().Truncate(time.Second)}
	signer := f.keys[a.Signer.ID]
	if signer == nil || !signer.active || signer.secret != a.Signer.Secret.Reveal() || a.Signer.ID != first && time.Since(signer.created) < f.settle {
		o.Result, o.Text = rotation.Refused, "InvalidClientTokenId"
		return o
	}
	switch a.Do {
	case rotation.Prove:
		o.ARN = arn
	case rotation.List:
		for id, k := range f.keys {
			o.Keys = append(o.Keys, rotation.KeyInfo{ID: id, Active: k.active, Created: k.created})
		}
	case rotation.Create:
		if len(f.keys) == 2 {
			o.Result = rotation.Full
			return o
		}
		f.made++
		id := fmt.Sprintf("AKIAMADE%012d", f.made)
		f.keys[id] = &row{"the secret of " + id, true, time.Now().Truncate(time.Second)}
		o.Version = rotation.Version{ID: id, Secret: secret.New(f.keys[id].secret), Created: f.keys[id].created}
	case rotation.Deactivate:
		f.keys[a.Target].active = false
	case rotation.Delete:
		delete(f.keys, a.Target)
	}
	return o
}

func (f *fakeAWS) ids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id := range f.keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

var defaults = rotation.Settings{
	Every: 75 * 24 * time.Hour, TTL: time.Hour, Prove: time.Minute, Settle: 20 * time.Minute,
	Grace: 24 * time.Hour, ImportedGrace: 7 * 24 * time.Hour, Monitor: 7 * 24 * time.Hour,
}

// plan is what goes wrong with the store's calls.
type plan func(op storetest.Op, item string) storetest.Fault

// rig is a set of keys with its surroundings.
type rig struct {
	t     *testing.T
	aws   *fakeAWS
	items *storetest.Faulty
	dir   string
	set   *keys.Set
	store *store.Store
	end   func()

	// What a test changes under way.
	ttl, monitor atomic.Int64
	plan         atomic.Pointer[plan]
	mu           sync.Mutex
	events       []api.Event
	told         chan api.Event
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, aws: newAWS(), items: storetest.NewFaulty(), dir: t.TempDir(), told: make(chan api.Event, 4096)}
	r.ttl.Store(int64(defaults.TTL))
	r.monitor.Store(int64(defaults.Monitor))
	r.items.Plan = func(op storetest.Op, item string) storetest.Fault {
		if p := r.plan.Load(); p != nil {
			return (*p)(op, item)
		}
		return storetest.OK
	}
	r.start()
	return r
}

// start is a new process over the same keychain and AWS.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.store = store.New(r.items, store.Identity{Machine: "machine", Instance: fmt.Sprint(time.Now().UnixNano())})
	r.set = keys.Open(ctx, keys.Options{
		Store: r.store, StateDir: r.dir,
		Settings: func(string) rotation.Settings {
			s := defaults
			s.TTL, s.Monitor = time.Duration(r.ttl.Load()), time.Duration(r.monitor.Load())
			return s
		},
		Profiles: func(names []string) []api.Profile {
			var list []api.Profile
			for _, n := range names {
				list = append(list, api.Profile{Name: n, Key: n, Serve: "key"})
			}
			return list
		},
		AWS:      func(string) (keys.AWS, error) { return r.aws, nil },
		Endpoint: func(string) string { return "" },
		History: func(e api.Event) {
			r.mu.Lock()
			r.events = append(r.events, e)
			r.mu.Unlock()
			r.told <- e
		},
		Log: slog.New(slog.DiscardHandler), LockTaken: time.Now(),
	})
	r.end = func() { cancel(); r.set.Close() }
}

func (r *rig) add() {
	if _, err := r.set.Add(context.Background(), "work", api.AddRequest{AccessKeyID: first, SecretAccessKey: "the first secret of bob"}); err != nil {
		r.t.Fatal(err)
	}
}

type lease struct {
	AccessKeyId, SecretAccessKey, AccountId string
	Version                                 int
	Expiration                              time.Time
}

func (r *rig) lease() lease {
	r.t.Helper()
	b, err := r.set.Credentials("work")
	if err != nil {
		r.t.Fatal(err)
	}
	var l lease
	if err := json.Unmarshal(b, &l); err != nil {
		r.t.Fatalf("%v in %d bytes", err, len(b))
	}
	return l
}

// await lets time pass until something is told.
func (r *rig) await(event string) api.Event {
	r.t.Helper()
	deadline := time.NewTimer(300 * 24 * time.Hour)
	defer deadline.Stop()
	for {
		select {
		case e := <-r.told:
			if e.Event == event {
				return e
			}
		case <-deadline.C:
			r.t.Fatalf("%q never came; told: %+v; key: %+v", event, r.events, r.set.List())
		}
	}
}
