package rotation

import (
	"errors"
	"hash/fnv"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// NextTime is the first time after the given one that a schedule names, in
// that one's location. The schedule is a five-field cron line; a time that a
// clock change leaves out is passed over, one that comes twice counts once.
func NextTime(schedule string, after time.Time) (time.Time, error) {
	// gronx also takes "@daily" and lines with seconds and years.
	if len(strings.Fields(schedule)) != 5 {
		return time.Time{}, errors.New("a schedule has five fields: minute, hour, day of the month, month, day of the week")
	}
	if !gronx.IsValid(schedule) {
		return time.Time{}, errors.New("a field is not one of cron's")
	}
	next, err := gronx.NextTickAfter(schedule, after, false)
	// The error first: beside it gronx returns the time that it was given.
	if err != nil || !next.After(after) {
		return time.Time{}, errors.New("no such day comes")
	}
	return next, nil
}

// Due is when the next rotation may begin: AWS's clock, computed from stored
// state alone, so that a missed date is simply due now. The jitter follows
// from the current access key id: a fleet spreads out, a restart changes nothing.
func Due(r Record, s Settings) time.Time {
	due := r.CountFrom.Add(s.Every + jitter(r.Current.ID, min(s.Every/20, 24*time.Hour)))
	if s.Schedule != "" {
		from := r.CountFrom.Local()
		if !s.Loopback {
			from = from.Add(24 * time.Hour) // never twice within a day
		}
		next, err := NextTime(s.Schedule, from)
		if err != nil {
			return time.Unix(1<<40, 0) // refused when the configuration was read: never due
		}
		due = next
		if !s.Loopback {
			due = next.Add(jitter(r.Current.ID, time.Hour)) // ten minutes are too few for a fleet on one schedule
		}
	}
	if r.NotBefore.After(due) {
		due = r.NotBefore
	}
	return due
}

// jitter is a duration in [0, most) that follows from seed.
func jitter(seed string, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(seed))
	return time.Duration(h.Sum64() % uint64(most))
}

// backoff doubles from first to most with a fifth of jitter.
func backoff(seed string, fails int, first, most time.Duration) time.Duration {
	d := first << min(max(fails-1, 0), 20)
	if d > most || d <= 0 {
		d = most
	}
	return d - jitter(seed+string(rune('a'+fails%26)), d/5)
}
