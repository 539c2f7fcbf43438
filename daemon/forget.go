package daemon

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
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
// wipe. The collector does it (see overwriting), twice: what lies in a sync.Pool
// is freed at the second.
func forget() {
	runtime.GC()
	runtime.GC()
	debug.FreeOSMemory()
}

// overwriting is the setting with which Go's collector overwrites what it frees
// (package runtime, environment variables). It is read once, before main.
const overwriting = "clobberfree=1"

// overwrite executes the program anew with that setting, unless it has it. It
// returns where that is not possible: then what was freed lies about until its
// place is needed.
func overwrite(again func() error) {
	settings := os.Getenv("GODEBUG")
	if strings.Contains(settings, overwriting) {
		return
	}
	if settings != "" {
		settings += ","
	}
	if os.Setenv("GODEBUG", settings+overwriting) == nil {
		_ = again()
	}
}
