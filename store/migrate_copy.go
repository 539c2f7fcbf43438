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
	// Its mark names one store alone, and what is left there would be forgotten.
	if at := m.From.Mark(); at.Stage == Clearing && at.Other != m.ToName {
		return 0, fmt.Errorf("%w: what an earlier move left in %s is not cleared away yet; make %s available first", ErrUnavailable, at.Other, at.Other)
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
