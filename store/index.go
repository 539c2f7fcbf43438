package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/store/failpoint"
)

// The index lists every record, in pages that are records themselves, named
// _index1, _index2 and so on: a first line that says whether another page
// follows, then one entry a line. An entry carries the step under way, so that
// whoever reads the index next can finish what a crash cut short and no record
// is ever left behind unnamed:
//
//	work          there
//	+work         being added: the record is written next
//	-work         being removed: the slots go next
//	work>job      there; being renamed, the record of job is written next
//	job<work      there; renamed, the slots of work go next
//
// The first line of the first page also carries the mark of a move of the whole
// store to another one; see migrate.go.
type entry struct {
	name  string
	step  byte   // one of 0 + - > <
	other string // the second name of > and <
}

const (
	there    = 0
	adding   = '+'
	removing = '-'
	copying  = '>'
	clearing = '<'
)

// live reports whether a person may know of the entry.
func (e entry) live() bool { return e.step != adding && e.step != removing }

// claims reports whether the items of a record belong to the entry.
func (e entry) claims(record string) bool {
	return strings.EqualFold(e.name, record) || e.other != "" && strings.EqualFold(e.other, record)
}

func (e entry) String() string {
	switch e.step {
	case adding, removing:
		return string(e.step) + e.name
	case copying, clearing:
		return e.name + string(e.step) + e.other
	}
	return e.name
}

type page struct {
	entries []entry
	more    bool // another page follows
	mark    Mark // of the first page: what is under way with the whole store
}

const (
	lastLine = "index last"
	moreLine = "index more"

	// perPage is how many names of the greatest length fit beside one rename
	// under way, so that a rename always fits into the page it begins on.
	perPage = (MaxPayload - len(lastLine) - 1 - (maxName + 1)) / (maxName + 1)
	// maxPages bounds a chain that should never grow so long: 1,000 names need 38.
	maxPages = 400
)

func (p page) encode() []byte {
	first := lastLine
	if p.more {
		first = moreLine
	}
	first += p.mark.suffix()
	lines := []string{first}
	for _, e := range p.entries {
		lines = append(lines, e.String())
	}
	return []byte(strings.Join(lines, "\n"))
}

func parsePage(data []byte) (page, error) {
	var p page
	for i, line := range bytes.Split(data, []byte{'\n'}) {
		if i == 0 {
			at := min(len(lastLine), len(line)) // both first lines are as long
			first := string(line[:at])
			var ok bool
			p.mark, ok = parseMark(string(line[at:]))
			p.more = first == moreLine
			if !ok || !p.more && first != lastLine {
				return page{}, damaged("a page of the index has no first line")
			}
			continue
		}
		e, ok := parseEntry(string(line))
		if !ok {
			return page{}, damaged(fmt.Sprintf("line %d of a page of the index", i+1))
		}
		p.entries = append(p.entries, e)
	}
	return p, nil
}

func parseEntry(line string) (entry, bool) {
	e := entry{name: line}
	if line != "" && (line[0] == adding || line[0] == removing) {
		e = entry{name: line[1:], step: line[0]}
	} else if at := strings.IndexAny(line, "<>"); at >= 0 {
		e = entry{line[:at], line[at], line[at+1:]}
		if !ValidName(e.other) {
			return entry{}, false
		}
	}
	return e, ValidName(e.name)
}

func pageName(i int) string { return fmt.Sprintf("_index%d", i+1) }

// readIndex reads all pages afresh, and refuses a store that says itself that it
// is not in force. When it fails otherwise, the pages before the failure are
// kept, so that what can be named still is.
func (s *Store) readIndex(ctx context.Context) error {
	err := s.readPages(ctx)
	if len(s.pages) == 0 {
		return err
	}
	if elsewhere := s.pages[0].mark.elsewhere(); elsewhere != nil {
		s.pages = nil
		return elsewhere
	}
	return err
}

// readPages is readIndex, whatever the index says of the store.
func (s *Store) readPages(ctx context.Context) error {
	s.pages = nil
	var pages []page
	for i := 0; i < maxPages; i++ {
		pg, err := s.readPage(ctx, i)
		if i == 0 && !s.indexed && (errors.Is(err, ErrAbsent) || errors.Is(err, ErrDamaged) && s.stillborn(ctx)) {
			if err = s.proveReadable(ctx); err == nil {
				s.pages = []page{}
				s.setMark(Mark{})
				return nil
			}
		}
		if errors.Is(err, ErrAbsent) {
			err = fmt.Errorf("%w: page %d of the index is missing", ErrEmptied, i+1)
		}
		if err != nil {
			s.pages = pages
			return fmt.Errorf("reading the index: %w", err)
		}
		pages = append(pages, pg)
		if !pg.more {
			s.pages = pages
			return nil
		}
	}
	return fmt.Errorf("reading the index: %w", damaged("its pages have no end"))
}

// stillborn reports whether the index is what a crash leaves of its very first
// write, which goes to slot a: torn there, and nothing in the other. No record was
// written yet then.
func (s *Store) stillborn(ctx context.Context) bool {
	p, err := s.read(ctx, pageName(0))
	if err != nil {
		return false
	}
	p.wipe()
	return errors.Is(p[0].broken, ErrDamaged) && p[0].ours && p[1].absent()
}

func (s *Store) readPage(ctx context.Context, i int) (page, error) {
	record := pageName(i)
	p, err := s.read(ctx, record)
	if err != nil {
		return page{}, err
	}
	defer p.wipe()
	if err := p.newer(); err != nil {
		return page{}, err
	}
	n, ok := p.newest()
	if !ok {
		if p[0].absent() && p[1].absent() {
			return page{}, ErrAbsent
		}
		return page{}, fmt.Errorf("%w (page %d, slot a: %s; slot b: %s)", ErrDamaged, i+1, state(p[0]), state(p[1]))
	}
	pg, err := parsePage(p[n].payload)
	if err == nil && p[n].move != (pg.mark.Stage != Still) {
		err = damaged("a page of the index tells of a move and its envelope does not")
	}
	if err != nil {
		return page{}, err
	}
	if i == 0 {
		s.setMark(pg.mark)
	}
	s.memory(record).remember(p, s.id.Machine)
	s.indexed = true
	return pg, nil
}

// writePage writes one page as this process last saw it, changed.
func (s *Store) writePage(ctx context.Context, i int, pg page) error {
	data := pg.encode()
	if len(data) > MaxPayload {
		return fmt.Errorf("%w: a page of the index is full of unfinished renames", ErrTooLarge)
	}
	err := s.replace(ctx, pageName(i), data, false, pg.mark.Stage != Still)
	if err != nil {
		s.pages = nil // which of the two it is shows only in the keychain
		return fmt.Errorf("writing the index: %w", err)
	}
	s.pages[i] = pg
	if i == 0 {
		s.setMark(pg.mark)
	}
	return nil
}

// change replaces one entry of the index; a step of there with no name drops it.
func (s *Store) change(ctx context.Context, old, now entry) error {
	for i, pg := range s.pages {
		at := slices.Index(pg.entries, old)
		if at < 0 {
			continue
		}
		pg.entries = slices.Clone(pg.entries)
		if now.name == "" {
			pg.entries = slices.Delete(pg.entries, at, at+1)
		} else {
			pg.entries[at] = now
		}
		return s.writePage(ctx, i, pg)
	}
	return fmt.Errorf("writing the index: %w: it no longer names %q", ErrChanged, old.name)
}

// insert puts a new entry on the first page with room. A new page is written
// whole before the one before it says that it follows.
func (s *Store) insert(ctx context.Context, e entry) error {
	for i, pg := range s.pages {
		if len(pg.entries) < perPage {
			pg.entries = append(slices.Clone(pg.entries), e)
			return s.writePage(ctx, i, pg)
		}
	}
	i := len(s.pages)
	if i == maxPages {
		return fmt.Errorf("the index is full: %d names", maxPages*perPage)
	}
	pg := page{entries: []entry{e}}
	// Something may be left there of a page that was written and never linked.
	if err := s.overwrite(ctx, pageName(i), pg.encode(), true); err != nil {
		s.pages = nil
		return fmt.Errorf("writing the index: %w", err)
	}
	failpoint.At("store.index.page")
	if i > 0 {
		before := s.pages[i-1]
		before.more = true
		if err := s.writePage(ctx, i-1, before); err != nil {
			return err
		}
	}
	s.pages, s.indexed = append(s.pages, pg), true
	return nil
}

func (s *Store) find(record string) (entry, bool) {
	for _, pg := range s.pages {
		for _, e := range pg.entries {
			if e.claims(record) {
				return e, true
			}
		}
	}
	return entry{}, false
}

// lookUp returns a record's name as the index spells it. The index in memory is
// asked first; only its "no" is checked against the keychain.
func (s *Store) lookUp(ctx context.Context, record string) (string, error) {
	var stale error
	for fresh := range 2 {
		if fresh == 1 || s.pages == nil {
			stale = s.readIndex(ctx)
		}
		if e, ok := s.find(record); ok && e.live() && strings.EqualFold(e.name, record) {
			return e.name, nil
		}
		if stale != nil {
			return "", stale
		}
	}
	return "", ErrAbsent
}

// proveReadable tells "there is nothing" from "nothing can be read", since
// keychains report both as not found: what was just set must be found, and the
// index still not be.
func (s *Store) proveReadable(ctx context.Context) error {
	const name, text = "_probe", "awskeyd asks whether this keychain can be read"
	if err := s.items.Set(ctx, name, []byte(text)); err != nil {
		return fmt.Errorf("writing a probe: %w", err)
	}
	failpoint.At("store.probe.set")
	back, err := s.items.Get(ctx, name)
	if errors.Is(err, ErrAbsent) || err == nil && string(back) != text {
		return fmt.Errorf("%w: a probe was written and cannot be read back", ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("reading a probe: %w", err)
	}
	_ = s.items.Remove(ctx, name) // harmless if it stays
	failpoint.At("store.probe.removed")
	if _, err := s.readPage(ctx, 0); !errors.Is(err, ErrAbsent) && !(errors.Is(err, ErrDamaged) && s.stillborn(ctx)) {
		if err == nil {
			err = fmt.Errorf("%w: it was found on a second look only", ErrUnavailable)
		}
		return err
	}
	return nil
}
