package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/store/failpoint"
)

// Move takes every record from one store to another. Which of the two is in
// force is said by their indexes alone, whatever the configuration says, and
// one write changes it:
//
//	step     index of From   index of To     in force
//	         -               - or moved      From
//	Copy     moving To       -               From
//	         moving To       filling From    From   records are copied, then read back
//	Switch   moved To        filling From    To     one write; from here on it only goes forward
//	Arrive   moved To        clearing From   To     and now the configuration may say so
//	Clear    moved To, empty clearing From   To     each record overwritten by "moved to", then removed
//	         moved To, empty -               To
//
// A process that dies before the switch leaves From whole: whoever opens it next
// first writes its index anew (clearing To), so that a switch which was sent and
// never confirmed can land no more, and only then any record. After the switch
// From refuses every reader with an [Elsewhere], and To is taken into force by
// whoever follows that. Clear is the same in both directions.
//
// What is left of From in the end is an index without names, so that a
// configuration that comes back from a backup finds the way and not an empty
// store. An awskeyd that knows of no moves takes it for written by a newer one.
//
// The caller sees to it that no record is written between the beginning of Copy
// and the end of Arrive, or of Abandon. A Move is for one goroutine.
type Move struct {
	From, To         *Store
	FromName, ToName string
	// Progress, if set, hears how many records a step ("copying", "verifying",
	// "clearing") is through with, out of how many.
	Progress func(step string, done, of int)

	names   []string          // lower case, of what is moved
	digests map[string]digest // of their payloads
}

// Copy copies all records and reads them back from a store that knows nothing
// yet. Everything that can be refused is refused before anything is written: a
// record of From that is not sound, a To that holds keys of its own. After an
// error From is in force and whole; Abandon takes away what was begun.
func (m *Move) Copy(ctx context.Context) (keys int, err error) {
	if m.FromName == m.ToName || !validStore(m.FromName) || !validStore(m.ToName) {
		return 0, fmt.Errorf("%w: %q and %q are not two stores", ErrUnavailable, m.FromName, m.ToName)
	}
	unlock, err := m.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	pages, err := m.inspect(ctx)
	if err != nil {
		return 0, err
	}
	left, err := m.receptive(ctx)
	if err != nil {
		return 0, fmt.Errorf("the store %s: %w", m.ToName, err)
	}
	if err := m.From.sign(ctx, Mark{Moving, m.ToName}); err != nil {
		return 0, err
	}
	failpoint.At("store.move.intended")
	if err := m.fill(ctx, pages, left); err != nil {
		return 0, fmt.Errorf("the store %s: %w", m.ToName, err)
	}
	if err := m.verify(ctx); err != nil {
		return 0, fmt.Errorf("reading the store %s back: %w", m.ToName, err)
	}
	failpoint.At("store.move.verified")
	return len(m.names), nil
}

func (m *Move) lock(ctx context.Context) (unlock func(), err error) {
	if err := m.From.lock(ctx); err != nil {
		return nil, err
	}
	if err := m.To.lock(ctx); err != nil {
		m.From.unlock()
		return nil, err
	}
	return func() { m.To.unlock(); m.From.unlock() }, nil
}

// inspect sees that every record of From is sound, and returns the pages of its
// index without marks.
func (m *Move) inspect(ctx context.Context) ([]page, error) {
	if err := m.From.begin(ctx, ""); err != nil {
		return nil, err
	}
	m.names, m.digests = nil, map[string]digest{}
	var pages []page
	for _, pg := range m.From.pages {
		for _, e := range pg.entries {
			if e.step != there {
				return nil, about(e.name, fmt.Errorf("%w: an earlier change of it is not finished yet", ErrUnavailable))
			}
			payload, err := m.From.sound(ctx, strings.ToLower(e.name))
			if err != nil {
				return nil, about(e.name, err)
			}
			m.names = append(m.names, strings.ToLower(e.name))
			m.digests[strings.ToLower(e.name)] = sha256.Sum256(payload)
			clear(payload)
		}
		pages = append(pages, page{entries: pg.entries, more: pg.more})
	}
	return pages, nil
}

// sound reads a record as one that may be moved must be: both slots whole, in
// agreement and on disk, written by this machine, and what this process left
// there if it ever did. It leaves what the process remembers as it is.
func (s *Store) sound(ctx context.Context, record string) ([]byte, error) {
	p, err := s.read(ctx, record)
	if err != nil {
		return nil, err
	}
	defer p.wipe()
	m := s.memory(record)
	n, whole := p.newest()
	switch {
	case p.newer() != nil:
		return nil, p.newer()
	case p[0].absent() && p[1].absent():
		return nil, fmt.Errorf("%w: the index names it, the keychain has it no more", ErrEmptied)
	case !whole:
		return nil, fmt.Errorf("%w (slot a: %s; slot b: %s)", ErrDamaged, state(p[0]), state(p[1]))
	case p[n].move:
		return nil, movedRecord(p[n].payload)
	case p[n].machine != s.id.Machine:
		return nil, fmt.Errorf("%w: it belongs to another machine", ErrChanged)
	case m.known && !m.expects(p):
		return nil, fmt.Errorf("%w since this daemon last saw it", ErrChanged)
	case m.unsettled, !p.mirrored():
		return nil, fmt.Errorf("%w: its last write is not certain yet", ErrUnknown)
	}
	if !m.known {
		m.remember(p, s.id.Machine)
	}
	if err := s.sync(ctx, m); err != nil {
		return nil, err
	}
	payload := p[n].payload
	p[n].payload = nil // the caller's now
	return payload, nil
}

// receptive sees that To may be overwritten: it holds nothing, or what a move
// left there that is known not to be in force. It returns the records that To
// names and From does not.
func (m *Move) receptive(ctx context.Context) (left []string, err error) {
	err = m.To.readPages(ctx)
	if errors.Is(err, ErrDamaged) && m.From.Mark().Other == m.ToName && m.To.stillborn(ctx) {
		m.To.pages, err = []page{}, nil
		m.To.setMark(Mark{})
	}
	if err != nil {
		return nil, err
	}
	var theirs []string
	for _, pg := range m.To.pages {
		for _, e := range pg.entries {
			theirs = append(theirs, strings.ToLower(e.name))
			if e.other != "" {
				theirs = append(theirs, strings.ToLower(e.other))
			}
		}
	}
	mark := m.To.Mark()
	switch {
	case len(m.To.pages) > 0 && m.To.memory(pageName(0)).foreign:
		return nil, fmt.Errorf("%w: it belongs to another machine", ErrChanged)
	case mark.Stage == Filling && mark.Other != m.FromName:
		return nil, fmt.Errorf("%w: %s", ErrExists, mark.elsewhere())
	case mark.elsewhere() == nil && len(theirs) > 0:
		return nil, fmt.Errorf("%w: it holds keys of its own (%s)", ErrExists, strings.Join(theirs, ", "))
	}
	for _, name := range m.names {
		if err := m.To.vacant(ctx, name); err != nil {
			return nil, about(name, err)
		}
	}
	return slices.DeleteFunc(theirs, func(name string) bool { return slices.Contains(m.names, name) }), nil
}

// stillborn reports whether the index is what a crash leaves of its very first
// write, so that there can be no record yet.
func (s *Store) stillborn(ctx context.Context) bool {
	p, err := s.read(ctx, pageName(0))
	if err != nil {
		return false
	}
	p.wipe()
	for _, h := range p {
		if !h.absent() && !(errors.Is(h.broken, ErrDamaged) && h.ours) {
			return false
		}
	}
	return true
}

// fill writes the index of To and then the records. From its first write on To
// says that it is not in force.
func (m *Move) fill(ctx context.Context, pages []page, left []string) error {
	for _, name := range left { // while an index still names it
		if err := m.To.clear(ctx, name); err != nil {
			return about(name, err)
		}
	}
	if len(pages) == 0 {
		pages = []page{{}}
	}
	pages[0].mark = Mark{Filling, m.FromName}
	first := pages[0]
	first.more = false
	if err := m.putPage(ctx, 0, first); err != nil {
		return err
	}
	failpoint.At("store.move.filling")
	for i := len(pages) - 1; i >= 0 && len(pages) > 1; i-- { // before the one that leads to it
		if err := m.putPage(ctx, i, pages[i]); err != nil {
			return err
		}
	}
	m.To.pages, m.To.indexed = pages, true
	for i, name := range m.names {
		if err := m.copyOne(ctx, name); err != nil {
			return about(name, err)
		}
		failpoint.At("store.move.copied")
		m.report("copying", i+1)
	}
	return nil
}

func (m *Move) putPage(ctx context.Context, i int, pg page) error {
	if err := m.To.replace(ctx, pageName(i), pg.encode(), true, pg.mark.Stage != Still); err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	if i == 0 {
		m.To.setMark(pg.mark)
	}
	return nil
}

func (m *Move) copyOne(ctx context.Context, name string) error {
	payload, err := m.From.sound(ctx, name)
	if err != nil {
		return err
	}
	defer clear(payload)
	if sha256.Sum256(payload) != m.digests[name] {
		return fmt.Errorf("%w since this daemon last saw it", ErrChanged)
	}
	return m.To.overwrite(ctx, name, payload, true)
}

// verify reads everything back as another process would.
func (m *Move) verify(ctx context.Context) error {
	fresh := New(m.To.items, m.To.id)
	if err := fresh.readPages(ctx); err != nil {
		return err
	}
	if fresh.mark != (Mark{Filling, m.FromName}) {
		return fmt.Errorf("%w since it was written", ErrChanged)
	}
	var names []string
	for _, pg := range fresh.pages {
		for _, e := range pg.entries {
			names = append(names, strings.ToLower(e.name))
		}
	}
	if !slices.Equal(names, m.names) {
		return fmt.Errorf("%w: it does not name the same keys", ErrChanged)
	}
	for i, name := range names {
		payload, err := fresh.sound(ctx, name)
		if err != nil {
			return about(name, err)
		}
		same := sha256.Sum256(payload) == m.digests[name]
		clear(payload)
		if !same {
			return about(name, fmt.Errorf("%w since it was written", ErrChanged))
		}
		m.report("verifying", i+1)
	}
	return nil
}

func (m *Move) report(step string, done int) {
	if m.Progress != nil {
		m.Progress(step, done, len(m.names))
	}
}

// Switch puts To into force. ErrUnknown: nobody knows which one is, and nothing
// may be written to either until Switch was called again and said something
// else. Any other error: From is.
func (m *Move) Switch(ctx context.Context) error {
	if err := m.From.lock(ctx); err != nil {
		return m.From.undecided(err)
	}
	defer m.From.unlock()
	s := m.From
	if s.pages == nil {
		if err := s.readPages(ctx); err != nil {
			return s.undecided(err)
		}
	}
	if at := s.Mark(); at.Other != m.ToName || at.Stage != Moving && at.Stage != Moved {
		return s.undecided(fmt.Errorf("%w: its index tells of no move to %s", ErrChanged, m.ToName))
	}
	failpoint.At("store.move.switching")
	err := s.sign(ctx, Mark{Moved, m.ToName})
	if errors.Is(err, ErrUnknown) {
		s.leaving = m.ToName
	}
	if err != nil {
		return s.undecided(err)
	}
	s.leaving, s.pages = "", nil
	failpoint.At("store.move.switched")
	return nil
}

// undecided makes an error one of unknown outcome while an earlier try of Switch
// is.
func (s *Store) undecided(err error) error {
	if s.leaving == "" {
		return err
	}
	return unknown(err)
}

// Arrive makes To a store like any other, once From says that the keys are
// there. Calling it again is right, and in any process. An *Elsewhere says that
// this is not the end of a move: From is in force as it is, or To lives a life
// of its own by now, and a person decides.
func (m *Move) Arrive(ctx context.Context) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if m.From.Mark().Stage != Moved {
		if err := m.From.readPages(ctx); err != nil {
			return fmt.Errorf("the store %s: %w", m.FromName, err)
		}
	}
	if m.From.Mark() != (Mark{Moved, m.ToName}) {
		return &Elsewhere{Store: m.FromName, Copy: true}
	}
	if err := m.To.readPages(ctx); err != nil {
		return fmt.Errorf("the store %s: %w", m.ToName, err)
	}
	if at := m.To.Mark(); at.Other != m.FromName || at.Stage != Filling && at.Stage != Clearing {
		return &Elsewhere{Store: m.ToName}
	}
	// Also where it says so already: in both slots, and on disk.
	if err := m.To.sign(ctx, Mark{Clearing, m.FromName}); err != nil {
		return fmt.Errorf("the store %s: %w", m.ToName, err)
	}
	failpoint.At("store.move.arrived")
	return nil
}

// Abandon takes a move back whose Copy failed, or whose Switch did and said that
// From is in force. An error is no harm: whatever writes to From next does it.
func (m *Move) Abandon(ctx context.Context) error {
	if err := m.From.lock(ctx); err != nil {
		return err
	}
	defer m.From.unlock()
	return m.From.stay(ctx)
}

// Clear takes away what From holds once To is in force, or what an abandoned
// move has left there, and ends the move. It may be called again, and in any
// process; what To does not say is to be cleared is let alone.
func (m *Move) Clear(ctx context.Context) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if m.To.pages == nil {
		if err := m.To.readIndex(ctx); err != nil {
			return err
		}
	}
	if m.To.Mark() != (Mark{Clearing, m.FromName}) {
		return nil
	}
	if err := m.empty(ctx); err != nil {
		return fmt.Errorf("the store %s: %w", m.FromName, err)
	}
	failpoint.At("store.move.cleared")
	return m.To.sign(ctx, Mark{})
}

// empty takes the records of From away, and the names of its index after them.
func (m *Move) empty(ctx context.Context) error {
	s := m.From
	err := s.readPages(ctx)
	if errors.Is(err, ErrDamaged) && s.stillborn(ctx) {
		return s.clear(ctx, pageName(0))
	}
	if err != nil {
		return err
	}
	at := s.Mark()
	if len(s.pages) == 0 || at.elsewhere() == nil || at.Other != m.ToName || s.memory(pageName(0)).foreign {
		return nil // nothing, or not what the move left there
	}
	// Once more, so that both slots say so whatever became of the first time.
	if err := s.sign(ctx, Mark{Moved, m.ToName}); err != nil {
		return err
	}
	m.names = nil
	for _, pg := range s.pages {
		for _, e := range pg.entries {
			m.names = append(m.names, strings.ToLower(e.name))
		}
	}
	for i, name := range m.names {
		if err := s.bury(ctx, name, m.ToName); err != nil {
			return about(name, err)
		}
		failpoint.At("store.move.removed")
		m.report("clearing", i+1)
	}
	return s.shorten(ctx)
}

// bury overwrites a record under higher numbers, so that no copy of a slot that
// comes back later is taken for the key's, and removes it.
func (s *Store) bury(ctx context.Context, record, to string) error {
	p, err := s.read(ctx, record)
	if err != nil {
		return err
	}
	p.wipe()
	if p[0].absent() && p[1].absent() {
		return nil // an earlier try has come further
	}
	if err := s.replace(ctx, record, []byte(movedText+to), true, true); err != nil {
		return err
	}
	failpoint.At("store.move.buried")
	return s.clear(ctx, record)
}

// shorten leaves the first page of the index alone, without names. A page goes
// after nothing leads to it any more; what a crash left unlinked goes too.
func (s *Store) shorten(ctx context.Context) error {
	first := s.pages[0]
	first.entries, first.more = nil, false
	if err := s.writePage(ctx, 0, first); err != nil {
		return err
	}
	last := 0
	for ; last < maxPages; last++ {
		p, err := s.read(ctx, pageName(last+1))
		if err != nil {
			return err
		}
		p.wipe()
		if p[0].absent() && p[1].absent() {
			break
		}
	}
	for i := last; i > 0; i-- {
		if err := s.clear(ctx, pageName(i)); err != nil {
			return err
		}
	}
	s.pages = []page{first}
	return nil
}
