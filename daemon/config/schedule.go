package config

import (
	"fmt"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// checkSchedule proves a schedule by computing three next times, and returns
// the shortest gap between those of the coming years.
func checkSchedule(schedule string, now time.Time) (time.Duration, error) {
	at := now.Local()
	for range 3 {
		next, err := rotation.NextTime(schedule, at)
		if err != nil {
			return 0, err
		}
		at = next
	}
	// Gaps are measured on a clock that never changes, lest a daily schedule
	// be too frequent in one week of spring. Two years and sixty times find
	// the gap of any pattern within a month or a year.
	clock := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	last, err := rotation.NextTime(schedule, clock)
	if err != nil {
		return 0, err
	}
	gap := time.Duration(maxDuration)
	for n := 0; n < 60 && (n < 3 || last.Before(clock.AddDate(2, 0, 0))); n++ {
		next, err := rotation.NextTime(schedule, last)
		if err != nil {
			return 0, fmt.Errorf("after %s, %w", last.Format(time.DateOnly), err)
		}
		gap = min(gap, next.Sub(last))
		last = next
	}
	return gap, nil
}
