package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Stage is how far a move of all records between two stores is, as the index of
// one of them says it.
type Stage string

// The stages. A store in one of the first three is in force if the
// configuration names it; in the other two it never is.
const (
	Still    Stage = ""         // no move is under way
	Moving   Stage = "moving"   // its records are being copied to the other
	Clearing Stage = "clearing" // what the other still holds is to be cleared away
	Filling  Stage = "filling"  // it holds a copy of the other that may not be whole
	Moved    Stage = "moved"    // the other is in force in its place
)

// Mark is what a store's index says of a move.
type Mark struct {
	Stage Stage
	Other string // the name of the other store; empty for Still
}

// Elsewhere is the error of a store, or of a record, whose keys are in another
// store. It is ErrMoved.
type Elsewhere struct {
	Store string // where the keys are
	Copy  bool   // what is here is a copy that was not finished
}

func (e *Elsewhere) Error() string {
	if e.Copy {
		return "it holds an unfinished copy; the keys are in " + e.Store
	}
	return "the keys were moved to " + e.Store
}

// Is makes it an ErrMoved.
func (e *Elsewhere) Is(target error) bool { return target == ErrMoved }

// elsewhere is the error of a store that is not in force; nil for one that is.
func (m Mark) elsewhere() error {
	switch m.Stage {
	case Filling, Moved:
		return &Elsewhere{m.Other, m.Stage == Filling}
	}
	return nil
}

// suffix is how the first line of the index ends.
func (m Mark) suffix() string {
	if m.Stage == Still {
		return ""
	}
	return " " + string(m.Stage) + " " + m.Other
}

func parseMark(suffix string) (Mark, bool) {
	if suffix == "" {
		return Mark{}, true
	}
	stage, other, _ := strings.Cut(strings.TrimPrefix(suffix, " "), " ")
	m := Mark{Stage(stage), other}
	switch m.Stage {
	case Moving, Clearing, Filling, Moved:
		return m, validStore(other) && m.suffix() == suffix
	}
	return Mark{}, false
}

// maxStore bounds a store's name in bytes, so that the longest mark that names
// and renames stand beside fits on a full page.
const maxStore = 14

// validStore reports whether a text can be the name of a store: small letters
// and dashes.
func validStore(s string) bool {
	return s != "" && len(s) <= maxStore && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// movedText begins the payload of a record that was moved.
const movedText = "moved to "

// movedRecord is the error of such a record.
func movedRecord(payload []byte) error {
	to, ok := strings.CutPrefix(string(payload), movedText)
	if !ok || !validStore(to) {
		return damaged("it tells of a move, and not to where")
	}
	return &Elsewhere{Store: to}
}

// Mark returns what the index said of a move when it was last read or written.
// It never waits; before the first read it is Still.
func (s *Store) Mark() Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mark
}

// ReadMark reads it, and nothing more; Still where there is no index.
func (s *Store) ReadMark(ctx context.Context) (Mark, error) {
	if err := s.lock(ctx); err != nil {
		return Mark{}, err
	}
	defer s.unlock()
	pg, err := s.readPage(ctx, 0)
	if errors.Is(err, ErrAbsent) {
		err = nil
	}
	return pg.mark, err
}

func (s *Store) setMark(m Mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark = m
}

// sign writes a mark into the index, which has been read.
func (s *Store) sign(ctx context.Context, m Mark) error {
	if len(s.pages) > 0 {
		pg := s.pages[0]
		pg.mark = m
		return s.writePage(ctx, 0, pg)
	}
	pg := page{mark: m}
	if err := s.replace(ctx, pageName(0), pg.encode(), true, m.Stage != Still); err != nil {
		s.pages = nil
		return fmt.Errorf("writing the index: %w", err)
	}
	s.pages, s.indexed = []page{pg}, true
	s.setMark(m)
	return nil
}

// stay makes sure that this store is in force and stays it, before anything is
// written. A move that was under way when its process died is undone for good by
// a write of the index: the one that would have ended it may land at any time,
// and only a higher number in the index makes that harmless.
func (s *Store) stay(ctx context.Context) error {
	if s.leaving != "" {
		return fmt.Errorf("%w: the keys are about to be moved to %s", ErrUnavailable, s.leaving)
	}
	m := s.Mark()
	if err := m.elsewhere(); err != nil {
		return err
	}
	if m.Stage != Moving {
		return nil
	}
	var err error
	if len(s.pages) == 0 {
		err = s.readIndex(ctx)
	}
	if err == nil {
		err = s.sign(ctx, Mark{Clearing, m.Other})
	}
	switch {
	case err == nil, errors.Is(err, ErrMoved):
		return err
	case errors.Is(err, ErrUnknown): // of the index alone: what was to be written next was not touched
		return fmt.Errorf("%w: undoing an interrupted move to %s: %s", ErrUnavailable, m.Other, err)
	}
	return fmt.Errorf("undoing an interrupted move to %s: %w", m.Other, err)
}
