package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/failpoint"
)

// migration is one move of all keys to another store. The goroutine that minds
// the store makes it; requests look on.
type migration struct {
	move     store.Move
	from, to place
	switched bool // for good

	mu    sync.Mutex
	state api.Migration
	over  bool
	err   error // why it failed, or stands still
}

func (m *migration) look() (state api.Migration, over bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, m.over, m.err
}

func (m *migration) step(step string, done int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Step, m.state.Done = step, done
}

// end is the end of it, or of a try.
func (m *migration) end(over bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over, m.err = over, err
	if over && err == nil {
		m.state.Step = "done"
	}
}

// halfway reports that it stands still, and that nobody knows which store is in
// force before it goes on.
func (m *migration) halfway() bool {
	_, over, err := m.look()
	return !over && err != nil
}

// Migrate has all keys moved to another store. What can be refused is refused at
// once; asked again while it is under way it tells how far that is.
func (d *Daemon) Migrate(ctx context.Context, r api.MigrateRequest) (api.Migration, error) {
	set, err := d.keySet()
	if err != nil {
		return api.Migration{}, err
	}
	d.mu.Lock()
	from, last := d.backend, d.moving
	d.mu.Unlock()
	if last != nil {
		switch state, over, _ := last.look(); {
		case over:
		case state.To == r.To:
			d.look()
			return state, nil
		default:
			return api.Migration{}, api.NewError(helper.ExitHeld, "busy", "the keys are being moved to "+state.To+" already", "try again when they are there")
		}
	}
	if r.To == from {
		d.clearSoon()
		return api.Migration{From: from, To: from, Step: "done"}, nil
	}
	if err := d.usable(ctx, r.To); err != nil {
		return api.Migration{}, err
	}
	state := api.Migration{From: from, To: r.To, Keys: len(set.List()), Step: "none"}
	if r.Check {
		return state, nil
	}
	state.Step = "waiting"
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moving != last || d.backend != from {
		return api.Migration{}, api.NewError(helper.ExitHeld, "busy", "the keys are being moved already", "try again when they are there")
	}
	d.moving = &migration{state: state}
	d.look()
	return state, nil
}

// look lets the goroutine that minds the store see what there is to do.
func (d *Daemon) look() {
	select {
	case d.nudge <- struct{}{}:
	default: // it has been told, and not looked yet
	}
}

// usable says why keys cannot be moved to a store, nil if they can.
func (d *Daemon) usable(ctx context.Context, to string) error {
	list, err := d.Backends(ctx)
	if err != nil {
		return err
	}
	names := ""
	for _, b := range list {
		names += ", " + b.Name
		if b.Name != to {
			continue
		}
		if !b.Available {
			return api.NewError(helper.ExitLocked, "store-unavailable", "cannot move the keys to "+to+": "+b.Text, "")
		}
		if err := config.CheckStoreBackend(d.files.configs.User, to); err != nil {
			return api.NewError(helper.ExitFailed, "config", "cannot write the store "+to+" into the configuration: "+err.Error(), "")
		}
		return nil
	}
	return api.NewError(helper.ExitUsage, "bad-backend", fmt.Sprintf("there is no store %q here", to), "choose one of "+names[min(2, len(names)):])
}

// Migration tells how far the last move is, or why it failed.
func (d *Daemon) Migration(context.Context) (api.Migration, error) {
	d.mu.Lock()
	m := d.moving
	d.mu.Unlock()
	if m == nil {
		return api.Migration{Step: "none"}, nil
	}
	state, _, err := m.look()
	return state, err
}

// migrate makes the move that was asked for, or goes on with it where it stood
// still.
func (d *Daemon) migrate(ctx context.Context) {
	ctx, done := d.takeStore(ctx)
	defer done()
	d.mu.Lock()
	m := d.moving
	d.mu.Unlock()
	if m == nil {
		return
	}
	if _, over, _ := m.look(); over {
		return
	}
	if !m.halfway() {
		if over, err := d.copy(ctx, m); err != nil {
			d.log.Warn("the keys are not moved", "from", m.state.From, "to", m.state.To, "error", err)
			m.end(over, err)
			return
		}
	}
	if err := d.arrive(ctx, m); err != nil {
		d.log.Error("a move of all keys stands still", "from", m.state.From, "to", m.state.To, "error", err)
		m.end(false, keys.StoreError("move the keys to "+m.state.To, err))
		return
	}
	d.leave(ctx, m)
	m.end(true, nil)
}

// copy does all of a move that can be taken back. It returns an error and true
// if the keys are where they were.
func (d *Daemon) copy(ctx context.Context, m *migration) (over bool, err error) {
	d.mu.Lock()
	set := d.set
	m.from = place{d.backend, d.opened, d.store}
	d.mu.Unlock()
	if set == nil { // locked just now
		_, err := d.keySet()
		return true, err
	}
	if m.to, err = d.open(ctx, m.state.To, true); err != nil {
		return true, keys.StoreError("open the store "+m.state.To, err)
	}
	if err := set.Freeze(ctx); err != nil {
		d.close(m.to)
		return true, err
	}
	failpoint.At("daemon.move.frozen")
	m.move = store.Move{From: m.from.store, FromName: m.from.backend, To: m.to.store, ToName: m.to.backend,
		Progress: func(step string, done, _ int) { m.step(step, done) }}
	count, err := m.move.Copy(ctx)
	if err == nil {
		m.mu.Lock()
		m.state.Keys, m.state.Step, m.state.Done = count, "switching", 0
		m.mu.Unlock()
		err = m.move.Switch(context.WithoutCancel(ctx))
		m.switched = err == nil
		if m.switched {
			return false, nil
		}
		if errors.Is(err, store.ErrUnknown) {
			return false, keys.StoreError("move the keys to "+m.state.To, err)
		}
	}
	d.abandon(ctx, m)
	set.Thaw()
	return true, moveError(m.state.To, err)
}

// abandon takes a move back as far as it can now; the rest is done later.
func (d *Daemon) abandon(ctx context.Context, m *migration) {
	if err := m.move.Abandon(context.WithoutCancel(ctx)); err != nil {
		d.log.Warn("cannot take a move back yet", "error", err)
	}
	d.close(m.to) // what it holds by now is cleared as any leftover is
	d.mu.Lock()
	d.left.next = time.Time{}
	d.mu.Unlock()
}

// moveError tells why the keys are not moved, and that they are where they were.
func moveError(to string, err error) error {
	tried := "move the keys to " + to
	if errors.Is(err, store.ErrExists) {
		return api.NewError(helper.ExitRefused, "store-not-empty", "cannot "+tried+": "+err.Error(), "name that store in the configuration and awskey remove what it holds, or choose another; nothing was moved")
	}
	e := keys.StoreError(tried, err)
	if e.Code == "store-failed" && errors.Is(err, store.ErrUnknown) {
		return api.NewError(helper.ExitHeld, "busy", e.Message, "try again in a moment; nothing was moved")
	}
	return e
}

// arrive takes the other store into force. Once the switch was tried it is the
// only way on, however often that takes.
func (d *Daemon) arrive(ctx context.Context, m *migration) error {
	ctx = context.WithoutCancel(ctx)
	if !m.switched {
		if err := m.move.Switch(ctx); err != nil {
			return err
		}
		m.switched = true
	}
	if err := m.move.Arrive(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	set := d.set
	set.Swap(m.to.store)
	d.backend, d.opened, d.store, d.fixed = m.to.backend, m.to.items, m.to.store, d.fixed.Moved(m.to.backend)
	d.mu.Unlock()
	failpoint.At("daemon.move.swapped")
	d.nameStore(m.to.backend)
	set.Thaw()
	d.tell(api.Event{Time: time.Now().UTC(), Event: "moved", Text: fmt.Sprintf("all keys (%d) were moved from %s to %s", m.state.Keys, m.from.backend, m.to.backend)})
	return nil
}

// leave takes the records of the store that was left away.
func (d *Daemon) leave(ctx context.Context, m *migration) {
	m.step("clearing", 0)
	err := d.unnamed()
	if err == nil {
		err = m.move.Clear(ctx)
	}
	d.close(m.from)
	if err == nil || ctx.Err() != nil { // done, or called off: it is seen to when the store is opened
		return
	}
	d.log.Warn("cannot clear what a move left behind", "backend", m.from.backend, "error", err)
	m.mu.Lock()
	m.state.Left = err.Error()
	m.mu.Unlock()
	d.mu.Lock()
	d.left.err, d.left.wait, d.left.next = err, leftWait, time.Now().Add(leftWait)
	d.mu.Unlock()
}
