package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/failpoint"
)

// follow goes to the store in force where the one that the configuration names
// was left in a move that this process, or one before it, did not end. Which one
// that is say the stores; the configuration is brought in line. A move that was
// ended long ago is not followed: then somebody has changed the configuration. The
// other store may ask a person who is there, as the one that was named did.
func (d *Daemon) follow(ctx context.Context, o place, ask bool) (place, error) {
	at, err := o.store.ReadMark(ctx)
	if err != nil || at.Stage != store.Moved && at.Stage != store.Filling {
		return o, nil // in force, or the set will find what is wrong with it
	}
	other, err := d.open(ctx, at.Other, ask)
	if err == nil && ask {
		if err = other.items.Unlock(ctx); err != nil {
			d.close(other)
		}
	}
	if err != nil {
		d.close(o)
		return place{}, fmt.Errorf("%s: %w", away(at), err)
	}
	from, to := o, other
	if at.Stage == store.Filling {
		from, to = other, o
	}
	m := store.Move{From: from.store, FromName: from.backend, To: to.store, ToName: to.backend}
	err = m.Arrive(ctx)
	d.close(from)
	if err != nil {
		d.close(to)
		return place{}, err
	}
	d.log.Info("an interrupted move of all keys is seen through", "from", from.backend, "to", to.backend)
	d.nameStore(to.backend)
	return to, nil
}

// away is the error of a store that is not in force.
func away(at store.Mark) error {
	return &store.Elsewhere{Store: at.Other, Copy: at.Stage == store.Filling}
}

// nameStore lets the configuration name the store in force. If it cannot be
// written, the next start finds the way all the same: the stores tell it until
// what was left is cleared, which waits for the name.
func (d *Daemon) nameStore(backend string) error {
	err := config.SetStoreBackend(d.files.configs.User, backend)
	if err != nil {
		d.log.Error("cannot write into the configuration where the keys are", "backend", backend, "error", err)
	}
	d.mu.Lock()
	d.left.unnamed = err
	d.mu.Unlock()
	failpoint.At("daemon.move.named")
	return err
}

// unnamed is why the configuration names another store; nil if it need not be
// changed.
func (d *Daemon) unnamed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left.unnamed
}

// leftover is what a move has left to do: to clear the store that is not in
// force any more, or to write its name into the configuration.
type leftover struct {
	err     error     // of the last try to clear it
	next    time.Time // when the next one is due
	wait    time.Duration
	unnamed error // why the configuration names another store
	ask     bool  // a person has asked for it: the next try may ask that person
}

const (
	leftWait = 30 * time.Second
	leftMost = time.Hour
)

// clearLeft takes away what a move left in another store, however long ago and
// by whatever process. It is tried more and more rarely.
func (d *Daemon) clearLeft(ctx context.Context) {
	if _, _, due := d.toClear(); !due {
		return
	}
	ctx, done := d.takeStore(ctx)
	defer done()
	here, other, due := d.toClear()
	if !due {
		return // it was locked just now
	}
	d.mu.Lock()
	ask := d.left.ask
	d.left.ask = false
	d.mu.Unlock()
	err := d.unnamed()
	if err != nil {
		err = d.nameStore(here.backend)
	}
	if err == nil {
		err = d.clear(ctx, here, other, ask)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left.err = err; err == nil {
		d.left.wait, d.left.next = 0, time.Time{}
		d.log.Info("what a move left behind is cleared", "backend", other)
		return
	}
	if ctx.Err() != nil {
		d.left.err = nil
		return // called off: it begins again when the store is opened
	}
	d.left.wait = min(max(2*d.left.wait, leftWait), leftMost)
	d.left.next = time.Now().Add(d.left.wait)
	d.log.Warn("cannot clear what a move left behind", "backend", other, "error", err)
}

// toClear is the store in force, and the one in which something is left that is
// to be cleared now.
func (d *Daemon) toClear() (here place, other string, due bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.store == nil || d.openErr != nil || time.Now().Before(d.left.next) || d.moving != nil && d.moving.halfway() {
		return place{}, "", false
	}
	at := d.store.Mark()
	return place{d.backend, d.opened, d.store}, at.Other, at.Stage == store.Clearing
}

// somethingLeft tells whether there is anything of that kind, due or not.
func (d *Daemon) somethingLeft() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.store != nil && d.store.Mark().Stage == store.Clearing
}

// clearSoon lets it be tried again at once, as a person has asked who is there.
func (d *Daemon) clearSoon() {
	d.mu.Lock()
	d.left.next, d.left.ask = time.Time{}, d.store != nil && d.store.Mark().Stage == store.Clearing
	d.mu.Unlock()
	d.look()
}

func (d *Daemon) clear(ctx context.Context, here place, other string, ask bool) error {
	o, err := d.open(ctx, other, ask)
	if err != nil {
		return err
	}
	defer d.close(o)
	if ask {
		if err := o.items.Unlock(ctx); err != nil {
			return err
		}
	}
	m := store.Move{From: o.store, FromName: other, To: here.store, ToName: here.backend}
	return m.Clear(ctx)
}

// moveWarnings tell what a move does or has left to do. With d.mu held.
func (d *Daemon) moveWarnings() (list []api.Warning) {
	if m := d.moving; m != nil {
		if state, over, err := m.look(); !over {
			w := api.Warning{Code: "store-moving", Severity: "info", Text: fmt.Sprintf("all keys are being moved from %s to %s: they are handed out as ever, and no rotation goes on meanwhile", state.From, state.To)}
			if err != nil {
				w.Severity, w.Text, w.Remedy = "error", w.Text+"; it stands still: "+err.Error(), "awskeyd goes on by itself"
			}
			list = append(list, w)
		}
	}
	if d.store != nil && d.left.err != nil && d.left.unnamed == nil && d.store.Mark().Stage == store.Clearing {
		list = append(list, api.Warning{Code: "store-left-behind", Severity: "warning",
			Text:   fmt.Sprintf("the keys are in %s, and what is left of them in %s could not be taken away yet: %s", d.backend, d.store.Mark().Other, d.left.err),
			Remedy: "make " + d.store.Mark().Other + " available; awskeyd tries again by itself; if it must ask you, type: awskey store migrate " + d.backend})
	}
	if d.left.unnamed != nil && d.config.Store().Backend != d.backend {
		list = append(list, api.Warning{Code: "store-not-named", Severity: "warning",
			Text:   "the keys are in " + d.backend + ", and the configuration could not be changed to say so: " + d.left.unnamed.Error(),
			Remedy: fmt.Sprintf("write backend = %q below [store] in %s", d.backend, d.files.configs.User)})
	}
	return list
}
