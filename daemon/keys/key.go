// Package keys keeps the living keys of the daemon: it hands out their current
// versions and performs what package rotation decides, one goroutine a key.
//
// It must never hand out a version that the store has not confirmed as
// current, never act on a record whose last write is in doubt, and never let
// keychain, disk or network stand between a helper and its answer.
package keys

import (
	"context"
	"errors"
	"fmt"
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

// lookEvery bounds each wait: timers stand still while a laptop sleeps
// (golang/go#35012), the wall clock does not.
const lookEvery = time.Minute

// Key is one key with the goroutine that owns it. Methods are safe for
// concurrent use.
type Key struct {
	name    string
	set     *Set
	current atomic.Pointer[served] // what is handed out; nil while nothing may be
	signs   atomic.Pointer[signer] // who signs where this key rotates others; nil while nobody may
	asks    chan ask
	wake    chan struct{}
	looked  chan struct{} // closed after the first try to read the record
	done    chan struct{}
	cancel  context.CancelFunc

	mu        sync.Mutex // guards what follows; only the goroutine writes
	loaded    bool
	loadErr   error
	r         rotation.Record
	m         rotation.Memory
	waiting   rotation.Action
	previous  *served // the version before current, for what was handed out of it
	awsClock  rotation.Clock
	surprises int // how often the store held something else, and it began afresh
	aws       AWS
}

// ask is a person's request: a change of the record, made between two steps.
type ask struct {
	change func(k *Key) (rotation.Record, []rotation.Event, error)
	reply  chan error
}

func (s *Set) newKey(name string) *Key {
	return &Key{name: name, set: s, asks: make(chan ask), wake: make(chan struct{}, 1), looked: make(chan struct{}), done: make(chan struct{})}
}

// start begins the goroutine; stop ends it.
func (k *Key) start(ctx context.Context) {
	ctx, k.cancel = context.WithCancel(ctx)
	go func() {
		defer close(k.done)
		k.run(ctx)
	}()
}

// stop ends the goroutine and waits for it. A created access key is stored or
// deleted first.
func (k *Key) stop() {
	k.cancel()
	<-k.done
}

// Wake makes the key look at its settings and the time again.
func (k *Key) Wake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// do hands a request to the goroutine and waits for its outcome.
func (k *Key) do(ctx context.Context, change func(k *Key) (rotation.Record, []rotation.Event, error)) error {
	a := ask{change, make(chan error, 1)}
	select {
	case k.asks <- a:
	case <-k.done: // renamed, removed, or the service stops
		return ErrBusy
	case <-ctx.Done():
		return ErrBusy
	}
	select {
	case err := <-a.reply:
		return err
	case <-ctx.Done():
		return ErrBusy
	}
}

// ErrBusy is a request that was not seen through in time, because a call to AWS
// or to the store is under way.
var ErrBusy = errors.New("the key is in the middle of a step")

// errNotRead is a store, or the record of a key, whose first reading goes on.
var errNotRead = fmt.Errorf("%w yet", store.ErrHung)

func (k *Key) run(ctx context.Context) {
	if k.loaded { // taken in or renamed just now
		close(k.looked)
	}
	for fails := 0; !k.loaded; fails++ {
		err := k.load(ctx)
		if fails == 0 {
			close(k.looked)
		}
		if err == nil {
			break
		}
		if !k.rest(ctx, min(time.Second<<min(fails, 6), lookEvery)) {
			return
		}
	}
	var deadline atomic.Pointer[time.Time] // of a stop that must still store something
	defer context.AfterFunc(ctx, func() { deadline.Store(new(time.Now().Add(stopLimit))) })()
	for {
		stopping := ctx.Err() != nil
		if stopping && k.m.Created == nil {
			return
		}
		if end := deadline.Load(); stopping && end != nil && k.m.Fails > 0 && time.Now().After(*end) {
			k.undo(context.WithoutCancel(ctx))
			return
		}
		n := k.clock()
		settings := k.set.settings(k.name, k.r)
		k.refresh(settings.TTL)
		if k.set.frozen.Load() && k.still() && !stopping {
			k.rest(ctx, lookEvery)
			k.mu.Lock()
			k.m = k.m.Aged()
			k.mu.Unlock()
			continue
		}
		a := rotation.Decide(k.r, k.m, settings, n)
		if a.Do == rotation.Wait {
			k.mu.Lock()
			k.waiting = a
			k.mu.Unlock()
			d := lookEvery
			if !a.Until.IsZero() {
				d = min(d, a.Until.Sub(n.Local))
			}
			if stopping { // with something to store, hence only a short back-off
				time.Sleep(min(d, 250*time.Millisecond))
				continue
			}
			k.rest(ctx, d)
			continue
		}
		k.perform(ctx, a, settings)
		if k.m.Created == nil {
			k.answer(ctx)
		}
	}
}

// rest waits for time, a request or a wake-up. False: the daemon stops.
func (k *Key) rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case a := <-k.asks:
		a.reply <- k.carryOut(ctx, a)
	case <-k.wake:
	case <-t.C:
	}
	return true
}

// answer carries out a request that waits, between two actions.
func (k *Key) answer(ctx context.Context) {
	select {
	case a := <-k.asks:
		a.reply <- k.carryOut(ctx, a)
	default:
	}
}

func (k *Key) carryOut(ctx context.Context, a ask) error {
	switch {
	case !k.loaded && k.loadErr == nil:
		return errNotRead
	case !k.loaded:
		return k.loadErr
	case k.m.Created != nil && k.m.Barrier == nil:
		return ErrBusy // its secret is in memory alone: nothing comes before storing it
	}
	r, events, err := a.change(k)
	if err != nil {
		return err
	}
	if h := k.m.Barrier; h != nil {
		return &rotation.Refusal{Held: true, Text: "it is held: " + h.Text()}
	}
	save := rotation.Action{Do: rotation.Save, Record: r, Events: events}
	if o, err := k.save(ctx, save); err != nil {
		k.observe(save, o, k.set.settings(k.name, k.r))
		return err
	}
	return nil
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
