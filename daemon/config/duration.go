package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time as it is written in the configuration: "75d",
// "24h", "60m", "90s", "500ms", or several of them from the longest unit to
// the shortest, "1d12h". A day is 24 hours.
type Duration time.Duration

const day = 24 * time.Hour

// maxDuration keeps sums of several durations far from the end of int64.
const maxDuration = Duration(36500 * day)

var units = []struct {
	name string
	size time.Duration
}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}}

// ParseDuration reads a duration. It takes no sign, fraction or space.
func ParseDuration(text string) (Duration, error) {
	rest, sum := text, Duration(0)
	for _, u := range units {
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		tail, ok := strings.CutPrefix(rest[len(digits):], u.name)
		// "5ms" is no "5m" with an "s" behind it.
		if digits == "" || !ok || u.name == "m" && strings.HasPrefix(tail, "s") {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n > int64(maxDuration)/int64(u.size) {
			return 0, fmt.Errorf("%q is longer than a hundred years", text)
		}
		sum += Duration(n) * Duration(u.size)
		rest = tail
	}
	switch {
	case text == "" || rest != "":
		return 0, fmt.Errorf(`%q is no duration; one is written like "3d", "12h" or "1d12h"`, text)
	case sum > maxDuration:
		return 0, fmt.Errorf("%q is longer than a hundred years", text)
	}
	return sum, nil
}

// String writes a duration so that ParseDuration reads it again, without what
// is shorter than a millisecond.
func (d Duration) String() string {
	var b strings.Builder
	rest := time.Duration(d)
	for _, u := range units {
		if n := rest / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			rest -= n * u.size
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

var loosePart = regexp.MustCompile(`^([0-9]{1,6}(?:\.[0-9]{1,3})?)(milliseconds?|ms|weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)`)

// guess finds the duration that was meant by text such as "3 days" or "1.5h".
func guess(text string) (Duration, bool) {
	rest := strings.ToLower(strings.Join(strings.Fields(text), ""))
	sum := Duration(0)
	for rest != "" {
		part := loosePart.FindStringSubmatch(rest)
		if part == nil {
			return 0, false
		}
		n, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return 0, false
		}
		size := map[byte]time.Duration{'w': 7 * day, 'd': day, 'h': time.Hour, 'm': time.Minute, 's': time.Second}[part[2][0]]
		if part[2] == "ms" || strings.HasPrefix(part[2], "mil") {
			size = time.Millisecond
		}
		sum += Duration(n * float64(size))
		if sum > maxDuration {
			return 0, false
		}
		rest = rest[len(part[0]):]
	}
	return sum, sum > 0
}
