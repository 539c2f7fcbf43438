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

// worked notes that something is asked for or done. It costs a helper's answer two
// loads and a store.
func (d *Daemon) worked() {
	d.busy.Store(time.Now().Unix())
	if d.rests.Load() {
		select {
		case d.stirred <- struct{}{}:
		default: // it is about to
		}
	}
}

// mindMemory gives memory back in each rest, the process's own and, where the system
// lets it, the pages of the program, and keeps Go's collector from coming every two
// minutes then, which would wake every thread: it has just been. That also overwrites
// what was left of secrets, and soon after the work instead of at some time.
func (d *Daemon) mindMemory(ctx context.Context) {
	for {
		for left := restAfter; left > 0; {
			t := time.NewTimer(left)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
			left = time.Until(time.Unix(d.busy.Load()+1, 0).Add(restAfter)) // whole seconds were noted
			if left > 2*restAfter { // the clock was set back
				d.busy.Store(time.Now().Unix())
				left = restAfter
			}
		}
		d.rests.Store(true)
		forget()
		programPages()
		end := collectLess()
		select {
		case <-ctx.Done():
		case <-d.stirred:
		}
		d.rests.Store(false)
		end()
		if ctx.Err() != nil {
			return
		}
	}
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
