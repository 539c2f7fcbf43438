package store

import (
	"context"
	"errors"
	"fmt"

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

	names    []string          // lower case, of what is moved
	digests  map[string]digest // of their payloads
	switched bool              // by this process, and for good
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
	s.leaving, s.pages, m.switched = "", nil, true
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
	if err := m.departed(ctx); err != nil {
		return err
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

// departed sees that From says for good that the keys are in To.
func (m *Move) departed(ctx context.Context) error {
	if m.From.leaving != "" {
		return fmt.Errorf("%w: which store is in force", ErrUnknown)
	}
	if m.switched {
		return nil
	}
	if err := m.From.readPages(ctx); err != nil {
		return fmt.Errorf("the store %s: %w", m.FromName, err)
	}
	if m.From.Mark() != (Mark{Moved, m.ToName}) {
		return &Elsewhere{Store: m.FromName, Copy: true}
	}
	// Another process may have written it and died before it was on disk.
	return m.From.sync(ctx, m.From.memory(pageName(0)))
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
