package fleet

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestALaptopsWeek(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := chance{rapid.Uint64().Draw(t, "seed")}
		i := rapid.IntRange(0, 5000).Draw(t, "laptop")
		m := moment(rapid.Int64Range(int64(-90*day), int64(90*day)).Draw(t, "moment"))
		from := c.awakeFrom(i, m)
		switch n := dayOf(from); {
		case from < m, from > m+3*day:
			t.Fatalf("%v after %v", from, m)
		case !works(n), from < c.wakes(i, n), from >= c.asleep(i, from):
			t.Fatalf("asleep at %v", from)
		}
		if a, b := c.awake(i, m), c.awake(i, from); a != b {
			t.Fatalf("from %v to %v it was awake for %v", m, from, b-a)
		}
		if back := c.whenAwake(i, c.awake(i, from)); back != from {
			t.Fatalf("%v became %v", from, back)
		}
		d := time.Duration(rapid.Int64Range(1, int64(shift)).Draw(t, "later"))
		if later := c.later(i, from, d); later <= from || c.awake(i, later)-c.awake(i, from) != d {
			t.Fatalf("%v after %v is %v", d, from, later)
		}
		if week := c.awake(i, m+7*day) - c.awake(i, m); week < 5*shift-15*time.Minute || week > 5*shift+15*time.Minute {
			t.Fatalf("a week of %v", week)
		}
		if opens := c.wakes(i, 0); opens < 7*hour || opens >= 9*hour {
			t.Fatalf("woken at %v", opens)
		}
	})
}

func TestWeekdays(t *testing.T) {
	for day, want := range map[int]struct {
		works bool
		until int // working days since the Monday
	}{-7: {true, -5}, -3: {true, -1}, -2: {false, 0}, -1: {false, 0}, 0: {true, 0}, 4: {true, 4}, 5: {false, 5}, 6: {false, 5}, 7: {true, 5}, 13: {false, 10}} {
		if works(day) != want.works || workdays(day) != want.until {
			t.Errorf("day %d: works %v, %d working days before it", day, works(day), workdays(day))
		}
		if got := monday.AddDate(0, 0, day).Weekday(); (got != time.Saturday && got != time.Sunday) != want.works {
			t.Errorf("day %d is a %s", day, got)
		}
	}
	if dayOf(-1) != -1 || dayOf(-day) != -1 || dayOf(-day-1) != -2 || dayOf(day) != 1 {
		t.Error("days begin at midnight")
	}
}
