package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Identity is what a record says of its writer. Both are short words of
// letters, digits, dots, dashes and underscores; anything else is hashed.
type Identity struct {
	Machine  string // the system's machine id, hashed: the same across reinstalls of awskeyd, never the host name
	Instance string // one run of the daemon
}

// Record is a key's record as it was read.
type Record struct {
	Name     string // as it was added or renamed last, capitals included
	Seq      uint64 // grows with every write, by more than one at times
	Machine  string
	Instance string
	Payload  []byte // the caller's own copy: wipe it after use
	// Certain: both slots are whole and agree and are on disk, so that the last
	// write was not lost and will not be.
	// Without it the payload may be one write too old: ask before changing
	// anything on its word.
	Certain bool
	// Foreign: written on another machine. Save refuses; TakeOver does not.
	Foreign bool
	// Changed: this process had seen or written something else here before.
	Changed bool
	// Older: and that was newer, of this machine too. Writes of long ago may have
	// landed in both slots, or the keychain was put back from a backup.
	Older bool
}

// Store keeps records over one keychain. It is safe for concurrent use and does
// one thing at a time; a call waits for the ones before it as long as its
// context allows.
type Store struct {
	items Items
	id    Identity
	turn  chan struct{} // held by the one call at work; guards what follows

	records map[string]*memory // by lower-case name, the pages of the index among them
	pages   []page             // the index as it was last read or written; nil: not read yet
	indexed bool               // this process has seen an index: if it is gone, that is no empty store

	leaving string // the store to which the keys are being moved by a write of unknown outcome

	mu        sync.Mutex // guards what follows, so that nobody waits for the keychain to read it
	unsettled map[string]bool
	mark      Mark // of the index, as it was last read or written
}

// New makes a Store over items. Nothing is read before the first call.
func New(items Items, id Identity) *Store {
	id = Identity{shortID(id.Machine), shortID(id.Instance)}
	return &Store{items: items, id: id, turn: make(chan struct{}, 1), records: map[string]*memory{}, unsettled: map[string]bool{}}
}

func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the store: %w", ctx.Err())
	}
}

func (s *Store) unlock() { <-s.turn }

// memory returns what is known of a record; never nil.
func (s *Store) memory(record string) *memory {
	m := s.records[record]
	if m == nil {
		m = &memory{}
		s.records[record] = m
	}
	return m
}

func (s *Store) settle(record string, m *memory, done bool) {
	m.unsettled = !done
	s.mu.Lock()
	defer s.mu.Unlock()
	if done {
		delete(s.unsettled, record)
	} else {
		s.unsettled[record] = true
	}
}

// Unsettled reports whether the outcome of this process's last write of a
// record is unknown. It stays true until a Save or TakeOver returns nil, and
// never waits.
func (s *Store) Unsettled(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsettled[strings.ToLower(name)]
}

// Load reads a record. ErrAbsent: the index was read and does not name it;
// ErrEmptied: it does, and both slots are gone; ErrDamaged: neither slot is
// whole. What is read is forced to disk, if that can be done now, and counts as
// seen: the next Save may overwrite it, so look at Changed first.
func (s *Store) Load(ctx context.Context, name string) (Record, error) {
	if err := s.lock(ctx); err != nil {
		return Record{}, err
	}
	defer s.unlock()
	r, err := s.load(ctx, name)
	return r, about(name, err)
}

func (s *Store) load(ctx context.Context, name string) (Record, error) {
	if err := checkName(name); err != nil {
		return Record{}, err
	}
	record := strings.ToLower(name)
	p, err := s.read(ctx, record)
	if err != nil {
		return Record{}, err
	}
	defer p.wipe()
	n, whole := p.newest()
	as, indexErr := s.lookUp(ctx, record)
	switch {
	case whole && p[n].move:
		return Record{}, movedRecord(p[n].payload)
	case indexErr != nil && !(errors.Is(indexErr, ErrDamaged) && whole):
		return Record{}, indexErr
	case p.newer() != nil:
		return Record{}, p.newer()
	case indexErr != nil:
		as = name // a broken index must not take a whole record with it
	case p[0].absent() && p[1].absent():
		return Record{}, fmt.Errorf("%w: the index names it, the keychain has it no more", ErrEmptied)
	case !whole:
		return Record{}, fmt.Errorf("%w (slot a: %s; slot b: %s)", ErrDamaged, state(p[0]), state(p[1]))
	}
	m := s.memory(record)
	changed := m.known && !m.expects(p)
	older := changed && p[n].machine == s.id.Machine && p[n].seq < max(m.numbers[0], m.numbers[1])
	m.remember(p, s.id.Machine)
	synced := s.sync(ctx, m) == nil // whatever was read, nobody may see it and then lose it
	certain := synced && p.mirrored() && !m.unsettled && indexErr == nil && s.Mark().Stage != Moving
	e := p[n]
	r := Record{as, e.seq, e.machine, e.instance, e.payload, certain, m.foreign, changed, older}
	p[n].payload = nil // the caller's now
	return r, nil
}

func state(h held) string {
	if h.absent() {
		return "empty"
	}
	return strings.TrimPrefix(h.broken.Error(), ErrDamaged.Error()+": ")
}

// Save overwrites a record that this process has loaded or written before.
//
// It returns nil only when the payload stands in both slots, was read back and
// was forced to disk as far as the system lets us. ErrChanged: a slot is not
// what this process last saw, or the record is another machine's; nothing was
// written. ErrUnknown, beside its kind: neither done nor undone; the record is
// Unsettled, a Load may show either, and the remedy is to Save again. Any other
// error: nothing was written.
func (s *Store) Save(ctx context.Context, name string, payload []byte) error {
	return s.save(ctx, name, payload, false)
}

// TakeOver is Save for a record that is foreign, changed, emptied or damaged:
// whatever the slots hold is accepted and overwritten, except what a newer
// program wrote. For a decision that a person made.
func (s *Store) TakeOver(ctx context.Context, name string, payload []byte) error {
	return s.save(ctx, name, payload, true)
}

func (s *Store) save(ctx context.Context, name string, payload []byte, accept bool) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if err := checkPayload(name, payload); err != nil {
		return about(name, err)
	}
	if err := s.stay(ctx); err != nil {
		return about(name, err)
	}
	record := strings.ToLower(name)
	if accept {
		if _, err := s.lookUp(ctx, record); err != nil {
			return about(name, err)
		}
	} else if m := s.memory(record); !m.known {
		return about(name, fmt.Errorf("%w: this daemon has not read it yet", ErrChanged))
	} else if m.foreign {
		return about(name, fmt.Errorf("%w: it belongs to another machine", ErrChanged))
	}
	return about(name, s.overwrite(ctx, record, payload, accept))
}

// overwrite writes a record or a page of the index that tells of no move.
func (s *Store) overwrite(ctx context.Context, record string, payload []byte, accept bool) error {
	return s.replace(ctx, record, payload, accept, false)
}

// replace is the one way by which a record or a page of the index is written.
func (s *Store) replace(ctx context.Context, record string, payload []byte, accept, move bool) error {
	p, err := s.read(ctx, record)
	if err != nil {
		return err
	}
	defer p.wipe()
	if err := p.newer(); err != nil {
		return err
	}
	m := s.memory(record)
	switch {
	case accept:
		m.remember(p, s.id.Machine)
	case !m.expects(p):
		return fmt.Errorf("%w since this daemon last saw it", ErrChanged)
	}
	return s.put(ctx, record, m, p, payload, move)
}

func checkPayload(name string, payload []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(payload) > MaxPayload {
		return fmt.Errorf("%w: %d bytes, at most %d fit", ErrTooLarge, len(payload), MaxPayload)
	}
	return nil
}

// about names the record an error is about.
func about(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("key %q: %w", name, err)
}
