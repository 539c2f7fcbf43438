// Package keys keeps the living keys of the daemon: it hands out their current
// versions and performs what package rotation decides, each key on its own and only
// while there is something to do.
//
// It must never hand out a version that the store has not confirmed as
// current, never act on a record whose last write is in doubt, and never let
// keychain, disk or network stand between a helper and its answer.
package keys

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// Records is the store as a key needs it.
type Records interface {
	Load(ctx context.Context, name string) (store.Record, error)
	Save(ctx context.Context, name string, payload []byte) error
	TakeOver(ctx context.Context, name string, payload []byte) error
	Unsettled(name string) bool
}

// AWS performs the calls of package rotation: one attempt each, every request
// on a new connection, within its own time limit.
type AWS interface {
	Do(ctx context.Context, user string, a rotation.Action) rotation.Outcome
	// User tells the ARN of a named user, in Outcome.ARN.
	User(ctx context.Context, signer rotation.Version, name string) rotation.Outcome
	// Users names the account's users, as far as the signer may list them.
	Users(ctx context.Context, signer rotation.Version) ([]string, rotation.Outcome)
	// Owner tells whose an access key is: its account, and its user, where the signer
	// may know it.
	Owner(ctx context.Context, signer rotation.Version, id string) (account, user string, o rotation.Outcome)
	// Allowed tells which actions a user may perform on itself, as far as the signer
	// may ask; nothing is tried.
	Allowed(ctx context.Context, signer rotation.Version, user rotation.User, actions []string) (map[string]bool, rotation.Outcome)
}

// stopLimit is how long a stop waits for a created access key to be stored.
const stopLimit = 30 * time.Second

// Key is one key. A goroutine has it only while there is something to do; at rest it
// is memory and an entry of the agenda. Methods are safe for concurrent use.
type Key struct {
	name    string
	set     *Set
	current atomic.Pointer[served] // what is handed out; nil while nothing may be
	signs   atomic.Pointer[signer] // who signs where this key rotates others; nil while nobody may
	looked  chan struct{}          // closed after the first try to read the record
	done    chan struct{}          // closed when its last goroutine has ended

	life   sync.Mutex      // guards what follows; taken before mu and the agenda's
	ctx    context.Context // of its goroutines; nil until the key is begun
	cancel context.CancelFunc
	asks   []*ask    // that wait, the oldest first
	up     bool      // a goroutine has it
	again  bool      // and looks once more before it lets go
	urged  bool      // and reads its record, if it has none, whether it is time or not
	over   bool      // it has ended for good
	stopBy time.Time // when a stop has waited long enough; zero while nobody stops it

	due   time.Duration // when its rest is over; the agenda's own, as is the next
	place int           // in the agenda; -1 outside

	misread   int           // tries to read the record that failed; the goroutine's own, as are the next two
	readAgain time.Duration // when the next one is due
	surprises int           // how often the store held something else, and it began afresh

	mu       sync.Mutex // guards what follows; only the goroutine writes
	loaded   bool
	loadErr  error
	r        rotation.Record
	m        rotation.Memory
	waiting  rotation.Waiting
	previous *served // the version before current, for what was handed out of it
	awsClock rotation.Clock
	aws      AWS // nil until it is asked, and in longer rests
}

// step does one thing, or tells for how long there is nothing to do.
func (k *Key) step(ctx context.Context) (rest time.Duration, ended bool) {
	stopping := ctx.Err() != nil
	switch {
	case stopping && k.m.Created == nil:
		return 0, true
	case stopping && k.m.Fails > 0 && k.late():
		k.undo(context.WithoutCancel(ctx))
		return 0, true
	case !k.loaded:
		return k.readFirst(ctx), false
	}
	n := k.clock()
	settings := k.set.settings(k.name, k.r)
	k.refresh(settings.TTL)
	if k.set.frozen.Load() && k.still() && !stopping {
		k.mu.Lock()
		k.m = k.m.Aged()
		k.mu.Unlock()
		return lookEvery, false
	}
	a := rotation.Decide(k.r, k.m, settings, n)
	if a.Do != rotation.Wait {
		k.perform(ctx, a, settings)
		return 0, false
	}
	k.mu.Lock()
	k.waiting = a.Why
	k.mu.Unlock()
	rest = lookEvery // what it waits for may come without a word
	if !a.Until.IsZero() {
		rest = min(max(a.Until.Sub(n.Local), 1), longestRest)
	}
	if k.r.Phase == rotation.Held {
		rest = min(rest, lookEvery) // what holds it may pass by itself
	}
	if stopping { // with something to store, hence only a short back-off
		time.Sleep(min(rest, 250*time.Millisecond))
		return 0, false
	}
	return rest, false
}

// longestRest is a net: whatever a schedule says, each key is looked at once a day.
const longestRest = 24 * time.Hour

// readFirst reads the record of a key that has none in hand, once that is due or
// somebody urges, and returns when to try again if it cannot be read.
func (k *Key) readFirst(ctx context.Context) (rest time.Duration) {
	k.life.Lock()
	urged := k.urged
	k.urged = false
	k.life.Unlock()
	if left := k.readAgain - k.set.instant().Awake; k.misread > 0 && left > 0 && !urged {
		return left
	}
	err := k.load(ctx)
	if k.misread == 0 {
		close(k.looked)
	}
	if err == nil {
		return 0
	}
	k.misread++
	rest = min(time.Second<<min(k.misread-1, 6), lookEvery)
	k.readAgain = k.set.instant().Awake + rest
	return rest
}

// serve puts the record's current version into force. With k.mu held.
func (k *Key) serve(r rotation.Record) error {
	if r.Current.ID == "" {
		return nil // its first version is still being made
	}
	k.signs.Store(&signer{r.Current, r.User, r.Endpoint})
	ttl := k.set.settings(k.name, r).TTL
	now := k.current.Load()
	next, err := newServed(r, ttl)
	if err != nil {
		return err
	}
	if now != nil && now.id == next.id {
		if now.ttl == next.ttl {
			return nil
		}
		next.handedOut.Store(now.handedOut.Load()) // its readers may still add to now's
	}
	k.current.Store(next)
	now.wipe()
	if now != nil && now.id != next.id {
		k.previous = now
	}
	return nil
}

// answerNow is the answer for a helper, nil while nothing may be handed out.
func (k *Key) answerNow() []byte {
	for v := k.current.Load(); v != nil; {
		if out := v.answer(k.set.Wall()); out != nil {
			return out
		}
		next := k.current.Load()
		if next == v {
			return nil // wiped, with none in its place
		}
		v = next
	}
	return nil
}

// forget wipes every secret of a key that has stopped.
func (k *Key) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current.Swap(nil).wipe()
	k.signs.Store(nil)
	versions := []*rotation.Version{&k.r.Current, k.r.Next, k.r.Previous, k.m.Created}
	if k.m.Answer != nil {
		versions = append(versions, &k.m.Answer.Version)
	}
	for _, v := range versions {
		if v != nil {
			v.Secret.Wipe()
		}
	}
	k.aws = nil // with the signing keys that it derived
}

// refresh takes a changed ttl into force, as far as the record allows.
func (k *Key) refresh(ttl time.Duration) {
	if v := k.current.Load(); v != nil && v.ttl == min(ttl, k.r.MaxTTL) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.serve(k.r); err != nil {
		k.log(slog.LevelError, "cannot hand out the access key", "error", err)
	}
}

// clock is the time with all that only this process knows.
func (k *Key) clock() rotation.Now {
	now := k.set.instant()
	n := rotation.Now{
		Local: now.Wall, Awake: now.Awake, LockTaken: k.set.LockTaken.Round(0), Noted: k.set.noted.ids(),
		Unsettled: k.set.records().Unsettled(k.name),
	}
	n.Offset, n.Known, n.Measured = k.awsClock.At(now)
	if k.previous != nil && k.r.Previous != nil && k.previous.id == k.r.Previous.ID {
		n.HandedOut = k.previous.until()
	}
	return n
}

// instant is now, on both clocks.
func (s *Set) instant() rotation.Instant {
	return rotation.Instant{Wall: s.Wall().Round(0), Awake: time.Since(s.began)}
}

func (k *Key) log(level slog.Level, text string, args ...any) {
	k.set.log.Log(context.Background(), level, text, append([]any{"key", k.name}, args...)...)
}
