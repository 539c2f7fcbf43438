package rotation_test

import (
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

func TestClock(t *testing.T) {
	wall := t0
	at := func(wall time.Time, awake time.Duration) rotation.Instant {
		return rotation.Instant{Wall: wall, Awake: awake}
	}
	var c rotation.Clock
	if _, known, _ := c.At(at(wall, time.Hour)); known {
		t.Error("the zero clock knows AWS's time")
	}
	// Asked at 0 s, answered at 2 s: AWS wrote its time at about 1 s, which is
	// then 90 s ahead, in the middle of a second.
	c.Measure(wall.Add(91*time.Second), at(wall, time.Hour), at(wall.Add(2*time.Second), time.Hour+2*time.Second))
	offset, known, measured := c.At(at(wall.Add(time.Minute), time.Hour+time.Minute))
	if !known || offset != 90500*time.Millisecond || measured != time.Hour+2*time.Second {
		t.Errorf("offset %s (%v) measured at %s", offset, known, measured)
	}
	for name, i := range map[string]rotation.Instant{
		"a sleep of an hour":  at(wall.Add(2*time.Hour), 2*time.Hour-59*time.Minute),
		"set back an hour":    at(wall.Add(-time.Hour), time.Hour+time.Minute),
		"set ahead 3 seconds": at(wall.Add(time.Minute+3*time.Second), time.Hour+time.Minute),
	} {
		if _, known, _ := c.At(i); known {
			t.Errorf("%s: the offset is still trusted", name)
		}
	}
	before := c
	c.Measure(time.Time{}, at(wall, 0), at(wall, 0))
	c.Measure(wall, at(wall, time.Hour), at(wall.Add(time.Hour), time.Hour+time.Second)) // slept in the middle
	if c != before {
		t.Error("an answer without a date, or one over a sleep, counts as a measure")
	}
}
