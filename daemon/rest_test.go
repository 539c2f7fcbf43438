package daemon

import (
	"context"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"
)

// collector is what the collector goes by: a percentage and a limit in bytes.
func collector() [2]uint64 {
	read := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(read)
	return [2]uint64{read[0].Value.Uint64(), read[1].Value.Uint64()}
}

// A rest begins when nothing is under way any more, and with its end all is as it was.
func TestARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := collector()
		ctx, cancel := context.WithCancel(t.Context())
		d := &Daemon{stirred: make(chan struct{}, 1)}
		ended := make(chan struct{})
		go func() { d.mindMemory(ctx); close(ended) }()
		d.works()
		time.Sleep(time.Minute)
		if d.resting.Load() || collector() != before {
			t.Error("it rests while something is under way")
		}
		d.done()
		time.Sleep(2*restAfter + time.Second)
		if !d.resting.Load() || collector()[0] == before[0] || collector()[1] >= before[1] {
			t.Errorf("it does not rest: %v, and before %v", collector(), before)
		}
		d.worked()
		synctest.Wait()
		if d.resting.Load() || collector() != before {
			t.Errorf("it rests though something was done: %v, and before %v", collector(), before)
		}
		d.busy.Store(time.Now().Add(48 * time.Hour).Unix()) // the clock is set back two days
		time.Sleep(3*restAfter + time.Second)
		if !d.resting.Load() {
			t.Error("a clock that was set back keeps it from resting")
		}
		cancel()
		<-ended
		if collector() != before {
			t.Errorf("it has ended, and the collector goes by %v", collector())
		}
	})
}
