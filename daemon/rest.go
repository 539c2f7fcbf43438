package daemon

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

// restAfter is how long nothing is asked for and nothing done before the daemon
// gives back what it does not need at rest.
const restAfter = 5 * time.Second

// restRoom is what may be allocated in a rest before the collector comes all the
// same, in bytes: looks at files, requests for the status.
const restRoom = 16 << 20

// worked notes that something was done, or is about to be.
func (d *Daemon) worked() {
	d.busy.Store(time.Now().Unix())
	if d.resting.Load() {
		select {
		case d.stirred <- struct{}{}:
		default: // it is about to
		}
	}
}

// works notes that something is begun that may take long, until done.
func (d *Daemon) works() {
	d.working.Add(1)
	d.worked()
}

func (d *Daemon) done() {
	d.worked()
	d.working.Add(-1)
}

// mindMemory gives memory back in each rest, the process's own and, where the system
// lets it, the pages of the program, and keeps Go's collector from coming every two
// minutes then, which would wake every thread: it has just been. That also overwrites
// what was left of secrets, and soon after the work instead of at some time.
func (d *Daemon) mindMemory(ctx context.Context) {
	for d.quiet(ctx) {
		d.resting.Store(true)
		if d.untilQuiet() > 0 { // something was begun that has stirred nobody
			d.resting.Store(false)
			continue
		}
		forget()
		programPages()
		end := collectLess()
		select {
		case <-ctx.Done():
		case <-d.stirred:
		}
		d.resting.Store(false)
		end()
	}
}

// quiet waits until nothing was done for restAfter; false: ctx has ended.
func (d *Daemon) quiet(ctx context.Context) bool {
	for left := restAfter; left > 0; left = d.untilQuiet() {
		t := time.NewTimer(left)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-t.C:
		}
	}
	return true
}

// untilQuiet is how long until then at the least.
func (d *Daemon) untilQuiet() time.Duration {
	d.mu.Lock()
	set := d.set
	d.mu.Unlock()
	if d.working.Load() > 0 || set != nil && set.AtWork() {
		return restAfter
	}
	left := time.Until(time.Unix(d.busy.Load()+1, 0).Add(restAfter)) // whole seconds were noted
	if left > 2*restAfter {                                          // the clock was set back
		d.busy.Store(time.Now().Unix())
		return restAfter
	}
	return left
}

// collectLess lets the collector come only when restRoom is used up, until end is
// called.
func collectLess() (end func()) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	limit := debug.SetMemoryLimit(-1)
	percent := debug.SetGCPercent(-1)
	if room := int64(m.Sys-m.HeapReleased) + restRoom; room < limit {
		debug.SetMemoryLimit(room)
	}
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
