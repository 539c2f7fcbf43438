package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
)

// ErrMoving is a request that would change a key while all of them stand still.
var ErrMoving = errors.New("the keys are being moved to another store")

// freezeLimit is how long a freeze waits for what is under way: a write that
// nobody confirmed, or an access key that is not stored yet.
const freezeLimit = 30 * time.Second

// records is the store in force.
func (s *Set) records() Store { return *s.store.Load() }

// Freeze lets all keys stand still as if each were paused, without a word of it
// in their records: nothing in IAM is changed and no record is written until
// Thaw. They are handed out as ever. An error, after at most freezeLimit, says
// which key cannot stand still; then nothing is frozen.
func (s *Set) Freeze(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, freezeLimit)
	defer cancel()
	if !s.frozen.CompareAndSwap(false, true) {
		return StoreError("move the keys", ErrMoving)
	}
	select {
	case s.change <- struct{}{}:
	case <-ctx.Done():
		s.frozen.Store(false)
		return api.NewError(helper.ExitHeld, "busy", "cannot move the keys: one is being added, renamed or removed", "try again in a moment")
	}
	if err := s.stand(ctx); err != nil {
		s.Thaw()
		return err
	}
	return nil
}

// Thaw ends a Freeze.
func (s *Set) Thaw() {
	s.frozen.Store(false)
	<-s.change
	for _, k := range s.all() {
		k.Wake()
	}
}

// Swap puts another store into force that holds the same records. Only while the
// keys are frozen.
func (s *Set) Swap(to Store) { s.store.Store(&to) }

// stand waits until every key stands still.
func (s *Set) stand(ctx context.Context) error {
	await(s.looked)
	if err := s.Trouble(); err != nil {
		return StoreError("read the store", err)
	}
	for _, k := range s.all() {
		if err := k.freeze(ctx); err != nil {
			return err
		}
	}
	return nil
}

// still reports whether nothing is under way that must be seen through first.
func (k *Key) still() bool { return k.m.Created == nil && !k.set.records().Unsettled(k.name) }

// freeze waits until the key stands still: once its goroutine has found so
// between two steps, it takes no further one while the set is frozen.
func (k *Key) freeze(ctx context.Context) error {
	for {
		err := k.do(ctx, func(k *Key) (rotation.Record, []rotation.Event, error) {
			switch {
			case k.m.Barrier != nil:
				return k.r, nil, &rotation.Refusal{Held: true, Text: k.m.Barrier.Text()}
			case !k.still():
				return k.r, nil, ErrBusy
			}
			return k.r, nil, errSettled
		})
		var held *rotation.Refusal
		switch {
		case errors.Is(err, errSettled):
			return nil
		case errors.As(err, &held):
			return api.NewError(helper.ExitHeld, "held", fmt.Sprintf("cannot move the key %s: it is held: %s", k.name, held.Text), "awskey resolve "+k.name+" lists the choices")
		case !errors.Is(err, ErrBusy):
			return StoreError("move the key "+k.name, err)
		}
		pause := time.NewTimer(50 * time.Millisecond)
		select {
		case <-pause.C:
		case <-k.done: // renamed or removed it cannot be: the service stops
			pause.Stop()
			return StoreError("move the key "+k.name, ErrBusy)
		case <-ctx.Done():
			pause.Stop()
			return api.NewError(helper.ExitHeld, "busy", "cannot move the key "+k.name+": it is in the middle of a step", "try again in a moment; awskey status "+k.name+" shows how far it is")
		}
	}
}
