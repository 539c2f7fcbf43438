package config

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"75d": 75 * day, "24h": day, "60m": time.Hour, "90s": 90 * time.Second, "500ms": 500 * time.Millisecond,
		"1d12h": 36 * time.Hour, "1d2h3m4s5ms": day + 2*time.Hour + 3*time.Minute + 4*time.Second + 5*time.Millisecond,
		"0s": 0, "007d": 7 * day, "36500d": time.Duration(maxDuration), "1h5ms": time.Hour + 5*time.Millisecond,
	} {
		if got, err := ParseDuration(text); err != nil || time.Duration(got) != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "3", "d", "3 d", " 3d", "-3d", "+3d", "1.5h", "3D", "12h1d", "1d1d", "3w", "5us", "1ms5s", "3days", "１d",
		"36501d", "99999999999999999999d", "36500d1ms", "9223372036854775807s",
	} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestGuessDuration(t *testing.T) {
	for text, want := range map[string]string{
		"3 days": "3d", "3D": "3d", "2 weeks": "14d", "1w": "7d", "1.5h": "1h30m", "1 hour 30 minutes": "1h30m",
		"12h1d": "1d12h", "90 secs": "1m30s", "36h": "1d12h", "20 MIN": "20m", "500 milliseconds": "500ms", "3 ms": "3ms",
	} {
		if got, ok := guess(text); !ok || got.String() != want {
			t.Errorf("%q: %v %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "3", "soon", "3 months", "3 years", "-3d", "0 days", "999999w999999w"} {
		if got, ok := guess(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"75d", "1d12h", "500ms", "3 days", "99999999999999999999d", "1h5ms"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		guess(text)
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if d < 0 || d > maxDuration {
			t.Errorf("%q is %d", text, d)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%q is written as %s, which is %v %v", text, d, again, err)
		}
	})
}
