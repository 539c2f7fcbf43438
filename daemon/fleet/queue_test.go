package fleet

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Events come in order of their seconds, and of their arrival within one, also
// those that are put in meanwhile.
func TestQueueKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "events")
		first := rapid.IntRange(-3, 3).Draw(t, "day")
		q := newQueue(n, first)
		at := func() moment {
			return moment(rapid.Int64Range(0, int64(3*day)).Draw(t, "at")).Truncate(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Minute, day}).Draw(t, "grain"))
		}
		type one struct {
			event  int
			second int64
			order  int
		}
		base := moment(first) * day
		second := func(m moment) int64 { return int64((m - base) / time.Second) }
		var want, got []one
		put := func(event int, m moment) {
			want = append(want, one{event, second(m), len(want)})
			q.put(event, m)
		}
		for i := range n {
			put(i, base+at())
		}
		again := rapid.IntRange(0, 30).Draw(t, "again")
		q.run(first+3+3*again+1, func(event int, m moment) {
			i := slices.IndexFunc(want, func(o one) bool { return o.event == event && !slices.Contains(got, o) })
			got = append(got, want[i])
			if second(m) != want[i].second {
				t.Fatalf("event %d came at %v", event, m)
			}
			if again--; again >= 0 {
				put(event, m+at())
			}
		}, func() bool { return len(got) == len(want) })
		slices.SortFunc(want, func(a, b one) int {
			if a.second != b.second {
				return int(a.second - b.second)
			}
			return a.order - b.order
		})
		if !slices.Equal(want, got) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestQueueEnds(t *testing.T) {
	q := newQueue(1, 0)
	q.put(0, hour)
	days := 0
	q.run(400, func(event int, m moment) { q.put(event, m+day) }, func() bool { days++; return days > 10 })
	if days != 11 || q.day != 10 {
		t.Errorf("it ran until day %d and asked %d times", q.day, days)
	}
	q.run(12, func(event int, m moment) { q.put(event, m+day) }, func() bool { return false })
	if q.day != 13 {
		t.Errorf("it ran until day %d", q.day)
	}
}
