package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/store/failpoint"
)

// Names returns the names of all records, sorted without regard to case, nil
// when there are none and the store has proven readable. It reads the index
// afresh and finishes what a crash left half done, as far as it can now.
//
// Beside an error it returns the names it could read all the same: serving them
// is right, concluding anything from a missing one is not.
func (s *Store) Names(ctx context.Context) ([]string, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	err := s.readIndex(ctx)
	pages := s.pages // a write that fails takes them away
	if err == nil {
		err = s.stay(ctx)
	}
	if err == nil {
		s.finish(ctx, "")
	}
	if s.pages != nil {
		pages = s.pages
	}
	var names []string
	for _, pg := range pages {
		for _, e := range pg.entries {
			if e.live() {
				names = append(names, e.name)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return names, err
}

// finish ends every step under way but those of one record. What fails now is
// left as it is for the next time.
func (s *Store) finish(ctx context.Context, except string) {
	var open []entry
	for _, pg := range s.pages {
		for _, e := range pg.entries {
			if e.step != there && !(except != "" && e.claims(except)) {
				open = append(open, e)
			}
		}
	}
	for _, e := range open {
		if s.finishOne(ctx, e) != nil && s.pages == nil && s.readIndex(ctx) != nil {
			return
		}
	}
}

func (s *Store) finishOne(ctx context.Context, e entry) error {
	switch e.step {
	case adding:
		// A record that is whole may hold the only copy of a secret: keep it.
		p, err := s.read(ctx, strings.ToLower(e.name))
		if err != nil {
			return err
		}
		defer p.wipe()
		if n, whole := p.newest(); whole && !p[n].move {
			return s.change(ctx, e, entry{name: e.name})
		}
		if err := p.newer(); err != nil {
			return err
		}
		if err := s.clear(ctx, e.name); err != nil {
			return err
		}
		return s.change(ctx, e, entry{})
	case removing:
		if err := s.clear(ctx, e.name); err != nil {
			return err
		}
		return s.change(ctx, e, entry{})
	default:
		if err := s.clear(ctx, e.other); err != nil {
			return err
		}
		return s.change(ctx, e, entry{name: e.name})
	}
}

// untouchable refuses a record of which a newer program has written a slot.
func (s *Store) untouchable(ctx context.Context, record string) error {
	p, err := s.read(ctx, record)
	if err != nil {
		return err
	}
	defer p.wipe()
	return p.newer()
}

// clear removes both slots of a record and makes sure that they are gone, unless
// a newer program wrote one.
func (s *Store) clear(ctx context.Context, name string) error {
	record := strings.ToLower(name)
	if err := s.untouchable(ctx, record); err != nil {
		return err
	}
	for i := range slot(slots) {
		failpoint.At("store.slot.removing")
		if err := s.items.Remove(ctx, item(record, i)); err != nil && !errors.Is(err, ErrAbsent) {
			return err
		}
		failpoint.At("store.slot.removed")
		h, err := s.readSlot(ctx, record, i)
		if err != nil {
			return err
		}
		clear(h.payload)
		if !h.absent() {
			return fmt.Errorf("%w: %s was removed and is still there", ErrUnknown, item(record, i))
		}
	}
	if err := s.items.Sync(ctx); err != nil {
		return err
	}
	failpoint.At("store.slots.gone")
	m := s.memory(record)
	m.known, m.foreign = false, false
	s.settle(record, m, true)
	return nil
}

// begin reads the index afresh for a call that changes it.
func (s *Store) begin(ctx context.Context, except string) error {
	if err := s.readIndex(ctx); err != nil {
		return err
	}
	if err := s.stay(ctx); err != nil {
		return err
	}
	s.finish(ctx, except)
	if s.pages == nil {
		return s.readIndex(ctx)
	}
	return nil
}

// Add makes a new record: the intent into the index, the record, the name into
// the index. ErrExists: the name is taken, in whatever spelling. ErrUnknown: it
// may be there or not; Add again with the same name is right and overwrites
// what the first try left, unless Names has meanwhile found that whole.
func (s *Store) Add(ctx context.Context, name string, payload []byte) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	return about(name, s.add(ctx, name, payload))
}

func (s *Store) add(ctx context.Context, name string, payload []byte) error {
	if err := checkPayload(name, payload); err != nil {
		return err
	}
	record := strings.ToLower(name)
	if err := s.begin(ctx, record); err != nil {
		return err
	}
	intent := entry{name: name, step: adding}
	switch e, taken := s.find(record); {
	case taken && e.step != adding:
		return fmt.Errorf("%w as %q", ErrExists, e.name)
	case taken:
		intent = e
	}
	if err := s.vacant(ctx, record); err != nil {
		return err
	}
	if _, begun := s.find(record); !begun {
		if err := s.insert(ctx, intent); err != nil {
			return err
		}
	}
	failpoint.At("store.add.intended")
	if err := s.overwrite(ctx, record, payload, true); err != nil {
		return err
	}
	failpoint.At("store.add.written")
	if err := s.change(ctx, intent, entry{name: name}); err != nil {
		return unknown(err)
	}
	return nil
}

// vacant refuses a place that holds what is not ours to overwrite. Whole or
// torn leftovers of our own are, since the index does not name them.
func (s *Store) vacant(ctx context.Context, record string) error {
	p, err := s.read(ctx, record)
	if err != nil {
		return err
	}
	defer p.wipe()
	if err := p.newer(); err != nil {
		return err
	}
	for i, h := range p {
		if !h.whole() && !h.absent() && !h.ours {
			return fmt.Errorf("the keychain item %s stands in the way: %w; remove it there or take another name", item(record, slot(i)), h.broken)
		}
	}
	return nil
}

// Rename gives a record another name: a copy under the new name, one write of
// the index that switches, and the old slots go. ErrUnknown: it has one of the
// two names; Names tells. A record that is Unsettled, foreign or changed is
// refused.
func (s *Store) Rename(ctx context.Context, old, now string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	return about(old, s.rename(ctx, old, now))
}

func (s *Store) rename(ctx context.Context, old, now string) error {
	if err := errors.Join(checkName(old), checkName(now)); err != nil {
		return err
	}
	from, to := strings.ToLower(old), strings.ToLower(now)
	if err := s.begin(ctx, ""); err != nil {
		return err
	}
	e, ok := s.find(from)
	if !ok || !e.live() {
		return ErrAbsent
	}
	if e.step != there {
		return fmt.Errorf("%w: an earlier rename is not finished", ErrUnavailable)
	}
	if from == to {
		return s.change(ctx, e, entry{name: now})
	}
	if taken, ok := s.find(to); ok {
		return fmt.Errorf("%w: there is a key %q", ErrExists, taken.name)
	}
	if s.memory(from).unsettled {
		return fmt.Errorf("%w: it must be written once more before it can be renamed", ErrUnknown)
	}
	r, err := s.load(ctx, from)
	if err != nil {
		return err
	}
	defer clear(r.Payload)
	if r.Foreign || r.Changed {
		return fmt.Errorf("%w or belongs to another machine", ErrChanged)
	}
	if err := s.vacant(ctx, to); err != nil {
		return err
	}
	between, after := entry{e.name, copying, now}, entry{now, clearing, e.name}
	if err := s.change(ctx, e, between); err != nil {
		return err
	}
	failpoint.At("store.rename.intended")
	if err := s.overwrite(ctx, to, r.Payload, true); err != nil {
		return err
	}
	failpoint.At("store.rename.copied")
	if err := s.change(ctx, between, after); err != nil {
		return unknown(err)
	}
	failpoint.At("store.rename.switched")
	// The name is switched: what is left over is cleared by Names if not now.
	_ = s.finishOne(ctx, after)
	return nil
}

// Remove takes a record out: the index says so first, then the slots go, then
// the name. Once the index says so the key is gone for every reader; after an
// error Remove again, or let Names finish it. ErrAbsent: there is none.
func (s *Store) Remove(ctx context.Context, name string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	return about(name, s.remove(ctx, name))
}

func (s *Store) remove(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	record := strings.ToLower(name)
	if err := s.begin(ctx, record); err != nil {
		return err
	}
	e, ok := s.find(record)
	switch {
	case !ok || !strings.EqualFold(e.name, record):
		return ErrAbsent
	case e.step == copying || e.step == clearing:
		if err := s.finishOne(ctx, e); err != nil {
			return err
		}
		e = entry{name: e.name}
	}
	gone := entry{name: e.name, step: removing}
	if e != gone {
		// Once the index says so, nobody would see the newer record any more.
		if err := s.untouchable(ctx, record); err != nil {
			return err
		}
		if err := s.change(ctx, e, gone); err != nil {
			return err
		}
	}
	failpoint.At("store.remove.intended")
	if err := s.finishOne(ctx, gone); err != nil {
		return unknown(err)
	}
	return nil
}
