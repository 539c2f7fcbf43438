//go:build unix

package soak

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// world is time, as AWS, the laptop's wall clock and its programs see it. The
// bubble's own clock is that of the running programs: it stands still while the
// laptop sleeps, as the monotonic clock does.
type world struct {
	t    *testing.T
	seed uint64

	jump  sync.RWMutex // held while time jumps; readers act at one moment
	slept atomic.Int64
	wrong atomic.Int64 // what the laptop's wall clock is ahead of AWS's
	naps  int
}

// aws is the true time.
func (w *world) aws() time.Time { return time.Now().Round(0).Add(time.Duration(w.slept.Load())) }

// wall is what the laptop takes for the time.
func (w *world) wall() time.Time { return w.aws().Add(time.Duration(w.wrong.Load())) }

// sleep closes the laptop's lid for a while.
func (w *world) sleep(d time.Duration) {
	w.jump.Lock()
	defer w.jump.Unlock()
	w.slept.Add(int64(d))
	w.naps++
}

// actor is a source of decisions that do not depend on those of others.
func (w *world) actor(n uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, n)) }

// between draws a duration.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}
