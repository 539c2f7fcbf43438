package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// ask is a person's request: a change of the record, made between two steps.
type ask struct {
	change func(k *Key) (rotation.Record, []rotation.Event, error)
	reply  chan error
}

// ErrBusy is a request that was not seen through in time, because a call to AWS
// or to the store is under way.
var ErrBusy = errors.New("the key is in the middle of a step")

// errNotRead is a store, or the record of a key, whose first reading goes on.
var errNotRead = fmt.Errorf("%w yet", store.ErrHung)

// newKey returns a key that is not begun.
func (s *Set) newKey(name string) *Key {
	return &Key{name: name, set: s, looked: make(chan struct{}), done: make(chan struct{}), place: -1}
}

// start begins the life of the key, at rest: Wake lets it read its record.
func (k *Key) start(ctx context.Context) {
	if k.loaded { // taken in or renamed just now
		close(k.looked)
	}
	k.life.Lock()
	defer k.life.Unlock()
	k.ctx, k.cancel = context.WithCancel(ctx)
}

// Wake makes the key look at its settings and the time, again if it just does.
func (k *Key) Wake() {
	k.life.Lock()
	defer k.life.Unlock()
	k.again, k.urged = true, true
	k.rise()
}

// rise gives the key its goroutine, unless it has it. With k.life held.
func (k *Key) rise() {
	if k.up || k.over || k.ctx == nil {
		return
	}
	k.up, k.again = true, false
	k.set.up.Add(1)
	k.set.agenda.drop(k)
	go k.run(k.ctx)
}

// run takes one step after the other until the key can rest, or ends.
func (k *Key) run(ctx context.Context) {
	for {
		rest, ended := k.step(ctx)
		if ended {
			k.end()
			return
		}
		if rest > 0 && k.rests(rest) {
			return
		}
		if rest > 0 || k.m.Created == nil { // its secret is in memory alone: nothing comes before storing it
			k.answer(ctx)
		}
	}
}

// longRest is longer than a rotation waits between two steps that belong together.
const longRest = 5 * time.Second

// rests gives the goroutine up, unless somebody wants something of the key.
func (k *Key) rests(d time.Duration) bool {
	k.life.Lock()
	defer k.life.Unlock()
	if k.again || len(k.asks) > 0 {
		k.again = false
		return false
	}
	if k.up = false; d >= longRest {
		k.mu.Lock()
		k.aws = nil // made anew for the next call: it takes more room than all the rest
		k.mu.Unlock()
	}
	k.set.agenda.put(k, k.set.instant().Awake+d)
	k.set.up.Add(-1)
	return true
}

// cease bids the key end. A created access key is stored or deleted first.
func (k *Key) cease() {
	k.life.Lock()
	defer k.life.Unlock()
	if k.stopBy.IsZero() {
		k.stopBy = time.Now().Add(stopLimit)
	}
	k.cancel()
	k.again = true
	k.rise()
}

// stop is cease, and waits for the end.
func (k *Key) stop() {
	k.cease()
	<-k.done
}

// end lets nobody wait for a key that has ended.
func (k *Key) end() {
	k.life.Lock()
	defer k.life.Unlock()
	k.over = true
	k.set.up.Add(-1)
	for _, a := range k.asks {
		a.reply <- ErrBusy
	}
	k.asks = nil
	close(k.done)
}

// late reports whether a stop has waited long enough.
func (k *Key) late() bool {
	k.life.Lock()
	defer k.life.Unlock()
	return !k.stopBy.IsZero() && time.Now().After(k.stopBy)
}

// do has a request carried out between two steps and waits for its outcome.
func (k *Key) do(ctx context.Context, change func(k *Key) (rotation.Record, []rotation.Event, error)) error {
	a := &ask{change, make(chan error, 1)}
	k.life.Lock()
	if k.over { // renamed, removed, or the service stops
		k.life.Unlock()
		return ErrBusy
	}
	k.asks = append(k.asks, a)
	k.rise()
	k.life.Unlock()
	select {
	case err := <-a.reply:
		return err
	case <-ctx.Done():
		k.withdraw(a)
		return ErrBusy
	}
}

// withdraw takes back a request that is not begun.
func (k *Key) withdraw(a *ask) {
	k.life.Lock()
	defer k.life.Unlock()
	k.asks = slices.DeleteFunc(k.asks, func(b *ask) bool { return b == a })
}

// answer carries out the request that has waited the longest, if any does.
func (k *Key) answer(ctx context.Context) {
	k.life.Lock()
	if len(k.asks) == 0 {
		k.life.Unlock()
		return
	}
	a := k.asks[0]
	k.asks = slices.Delete(k.asks, 0, 1)
	k.life.Unlock()
	a.reply <- k.carryOut(ctx, a)
}

func (k *Key) carryOut(ctx context.Context, a *ask) error {
	switch {
	case !k.loaded && k.loadErr == nil:
		return errNotRead
	case !k.loaded:
		return k.loadErr
	case k.m.Created != nil && k.m.Barrier == nil:
		return ErrBusy // nothing comes before storing it
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
