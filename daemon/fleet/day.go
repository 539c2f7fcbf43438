package fleet

import "time"

// A moment is the time since the Monday, in this machine's zone, on which a
// calculation begins.
type moment = time.Duration

const (
	hour  = time.Hour
	day   = 24 * hour
	shift = 8 * hour // that a laptop is awake on a working day
)

// monday begins a summer: no clock changes for months in most zones. Schedules
// are of local time (see [rotation.Due]), and so is the day.
var monday = time.Date(2026, time.May, 4, 0, 0, 0, 0, time.Local)

func at(m moment) time.Time { return monday.Add(m) }

// dayOf numbers the days from the Monday on, those before it below zero.
func dayOf(m moment) int {
	n := int(m / day)
	if m%day < 0 {
		n--
	}
	return n
}

// works holds for Mondays to Fridays.
func works(n int) bool { return mod(n, 7) < 5 }

// workdays counts the working days from the Monday to a day.
func workdays(n int) int {
	rest := mod(n, 7)
	return (n-rest)/7*5 + min(rest, 5)
}

func mod(n, m int) int { return ((n % m) + m) % m }

// chance is all that is random. It has no state: what is asked for a laptop is
// the same whatever was asked before.
type chance struct{ seed uint64 }

// below is a duration in [0, most), one for each laptop and question.
func (c chance) below(most time.Duration, laptop, question int) time.Duration {
	return time.Duration(mix(c.seed+uint64(laptop)<<20, uint64(question)) % uint64(most))
}

// mix is one step of SplitMix64 (Steele, Lea and Flood, Fast Splittable
// Pseudorandom Number Generators, 2014).
func mix(seed, n uint64) uint64 {
	z := seed + (n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// wakes is when a laptop is woken on a day: between seven and nine, each at
// nearly the same time every day.
func (c chance) wakes(laptop, n int) moment {
	return moment(n)*day + 7*hour + c.below(105*time.Minute, laptop, 1) + c.below(15*time.Minute, laptop, 1000+n)
}

// awakeFrom is the first moment, not before m, at which a laptop is awake.
func (c chance) awakeFrom(laptop int, m moment) moment {
	for n := dayOf(m); ; n++ {
		if !works(n) {
			continue
		}
		wakes := c.wakes(laptop, n)
		if m < wakes {
			return wakes
		}
		if m < wakes+shift {
			return m
		}
	}
}

// asleep is when a laptop that is awake goes to sleep.
func (c chance) asleep(laptop int, m moment) moment { return c.wakes(laptop, dayOf(m)) + shift }

// later is when a laptop, awake at m, has been awake for another d, which is at
// most a shift.
func (c chance) later(laptop int, m moment, d time.Duration) moment {
	asleep := c.asleep(laptop, m)
	if m+d < asleep {
		return m + d
	}
	return c.awakeFrom(laptop, asleep) + m + d - asleep
}

// awake is how long a laptop was awake since the Monday.
func (c chance) awake(laptop int, m moment) time.Duration {
	n := dayOf(m)
	whole := time.Duration(workdays(n)) * shift
	if !works(n) {
		return whole
	}
	return whole + min(max(m-c.wakes(laptop, n), 0), shift)
}

// whenAwake is the moment at which a laptop has been awake for so long.
func (c chance) whenAwake(laptop int, awake time.Duration) moment {
	shifts := int(awake / shift)
	if awake%shift < 0 {
		shifts--
	}
	rest := mod(shifts, 5)
	n := (shifts-rest)/5*7 + rest
	return c.wakes(laptop, n) + awake - time.Duration(shifts)*shift
}
