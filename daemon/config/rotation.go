package config

import (
	"time"
)

// RotationSettings are the settings in force for one key.
type RotationSettings struct {
	Every         time.Duration // from one rotation to the next; 0 when Schedule is set
	Schedule      string        // five-field cron line in local time, or ""; see rotation.NextTime
	TTL           time.Duration // of a lease of the key itself
	Prove         time.Duration // how long the next version must succeed
	Settle        time.Duration // added to served_until
	Grace         time.Duration // from the switch to deactivation, at least
	ImportedGrace time.Duration // the same for a version that the daemon did not create
	Monitor       time.Duration // from deactivation to deletion
}

const (
	defaultEvery         = 75 * day
	defaultTTL           = time.Hour
	defaultProve         = time.Minute
	defaultSettle        = 20 * time.Minute
	defaultGrace         = 24 * time.Hour
	defaultImportedGrace = 7 * day
	defaultMonitor       = 7 * day
)

// limits of single values. Those that depend on others are in resolve.
var limits = []struct {
	name        string
	least, most time.Duration
	why         string
}{
	{"every", day, time.Duration(maxDuration), "rotations are at least 1d apart"},
	{"ttl", 30 * time.Minute, 12 * time.Hour, "credentials are handed out for 30m to 12h"},
	{"prove", 15 * time.Second, 5 * time.Minute, "a new access key is proved for 15s to 5m"},
	{"settle", 20 * time.Minute, time.Duration(maxDuration), "clocks that differ and requests already signed need 20m"},
	{"monitor", time.Hour, time.Duration(maxDuration), "an inactive access key is watched for 1h or more"},
}

// resolve computes the settings of a key (nil: of one without a table of its
// own) and checks them. What is not written adapts to what is, so only written
// values can be wrong. With lifted, limits and relations are not looked at.
func resolve(base, own table, lifted bool, now time.Time) (RotationSettings, error) {
	t := table{}
	merge(t, base)
	merge(t, own)
	or := func(name string, otherwise time.Duration) time.Duration {
		if s, written := t[name]; written {
			return time.Duration(s.duration)
		}
		return otherwise
	}
	r := RotationSettings{
		Every: or("every", defaultEvery), TTL: or("ttl", defaultTTL), Prove: or("prove", defaultProve), Settle: or("settle", defaultSettle),
	}
	gap := r.Every
	if s, written := t["schedule"]; written {
		var err error
		if gap, err = checkSchedule(s.text, now); err != nil {
			return r, s.at.errorf("%s: %v", s, err)
		}
		r.Every, r.Schedule = 0, s.text
		if gap < day && !lifted {
			return r, s.at.errorf("%s comes every %s, and rotations are at least 1d apart; write for example schedule = %q", s, Duration(gap), examples["schedule"])
		}
	}
	least := r.TTL + r.Settle // before that a lease of the old version may be in use
	if lifted {
		least = 0
	}
	r.Grace = or("grace", max(min(defaultGrace, gap/4), least))
	r.Monitor = or("monitor", min(defaultMonitor, gap/4))
	r.ImportedGrace = or("imported_grace", max(min(defaultImportedGrace, gap/2), least))
	if lifted {
		return r, positive(t)
	}
	if err := checkLimits(t); err != nil {
		return r, err
	}
	for _, g := range []struct {
		name  string
		grace time.Duration
	}{{"grace", r.Grace}, {"imported_grace", r.ImportedGrace}} {
		if s, written := t[g.name]; written && g.grace < least {
			return r, s.at.errorf("%s is too short: it covers ttl (%s) and settle (%s); write %s = %q", s, Duration(r.TTL), Duration(r.Settle), g.name, Duration(least))
		}
		if g.grace+r.Monitor >= gap {
			return r, tooLong(t, own, g.name, g.grace, r.Monitor, gap, least)
		}
	}
	return r, nil
}

func checkLimits(t table) error {
	for _, l := range limits {
		s, written := t[l.name]
		switch d := time.Duration(s.duration); {
		case !written:
		case d < l.least:
			return s.at.errorf("%s is too short: %s; write %s = %q", s, l.why, l.name, Duration(l.least))
		case d > l.most:
			return s.at.errorf("%s is too long: %s; write %s = %q", s, l.why, l.name, Duration(l.most))
		}
	}
	return nil
}

// positive refuses what would turn without end even for tests.
func positive(t table) error {
	for _, name := range []string{"every", "ttl"} {
		if s, written := t[name]; written && s.duration <= 0 {
			return s.at.errorf("%s: nothing lasts so short; write for example %s = \"2s\"", s, name)
		}
	}
	return nil
}

// tooLong blames a written value for a rotation that would not have ended when
// the next is due: one of the key's own table first, since the others suit
// other keys.
func tooLong(t, own table, graceName string, grace, monitor, gap, least time.Duration) error {
	blamed := setting{}
	for _, from := range []table{own, t} {
		for _, name := range []string{"monitor", graceName, "every", "schedule", "settle", "ttl"} {
			if s, written := from[name]; written && blamed.name == "" {
				blamed = s
			}
		}
	}
	s := blamed
	kind := "grace"
	if graceName == "imported_grace" {
		kind = "imported_grace, for an access key that was taken in,"
	}
	text := "%s: %s (%s) and monitor (%s) must end before the next rotation (%s later); write "
	args := []any{s, kind, Duration(grace), Duration(monitor), Duration(gap)}
	switch room := map[string]time.Duration{"monitor": gap - grace, graceName: gap - monitor}[s.name]; {
	case s.name == "monitor" && below(room) >= time.Hour, s.name == graceName && below(room) >= least:
		return s.at.errorf(text+"%s = %q", append(args, s.name, Duration(below(room)))...)
	case s.name == "every":
		return s.at.errorf(text+"every = %q", append(args, Duration((grace+monitor)/day*day+day))...)
	}
	return s.at.errorf(text+"a shorter %s, or let rotations be further apart", append(args, shorter(s.name, graceName))...)
}

func shorter(blamed, graceName string) string {
	if blamed == "schedule" {
		return graceName + " or monitor"
	}
	return blamed
}

// below is a round duration less than d.
func below(d time.Duration) time.Duration {
	unit := time.Minute
	if d > 2*day {
		unit = day
	} else if d > 2*time.Hour {
		unit = time.Hour
	}
	return max(0, (d-1)/unit*unit)
}
