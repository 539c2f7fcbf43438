package config

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

var march = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestNextTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04:05", text, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct{ schedule, after, want string }{
		{"0 10 1 */2 *", "2026-03-01 12:00:00", "2026-05-01 10:00:00"},
		{"0 10 1 */2 *", "2026-05-01 09:59:59", "2026-05-01 10:00:00"},
		{"0 10 1 */2 *", "2026-05-01 10:00:00", "2026-07-01 10:00:00"},
		{"0 0 29 2 *", "2026-03-01 00:00:00", "2028-02-29 00:00:00"},
		{"0 9 * * MON", "2026-03-01 00:00:00", "2026-03-02 09:00:00"},
		// The hour that a clock change leaves out waits for the next day, and
		// the one that comes twice counts once.
		{"30 2 * * *", "2026-03-28 12:00:00", "2026-03-30 02:30:00"},
		{"30 2 * * *", "2026-10-25 02:30:00", "2026-10-26 02:30:00"},
	} {
		got, err := rotation.NextTime(c.schedule, at(c.after))
		if err != nil || !got.Equal(at(c.want)) {
			t.Errorf("%s after %s: %v %v, want %s", c.schedule, c.after, got, err, c.want)
		}
	}
	if got, err := rotation.NextTime("0 10 * * *", march.Add(time.Nanosecond)); err != nil || !got.After(march) {
		t.Errorf("%v %v", got, err)
	}
	for _, schedule := range []string{"", "@daily", "0 10 * *", "0 0 10 1 * *", "0 0 30 2 *", "61 0 1 1 *", "TZ=UTC", "TZ=UTC 0 10 1 * *", "a b c d e", "*/0 * * * *", "5-1 * * * *", ", , , , ,"} {
		if got, err := rotation.NextTime(schedule, march); err == nil {
			t.Errorf("%q comes at %v", schedule, got)
		}
	}
}

func TestShortestGap(t *testing.T) {
	for schedule, want := range map[string]time.Duration{
		"0 10 1 */2 *":     59 * day, // January 1 to March 1
		"0 10 * * *":       day,      // also in the week of a clock change
		"0 10 1,15,16 * *": day,
		"0 10 28 2,3 *":    28 * day,
		"0 0 29 2 *":       1461 * day,
		"30 * * * *":       time.Hour,
	} {
		// The same whenever it is asked, or a daemon would one day refuse the
		// configuration that it took the day before.
		for month := range 12 {
			if got, err := checkSchedule(schedule, march.AddDate(0, month, 3)); err != nil || got != want {
				t.Errorf("%s in month %d: %v %v, want %v", schedule, month, got, err, want)
			}
		}
	}
}

func FuzzSchedule(f *testing.F) {
	for _, schedule := range []string{"0 10 1 */2 *", "0 0 30 2 *", "*/0 * * * *", "0 0 L * 5#3", "1W ? 1-3,5/2 JAN SUN", "99999999999999999999 * * * *"} {
		f.Add(schedule, int64(1772366400))
	}
	f.Fuzz(func(t *testing.T, schedule string, unix int64) {
		if len(schedule) > 200 || strings.Count(schedule, ",") > 20 {
			return // time, not safety: the file's size bounds it
		}
		after := time.Unix(unix%4e9, 0)
		next, err := rotation.NextTime(schedule, after)
		if err == nil && !next.After(after) {
			t.Errorf("%q after %v comes at %v", schedule, after, next)
		}
		if gap, err := checkSchedule(schedule, after); err == nil && gap < time.Minute {
			t.Errorf("%q comes every %v", schedule, gap)
		}
	})
}
