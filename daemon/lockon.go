package daemon

import (
	"context"
	"time"

	"github.com/awskeyd/awskeyd/daemon/config"
)

// occasion is what the machine tells of: something that locks the store begins,
// or is over.
type occasion struct {
	by   locker
	over bool
}

// mindOccasions locks the store upon what [store] lock_on names, and opens it
// again when the machine is awake or its screen unlocked: most keychains can
// then be read without a prompt, and one that cannot says so. What idleness has
// locked a person unlocks, and whatever nobody tells the end of.
func (d *Daemon) mindOccasions(ctx context.Context, on config.LockOn) {
	if !on.Sleep && !on.ScreenLock {
		return
	}
	listen(ctx, d.env, on, func(o occasion) {
		if o.over {
			d.unlockedBy(ctx, o.by)
			return
		}
		if err := d.lock(o.by); err != nil {
			d.log.Warn("the lock is not marked in the state folder", "error", err)
		}
	}, d.deaf)
}

// deaf notes why nobody tells of sleep and of the screen; nil: somebody does.
func (d *Daemon) deaf(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.noEars == nil {
		d.log.Warn("nobody tells of sleep and of the screen: lock_on cannot lock", "error", err)
	}
	d.noEars = err
}

// mindIdle locks when nobody has asked for credentials in a while, by the wall
// clock: timers stand still while the machine sleeps.
func (d *Daemon) mindIdle(ctx context.Context, limit time.Duration) {
	if limit == 0 {
		return
	}
	every := min(limit/10, 30*time.Second)
	for {
		t := time.NewTimer(every)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		now := time.Now().Unix()
		asked := d.asked.Load()
		if asked > now { // the clock was set back
			d.asked.Store(now)
		}
		if d.lockedBy() == "" && time.Duration(now-asked)*time.Second >= limit {
			if err := d.lock(byIdle); err != nil {
				d.log.Warn("the lock is not marked in the state folder", "error", err)
			}
		}
	}
}
