package keys

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// agenda knows when each key at rest is to look at itself again. One timer serves
// them all, so that a key that waits for weeks costs nothing meanwhile, and one that
// is due O(log n).
type agenda struct {
	mu     sync.Mutex
	keys   byDue
	sooner chan struct{} // the first of them is another one by now
}

// put lets k rest until a time on the clock of Set.instant that no sleep and nobody
// who sets the time moves.
func (a *agenda) put(k *Key, due time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k.due = due
	if heap.Push(&a.keys, k); k.place == 0 {
		select {
		case a.sooner <- struct{}{}:
		default:
		}
	}
}

// drop takes k out, if it is in.
func (a *agenda) drop(k *Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k.place >= 0 {
		heap.Remove(&a.keys, k.place)
	}
}

// look returns the keys that are due, which it leaves in, and how long nothing is
// to be done once they have been dropped, most at the most.
func (a *agenda) look(now, most time.Duration) (due []*Key, rest time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	rest = most
	// A heap's children are never due before their parent is.
	for at := []int{0}; len(at) > 0; at = at[1:] {
		i := at[0]
		switch {
		case i >= len(a.keys):
		case a.keys[i].due <= now:
			due = append(due, a.keys[i])
			at = append(at, 2*i+1, 2*i+2)
		default:
			rest = min(rest, a.keys[i].due-now)
		}
	}
	return due, rest
}

// byDue is a heap of keys at rest.
type byDue []*Key

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return h[i].due < h[j].due }

func (h byDue) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *byDue) Push(k any) {
	k.(*Key).place = len(*h)
	*h = append(*h, k.(*Key))
}

func (h *byDue) Pop() any {
	last := len(*h) - 1
	k := (*h)[last]
	(*h)[last] = nil
	*h, k.place = (*h)[:last], -1
	return k
}

// How long at most until the next look at the clocks: timers stand still while a
// laptop sleeps (golang/go#35012), the wall clock does not. Where somebody tells of
// that, no look is needed, and what is left is a net.
const (
	lookEvery = time.Minute
	lookTold  = 15 * time.Minute
)

// jump is how far the two clocks may part between two looks before one was set, or
// the machine slept.
const jump = time.Second

// keepTime wakes every key that is due, and all of them when the clock by which they
// have reckoned is another one by now.
func (s *Set) keepTime(ctx context.Context) {
	most := lookEvery
	clock := make(chan struct{}, 1)
	var deaf chan struct{} // closed once nobody tells
	if s.ClockSet != nil {
		most, deaf = lookTold, make(chan struct{})
		s.owned.Go(func() {
			defer close(deaf)
			if err := s.ClockSet(ctx, clock); ctx.Err() == nil {
				s.log.Info("awskeyd looks at the clock once a minute", "error", err)
			}
		})
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	for last := s.instant(); ; {
		select {
		case <-ctx.Done():
			for _, k := range s.all() { // who has something to store begins at once
				k.cease()
			}
			return
		case <-deaf:
			most, deaf = lookEvery, nil
		case <-clock:
		case <-s.agenda.sooner:
		case <-timer.C:
		}
		now := s.instant()
		if parted(last, now) >= jump {
			for _, k := range s.all() {
				k.Wake()
			}
		}
		last = now
		due, rest := s.agenda.look(now.Awake, most)
		for _, k := range due {
			k.Wake()
		}
		timer.Reset(rest)
	}
}

// parted is how far the two clocks went apart between two moments.
func parted(from, to rotation.Instant) time.Duration {
	return (to.Wall.Sub(from.Wall) - (to.Awake - from.Awake)).Abs()
}
