package fleet

import (
	"testing"
	"time"
)

func TestABucketIsRefilledEverySecond(t *testing.T) {
	b := newBucket(2, 5)
	took := func(at moment, n int) (got int) {
		for range n {
			if b.take(at) {
				got++
			}
		}
		return got
	}
	for _, x := range []struct {
		at        moment
		ask, want int
	}{
		{0, 7, 5},                                 // the burst
		{900 * time.Millisecond, 3, 0},            // the same second
		{time.Second, 3, 2},                       // the rate
		{4*time.Second + time.Millisecond, 9, 5},  // three seconds' worth, at most the burst
		{60 * time.Second, 1, 1},                  // the next minute
		{60*time.Second + time.Nanosecond, 6, 4},  // what is left of it
		{61*time.Second - time.Nanosecond, 10, 0}, // still that second
	} {
		if got := took(x.at, x.ask); got != x.want {
			t.Errorf("at %v it gives %d of %d calls, not %d", x.at, got, x.ask, x.want)
		}
	}
	if b.calls != 39 || b.throttled != 39-17 || b.second.most != 17 || b.minute.most != 22 {
		t.Errorf("%+v", b)
	}
}
