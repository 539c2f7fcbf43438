package fleet

import "time"

// service is one of AWS's, each with a bucket of its own in every account.
type service int

const (
	iam service = iota
	sts
	trail
	services
)

var serviceNames = [services]string{"IAM", "STS", "CloudTrail"}

// What AWS publishes, for each account and region: LookupEvents (API_LookupEvents)
// and all calls to STS together (IAM user guide, IAM and STS quotas). Of IAM it
// publishes nothing.
const (
	trailRate = 2
	stsRate   = 600
)

// bucket is a token bucket that is refilled every second, as IAM's and STS's are
// (AWS Security Blog, How to monitor and query IAM resources at scale, part 2).
// It counts what it is asked.
type bucket struct {
	rate, burst float64
	tokens      float64
	filled      int64 // the second of the last refill
	second      count
	minute      count
	calls       int64
	throttled   int64
}

// count is how often something happened in one span of time, and most so far.
type count struct{ span, now, most int64 }

func (c *count) add(span int64) {
	if span != c.span {
		c.span, c.now = span, 0
	}
	c.now++
	c.most = max(c.most, c.now)
}

func newBucket(rate, burst float64) bucket {
	return bucket{rate: rate, burst: burst, tokens: burst}
}

// take asks for one call. A refused one counts as a call too: it was sent.
func (b *bucket) take(m moment) bool {
	now := int64(m / time.Second)
	if now > b.filled {
		b.tokens = min(b.burst, b.tokens+b.rate*float64(now-b.filled))
		b.filled = now
	}
	b.calls++
	b.second.add(now)
	b.minute.add(now / 60)
	if b.tokens < 1 {
		b.throttled++
		return false
	}
	b.tokens--
	return true
}
