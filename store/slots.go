package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/awskeyd/awskeyd/store/failpoint"
)

// slot is one of the two items of a record.
type slot int

const slots = 2

func (s slot) String() string { return "ab"[s : s+1] }
func (s slot) other() slot    { return 1 - s }

func parseSlot(s string) (slot, bool) {
	switch s {
	case "a":
		return 0, true
	case "b":
		return 1, true
	}
	return 0, false
}

func item(record string, s slot) string { return record + "." + s.String() }

// held is what one slot holds: an envelope, nothing, or something broken.
type held struct {
	envelope
	broken error  // why there is no envelope; wraps ErrAbsent, ErrDamaged or ErrNewer
	digest digest // of the very bytes; tells apart what envelope does not
	ours   bool   // broken, but may well be what a torn write of ours left
}

type digest [sha256.Size]byte

func (h held) whole() bool  { return h.broken == nil }
func (h held) absent() bool { return errors.Is(h.broken, ErrAbsent) }

// pair is both slots of a record as they were read together.
type pair [slots]held

func (p *pair) wipe() {
	for _, h := range p {
		clear(h.payload)
	}
}

// newest returns the whole slot with the highest number.
func (p pair) newest() (slot, bool) {
	a, b := p[0], p[1]
	switch {
	case a.whole() && (!b.whole() || a.seq >= b.seq):
		return 0, true
	case b.whole():
		return 1, true
	}
	return 0, false
}

// mirrored reports whether the last write went through to its end: both slots
// whole, one number apart, with the same payload.
func (p pair) mirrored() bool {
	if !p[0].whole() || !p[1].whole() || p[0].move != p[1].move || !bytes.Equal(p[0].payload, p[1].payload) {
		return false
	}
	return p[0].seq+1 == p[1].seq || p[1].seq+1 == p[0].seq
}

// newer returns the error of a slot that a newer program wrote.
func (p pair) newer() error {
	for _, h := range p {
		if errors.Is(h.broken, ErrNewer) {
			return h.broken
		}
	}
	return nil
}

// memory is what this process knows of a record's slots. It holds digests only,
// so that nothing secret stays behind.
type memory struct {
	known     bool            // slots have been read or written by this process
	seen      [slots]digest   // what they held then
	numbers   [slots]uint64   // and under which number; 0 where nothing whole was
	pending   [slots][]digest // own writes whose outcome is unknown: they may be there, or come yet
	synced    bool            // what was seen has been forced to disk
	foreign   bool            // the newest slot was written on another machine
	unsettled bool
}

// remember takes what was read for what is there.
func (m *memory) remember(p pair, machine string) {
	m.known = true
	for i, h := range p {
		m.synced = m.synced && m.seen[i] == h.digest
		m.seen[i], m.numbers[i] = h.digest, h.seq
	}
	n, ok := p.newest()
	m.foreign = ok && p[n].machine != machine
}

// expects reports whether both slots hold what this process left there. A slot
// with an unknown write of ours may hold what was there before, what was
// written, or the pieces. And a write that a process before this one never had
// confirmed may land only now: it is older than the other slot, which is as it
// was, or has the number that this process found there.
func (m *memory) expects(p pair) bool {
	for i, h := range p {
		pending := m.pending[i]
		switch other := p[1-i]; {
		case h.digest == m.seen[i], slices.Contains(pending, h.digest), len(pending) > 0 && !h.whole():
		case h.whole() && other.whole() && other.digest == m.seen[1-i] && h.machine == other.machine && (h.seq < other.seq || h.seq == m.numbers[i]):
		default:
			return false
		}
	}
	return m.known
}

// maxPending bounds the list of unknown writes of one slot. An older one that
// lands yet is then taken for somebody else's, which errs on the safe side.
const maxPending = 16

func (m *memory) begin(s slot, d digest) {
	m.pending[s] = append(m.pending[s], d)
	if len(m.pending[s]) > maxPending {
		m.pending[s] = m.pending[s][1:]
	}
}

func (m *memory) forget(s slot, d digest) {
	for i := len(m.pending[s]) - 1; i >= 0; i-- {
		if m.pending[s][i] == d { // one of them: the same write may have been tried before
			m.pending[s] = slices.Delete(m.pending[s], i, i+1)
			return
		}
	}
}

// read fetches both slots of a record. A failing keychain is an error; what a
// slot holds, or that it is empty, never is.
func (s *Store) read(ctx context.Context, record string) (pair, error) {
	var p pair
	for i := range p {
		h, err := s.readSlot(ctx, record, slot(i))
		if err != nil {
			p.wipe()
			return pair{}, err
		}
		p[i] = h
	}
	return p, nil
}

func (s *Store) readSlot(ctx context.Context, record string, sl slot) (held, error) {
	data, err := s.items.Get(ctx, item(record, sl))
	switch {
	case errors.Is(err, ErrAbsent):
		return held{broken: ErrAbsent}, nil
	case errors.Is(err, ErrDamaged):
		// The keychain itself cannot read it: one digest stands for all of these.
		return held{broken: err, digest: digest{1}, ours: !errors.Is(err, ErrStranger)}, nil
	case err != nil:
		return held{}, err
	}
	defer clear(data)
	h := held{digest: sha256.Sum256(data)}
	if h.envelope, h.broken = decode(data); h.broken != nil {
		h.ours = torn(data)
	} else if h.name != record || h.slot != sl {
		clear(h.payload)
		h.envelope, h.broken, h.ours = envelope{}, damaged("it is the copy of another one"), true
	}
	return h, nil
}

// write puts one slot in place: set, read back, forced to disk. The error wraps
// ErrUnknown unless nothing can have changed.
func (s *Store) write(ctx context.Context, m *memory, e envelope) error {
	data := e.encode()
	defer clear(data)
	d := digest(sha256.Sum256(data))
	name := item(e.name, e.slot)

	m.begin(e.slot, d)
	m.synced = false
	failpoint.At("store.slot.setting")
	if err := s.items.Set(ctx, name, data); err != nil {
		if !errors.Is(err, ErrUnknown) {
			m.forget(e.slot, d)
		}
		return err
	}
	failpoint.At("store.slot.set")
	back, err := s.items.Get(ctx, name)
	if err != nil {
		return unknown(fmt.Errorf("reading it back: %w", err))
	}
	same := bytes.Equal(back, data)
	clear(back)
	failpoint.At("store.slot.read")
	if !same {
		return unknown(errors.New("something else was read back"))
	}
	if err := s.items.Sync(ctx); err != nil {
		return unknown(fmt.Errorf("forcing it to disk: %w", err))
	}
	failpoint.At("store.slot.synced")
	m.forget(e.slot, d)
	m.seen[e.slot], m.numbers[e.slot] = d, e.seq
	return nil
}

// sync forces to disk what a record's slots were seen to hold: another process
// may have written it and died before it could.
func (s *Store) sync(ctx context.Context, m *memory) error {
	if m.synced {
		return nil
	}
	if err := s.items.Sync(ctx); err != nil {
		return fmt.Errorf("forcing it to disk: %w", err)
	}
	failpoint.At("store.seen.synced")
	m.synced = true
	return nil
}

func unknown(err error) error {
	if errors.Is(err, ErrUnknown) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

// put writes a payload to both slots, the older one first.
//
// Both, because a write that a keychain took and did not confirm may land at
// any later time, even after its process is dead, and would take the place of
// a newer one. Which slot is written and under which number follows from what
// the slots hold and from nothing that a process remembers: so the stray write
// has the slot and number that the next process used again, the other slot has
// a higher one with the same payload, and nothing is lost.
func (s *Store) put(ctx context.Context, record string, m *memory, p pair, payload []byte, move bool) error {
	if err := s.sync(ctx, m); err != nil {
		return err // the newest may not be on disk yet, and the older is about to go
	}
	// A new record begins above every number that one of its name, removed since,
	// can have had: a stray write of that one must not take its place either.
	first, seq := slot(0), uint64(time.Now().UnixMicro())
	if n, ok := p.newest(); ok {
		first, seq = n.other(), p[n].seq
	}
	for i, sl := range []slot{first, first.other()} {
		err := s.write(ctx, m, envelope{record, sl, seq + 1 + uint64(i), s.id.Machine, s.id.Instance, payload, move})
		if err == nil {
			continue
		}
		if i == 1 {
			err = unknown(err)
		}
		if errors.Is(err, ErrUnknown) {
			s.settle(record, m, false)
		}
		return err
	}
	m.known, m.foreign, m.synced = true, false, true
	s.settle(record, m, true)
	return nil
}
