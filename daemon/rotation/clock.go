package rotation

import "time"

// Instant is one moment on both of a machine's clocks. The wall clock can be
// set and runs on through a sleep; the other one, since the process began, does
// neither everywhere (golang/go#35012).
type Instant struct {
	Wall  time.Time
	Awake time.Duration
}

// since is how far two instants lie apart on each clock.
func (i Instant) since(j Instant) (wall, awake time.Duration) {
	return i.Wall.Sub(j.Wall), i.Awake - j.Awake
}

// Clock knows how far AWS's clock is from the local one, as long as nothing has
// happened to the local one. The zero Clock knows nothing.
type Clock struct {
	offset time.Duration
	at     Instant
	known  bool
}

// drift is how far the two local clocks may part before one of them was set, or
// the machine slept.
const drift = 2 * time.Second

// Measure learns from an answer's Date header. Date is cut to whole seconds: the
// middle of that second is the best guess, less half the way. An answer during
// which the machine slept, or its clock was set, says nothing.
func (c *Clock) Measure(date time.Time, sent, received Instant) {
	wall, awake := received.since(sent)
	if date.IsZero() || (wall-awake).Abs() > drift/2 {
		return
	}
	offset := date.Add(500 * time.Millisecond).Sub(sent.Wall.Add(awake / 2)).Round(time.Millisecond)
	*c = Clock{offset: offset, at: received, known: true}
}

// At is AWS's clock minus the local one, and when it was measured. It is not
// known before the first answer, nor after the local clock was set or the
// machine slept.
func (c Clock) At(now Instant) (offset time.Duration, known bool, measured time.Duration) {
	if wall, awake := now.since(c.at); !c.known || (wall-awake).Abs() >= drift {
		return 0, false, 0
	}
	return c.offset, true, c.at.Awake
}
