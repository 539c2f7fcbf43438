package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/failpoint"
)

// place is where keys can be kept: a keychain with the store over it.
type place struct {
	backend string
	items   Keychain
	store   *store.Store
}

// open opens a keychain by the name of its backend. The caller closes it.
func (d *Daemon) open(ctx context.Context, backend string, ask bool) (place, error) {
	s := d.current().Store()
	items, err := d.keychains.Open(ctx, backend, KeychainOptions{
		Folder: d.files.items, PassphraseFile: s.PassphraseFile, Volatile: s.Volatile, Ask: ask, Log: d.log,
	})
	if err != nil {
		return place{}, err
	}
	return place{backend, items, store.New(items, d.identity)}, nil
}

func (d *Daemon) close(o place) {
	if err := o.items.Close(); err != nil {
		d.log.Warn("closing the store", "backend", o.backend, "error", err)
	}
}

// mindStore opens the store, and goes on trying while it cannot be opened; it
// moves the keys to another one when a person says so. True: the program must
// begin anew to reach the store.
func (d *Daemon) mindStore(ctx context.Context) (restart bool) {
	d.openStore(ctx, false)
	close(d.looked)
	for {
		d.mu.Lock()
		waiting, set, halfway := d.openErr != nil && d.locked == "", d.set, d.moving != nil && d.moving.halfway()
		d.mu.Unlock()
		d.clearLeft(ctx)
		wait := storeRests
		switch {
		case waiting || halfway || set != nil && set.Trouble() != nil:
			wait = 3 * time.Second
		case d.keychains.Away != nil && d.keychains.Away() || d.somethingLeft():
			wait = 30 * time.Second
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-d.nudge:
			t.Stop()
			d.migrate(ctx)
			continue
		case <-d.keychains.Lost:
			t.Stop()
		case <-t.C:
		}
		if d.keychains.Stale != nil && d.keychains.Stale(ctx) {
			d.log.Info("the session bus is there again: awskeyd begins anew")
			return true
		}
		switch {
		case halfway:
			d.migrate(ctx)
		case set != nil && errors.Is(set.Trouble(), store.ErrMoved): // read only now, as a keychain was unlocked
			d.closeStore()
			d.openStore(ctx, false)
		case waiting:
			d.openStore(ctx, false)
		}
	}
}

// storeRests is how long nobody looks after a store that is well: what is to be done
// with it comes with a nudge, or with the loss of its keychain.
const storeRests = 15 * time.Minute

// takeStore keeps the store for something long, which a lock calls off. For the
// goroutine that minds the store alone.
func (d *Daemon) takeStore(ctx context.Context) (taken context.Context, done func()) {
	taken, cancel := context.WithCancel(ctx)
	d.mu.Lock()
	d.callOff = cancel
	d.mu.Unlock()
	d.opening.Lock()
	return taken, func() {
		d.opening.Unlock()
		d.mu.Lock()
		d.callOff = nil
		d.mu.Unlock()
		cancel()
	}
}

// openStore opens the keychain that the configuration names, if any, and if
// nobody has locked it. With a keychain that cannot be opened the daemon runs all
// the same and says so.
func (d *Daemon) openStore(ctx context.Context, ask bool) {
	d.opening.Lock()
	defer d.opening.Unlock()
	d.mu.Lock()
	idle := d.set != nil || d.locked != ""
	d.mu.Unlock()
	if idle {
		return
	}
	d.working.Add(1)
	defer d.done()
	o, err := d.openKeychain(ctx, ask)
	if o.items == nil && err == nil {
		return // none is chosen yet
	}
	if err == nil {
		o, err = d.follow(ctx, o, ask)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.openErr
	if d.openErr = err; err != nil {
		if was == nil || was.Error() != err.Error() { // it is tried every few seconds
			d.log.Error("cannot open the store", "backend", d.backend, "error", err)
		}
		return
	}
	d.begin(ctx, o)
}

// openKeychain opens the keychain in force; nothing, if none is chosen yet.
// Without d.mu: one that hangs must not make status wait.
func (d *Daemon) openKeychain(ctx context.Context, ask bool) (place, error) {
	d.mu.Lock()
	backend := d.inForce().Store().Backend
	if backend != "" {
		d.backend = backend
	}
	d.mu.Unlock()
	if backend == "" {
		return place{}, nil
	}
	return d.open(ctx, backend, ask)
}

// inForce is the configuration that [store] and [aws] are taken from. With d.mu
// held.
func (d *Daemon) inForce() *config.Config {
	if d.fixed != nil {
		return d.fixed
	}
	return d.config
}

// begin begins the life of the keys. With d.mu held.
func (d *Daemon) begin(ctx context.Context, o place) {
	failpoint.At("daemon.opened")
	d.backend, d.opened, d.store, d.openErr = o.backend, o.items, o.store, nil
	d.fixed = d.inForce().Moved(o.backend)
	d.asked.Store(time.Now().Unix())
	ctx, d.stopSet = context.WithCancel(context.WithoutCancel(ctx))
	d.set = keys.Open(ctx, keys.Options{
		Store: o.store, StateDir: d.files.state,
		Settings: d.settings, Profiles: d.profiles, AWS: d.awsFor(), Endpoint: d.endpointFor(), With: d.rotateWith,
		History: d.tell, Log: d.log, LockTaken: d.since, Wall: time.Now, ClockSet: clockSet,
	})
	d.lookAround()
}

// closeStore ends every key: a created access key is stored first.
func (d *Daemon) closeStore() {
	d.opening.Lock() // whoever locks is seen through
	defer d.opening.Unlock()
	d.endSet()
}

// errClosed is a move that stood still when the store was closed.
var errClosed = api.NewError(helper.ExitLocked, "locked", "the store was closed in the midst of the move; which one the keys are in shows when it is opened again", "type: awskey unlock")

// endSet closes the store, if it is open. With d.opening held.
func (d *Daemon) endSet() {
	d.mu.Lock()
	set, stop, o, moving := d.set, d.stopSet, place{d.backend, d.opened, d.store}, d.moving
	d.set, d.stopSet, d.opened, d.store = nil, nil, nil, nil
	d.mu.Unlock()
	if set == nil {
		return
	}
	failpoint.At("daemon.closing")
	stop()
	set.Close()
	failpoint.At("daemon.closed")
	d.mu.Lock()
	d.since = time.Now()
	d.mu.Unlock()
	if moving != nil && moving.halfway() {
		moving.end(true, errClosed)
		d.close(moving.to)
	}
	d.close(o)
}
