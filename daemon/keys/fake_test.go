package keys_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

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
	endpoint     atomic.Pointer[string] // in force
	wrong        atomic.Int64           // what the machine's wall clock is ahead of AWS's
	mu           sync.Mutex
	with         map[string]string // who rotates whom
	events       []api.Event
	told         chan api.Event
	loading      func() // before a record is read; set before a start
	clockSet     func(context.Context, chan<- struct{}) error
	meanwhile    func(api.Event) // done by the key itself, before it goes on; set before anything begins
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, aws: newAWS(), items: storetest.NewFaulty(), dir: t.TempDir(), told: make(chan api.Event, 4096), with: map[string]string{}}
	r.endpoint.Store(new(""))
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
	set := keys.Open(ctx, keys.Options{
		Store: reading{r.store, r.loading}, StateDir: r.dir,
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
		Endpoint: func(string) string { return *r.endpoint.Load() },
		With: func(key string) string {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.with[key]
		},
		History: func(e api.Event) {
			r.mu.Lock()
			r.events = append(r.events, e)
			r.mu.Unlock()
			if r.meanwhile != nil {
				r.meanwhile(e)
			}
			r.told <- e
		},
		Log: slog.New(slog.DiscardHandler), LockTaken: r.now(), Wall: r.now, ClockSet: r.clockSet,
	})
	r.end = func() { cancel(); set.Close() }
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set = set
}

// reading is a store whose records take a while to be read.
type reading struct {
	*store.Store
	first func()
}

func (s reading) Load(ctx context.Context, name string) (store.Record, error) {
	if s.first != nil {
		s.first()
	}
	return s.Store.Load(ctx, name)
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.wrong.Load())) }

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
	r.mu.Lock()
	set := r.set
	r.mu.Unlock()
	b, err := set.Credentials("work")
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

// key is how a key stands.
func (r *rig) key(name string) api.Key {
	r.t.Helper()
	k, err := r.set.Key(context.Background(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return k
}

// held expects a key to be held, and tells its choices.
func (r *rig) held(name, code string) []string {
	r.t.Helper()
	k := r.key(name)
	if k.Hold == nil || k.Hold.Code != code {
		r.t.Fatalf("%s is not held for %s: %+v, hold %+v", name, code, k, k.Hold)
	}
	return k.Hold.Choices
}

// rotate asks for a rotation and awaits what is told of it.
func (r *rig) rotate(event string) api.Event {
	r.t.Helper()
	if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
		r.t.Fatal(err)
	}
	return r.await(event)
}

// withholdCreation keeps AWS from answering CreateAccessKey until answer is called.
func (r *rig) withholdCreation() (answer func()) {
	r.aws.block = make(chan struct{})
	return func() { close(r.aws.block) }
}

func (r *rig) rollback() {
	r.t.Helper()
	if _, err := r.set.Rollback(context.Background(), "work"); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) resolve(choice string) {
	r.t.Helper()
	if _, err := r.set.Resolve(context.Background(), "work", api.ResolveRequest{Choice: choice}); err != nil {
		r.t.Fatal(err)
	}
}

// client signs with each lease of the key work until its last moment, and asks
// for another then, until it is stopped. It tells how often it signed.
func (r *rig) client() (stop func() int) {
	done, ended, signed := make(chan struct{}), make(chan struct{}), 0
	go func() {
		defer close(ended)
		held := r.lease()
		for {
			wait := min(7*time.Minute, time.Until(held.Expiration)-10*time.Millisecond)
			t := time.NewTimer(wait)
			select {
			case <-done:
				t.Stop()
				return
			case <-t.C:
			}
			if !r.aws.sign(held.AccessKeyId, held.SecretAccessKey) {
				r.t.Errorf("refused with %s, %s before its Expiration", held.AccessKeyId, time.Until(held.Expiration))
			}
			if signed++; time.Until(held.Expiration) <= 10*time.Millisecond {
				held = r.lease()
			}
		}
	}()
	end := sync.OnceFunc(func() { close(done) })
	r.t.Cleanup(end)
	return func() int { end(); <-ended; return signed }
}

// ends checks which access keys IAM ends with, and that the one handed out is
// one that works.
func (r *rig) ends(want map[string]bool) {
	r.t.Helper()
	if got := r.aws.active(); !maps.Equal(got, want) {
		r.t.Errorf("IAM ends with %v, want %v", got, want)
	}
	if l := r.lease(); !want[l.AccessKeyId] || !r.aws.sign(l.AccessKeyId, l.SecretAccessKey) {
		r.t.Errorf("%s is handed out, which is none of %v", l.AccessKeyId, want)
	}
}
