package daemon

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// forgetLater forgets once more after each lock: the connections that were open
// then, the one that brought the word among them, let go of their buffers only
// when they end (an idle one after 30 s).
func (d *Daemon) forgetLater(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.forgets:
		}
		for _, wait := range []time.Duration{500 * time.Millisecond, 2 * time.Second, 5 * time.Second, 35 * time.Second} {
			t := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
			if d.lockedBy() == "" {
				break
			}
			forget()
		}
	}
}

// forget overwrites what is left of secrets in memory that nobody uses any more:
// strings of the AWS SDK, buffers of JSON and of connections, which nobody can
// wipe. Go clears memory when it hands it out again, not when it is freed; so all
// that is free is handed out once, and what is not needed goes back to the system.
func forget() {
	// Twice: what lies in a sync.Pool is freed at the second.
	runtime.GC()
	runtime.GC()
	unused := []metrics.Sample{{Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(unused)
	free := int(unused[0].Value.Uint64()) // in all sizes together, hence at most this in each
	var sizes runtime.MemStats
	runtime.ReadMemStats(&sizes)
	for _, class := range sizes.BySize {
		if size := int(class.Size); size >= 16 { // no secret is shorter
			handOut(size, free/size+1)
		}
	}
	for size := 20 << 10; size <= 32<<10; size += 2 << 10 { // BySize ends before the last few
		handOut(size, free/size+1)
	}
	debug.FreeOSMemory()
}

// handOut has n pieces of memory of a size at the same time.
func handOut(size, n int) {
	pieces := make([][]byte, n)
	for i := range pieces {
		pieces[i] = make([]byte, size)
	}
	runtime.KeepAlive(pieces)
}
