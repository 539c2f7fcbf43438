package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/awskeyd/awskeyd/store/failpoint"
)

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
