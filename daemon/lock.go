package daemon

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/atomicfile"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/failpoint"
)

// locker is who or what has locked the store, in the words of [store] lock_on.
// What a person locked, or what was locked since nobody was there, a person
// unlocks; the others end by themselves.
type locker string

const (
	byPerson locker = "person"
	byIdle   locker = "idle"
	byScreen locker = "screen-lock"
	bySleep  locker = "sleep"
)

// over reports whether a lock takes the place of another one.
func (l locker) over(other locker) bool {
	rank := map[locker]int{"": 0, bySleep: 1, byScreen: 2, byIdle: 3, byPerson: 4}
	return rank[l] > rank[other]
}

func (l locker) text() string {
	switch l {
	case byIdle:
		return "the store is locked, since nothing was asked for in a while (lock_on)"
	case byScreen:
		return "the store was locked with the screen (lock_on)"
	case bySleep:
		return "the store was locked when the machine went to sleep (lock_on)"
	default:
		return "the store is locked; nothing is handed out, and rotations stand still"
	}
}

// refusal is what everybody is told who asks for a secret meanwhile.
func (l locker) refusal() *api.Error {
	return api.NewError(helper.ExitLocked, "locked", "locked", "type: awskey unlock")
}

// markFile, in the state folder, says that the store is locked: a daemon that a
// helper starts after this one has died must not open it again unasked.
const markFile = "locked"

// readMark reads who has locked the store. A mark that cannot be understood was
// set by a person.
func readMark(stateDir string) locker {
	text, err := os.ReadFile(filepath.Join(stateDir, markFile))
	by := locker(bytes.TrimSpace(text))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil || !by.over(""):
		return byPerson
	case by == bySleep:
		return "" // whoever begins is awake
	}
	return by
}

func (d *Daemon) mark(by locker) error {
	return atomicfile.Write(filepath.Join(d.files.state, markFile), []byte(by+"\n"), 0o600)
}

func (d *Daemon) unmark() error {
	err := os.Remove(filepath.Join(d.files.state, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Lock forgets every secret, because a person said so.
func (d *Daemon) Lock(ctx context.Context) (api.Store, error) {
	if err := d.lock(byPerson); err != nil {
		return api.Store{}, api.NewError(helper.ExitFailed, "not-marked", "it is locked, but an awskeyd that begins anew would open the store again: "+err.Error(), "mend the state folder and type: awskey lock")
	}
	return d.storeNow(), nil
}

// lock closes the store. From its first moment on nothing is handed out; it
// returns when a created access key is stored and every secret is forgotten. The
// error is of the mark alone.
func (d *Daemon) lock(by locker) error {
	d.mu.Lock()
	for _, end := range []func(){d.giveUp, d.callOff} {
		if end != nil {
			end()
		}
	}
	d.mu.Unlock()
	d.opening.Lock()
	defer d.opening.Unlock()
	d.mu.Lock()
	if !by.over(d.locked) {
		by = d.locked
	}
	news := d.locked == ""
	d.locked, d.openErr = by, nil
	d.mu.Unlock()
	err := d.mark(by)
	failpoint.At("daemon.marked")
	d.endSet()
	forget()
	select {
	case d.forgets <- struct{}{}:
	default:
	}
	if news {
		d.tell(api.Event{Time: time.Now().UTC(), Event: "locked", Text: "the store was locked (" + string(by) + ")"})
	}
	return err
}

// unlockedBy opens the store again once what had locked it is over. What
// somebody else has locked meanwhile stays locked.
func (d *Daemon) unlockedBy(ctx context.Context, by locker) {
	if d.lockedBy() != by {
		return
	}
	d.opening.Lock() // whoever is locking it is seen through first
	over := d.lockedBy() == by
	if over {
		d.unlocked()
	}
	d.opening.Unlock()
	if over {
		d.openStore(ctx, false)
		d.look() // who minds the store has thought it locked
	}
}

// unlocked ends the lock, of which nothing is left in memory or on disk. With
// d.opening held.
func (d *Daemon) unlocked() {
	if err := d.unmark(); err != nil {
		d.log.Warn("the store is unlocked, but an awskeyd that begins anew will take it for locked", "error", err)
	}
	failpoint.At("daemon.unmarked")
	d.mu.Lock()
	was := d.locked
	d.locked = ""
	d.mu.Unlock()
	if was != "" {
		d.tell(api.Event{Time: time.Now().UTC(), Event: "unlocked", Text: "the store was unlocked"})
	}
}

// lookLimit bounds how long Unlock waits for what it opened to be read.
const lookLimit = 15 * time.Second

// Unlock opens the store again, for which the keychain may ask the person who
// said so. Whatever goes wrong, it is as locked as it was.
func (d *Daemon) Unlock(ctx context.Context) (api.Store, error) {
	waiting, done, err := d.attended(ctx)
	if err != nil {
		return api.Store{}, err
	}
	err = d.unlock(waiting)
	calledOff := waiting.Err() != nil
	done()
	d.mu.Lock()
	backend, set := d.backend, d.set
	d.mu.Unlock()
	switch {
	case err != nil && calledOff:
		return api.Store{}, api.NewError(helper.ExitLocked, "given-up", "the store was not unlocked: nobody answered in time, or it was called off", "type: awskey unlock")
	case err != nil:
		return api.Store{}, keys.StoreError("unlock the store "+backend, err)
	case set == nil:
		_, err := d.keySet() // no store is chosen, or it was locked again at once
		return api.Store{}, err
	}
	looking, stop := context.WithTimeout(ctx, lookLimit)
	defer stop()
	if err := set.LookAgain(looking); errors.Is(err, store.ErrLocked) || errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrHung) || errors.Is(err, store.ErrUnavailable) {
		return api.Store{}, keys.StoreError("read the store "+backend, err)
	}
	return d.storeNow(), nil
}

// attended is for what may wait for a person, once at a time: a lock ends it.
func (d *Daemon) attended(ctx context.Context) (waiting context.Context, done func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.giveUp != nil {
		return nil, nil, api.NewError(helper.ExitHeld, "busy", "the store is being unlocked already", "answer the prompt that is open")
	}
	waiting, d.giveUp = context.WithCancel(ctx)
	return waiting, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.giveUp()
		d.giveUp = nil
	}, nil
}

func (d *Daemon) unlock(ctx context.Context) error {
	d.opening.Lock()
	defer d.opening.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	o, open := place{d.backend, d.opened, d.store}, d.set != nil
	d.mu.Unlock()
	if open {
		return o.items.Unlock(ctx)
	}
	o, err := d.openKeychain(ctx, true)
	if err != nil || o.items == nil { // or none is chosen yet
		return err
	}
	if err := o.items.Unlock(ctx); err != nil {
		return errors.Join(err, o.items.Close())
	}
	if o, err = d.follow(ctx, o, true); err != nil {
		return err
	}
	d.unlocked()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begin(context.WithoutCancel(ctx), o)
	d.look() // at what a move may have left to do
	return nil
}

func (d *Daemon) lockedBy() locker {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.locked
}

func (d *Daemon) storeNow() api.Store {
	s, _ := d.Status(context.Background()) // it never fails
	return s.Daemon.Store
}
