package keys

import (
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// leaseLayout is the one form of Expiration that every SDK parses: whole
// seconds, UTC, a Z (Java v2 and Rust refuse others).
const leaseLayout = "2006-01-02T15:04:05Z"

// served is one version as it is handed out: an answer but for its Expiration,
// made once. It is immutable except for handedOut, so that an answer costs a
// pointer, a clock and one buffer, and nothing on the way waits.
type served struct {
	id        string
	head      []byte // {"Version":1,…,"Expiration":"
	tail      []byte
	ttl       time.Duration
	handedOut atomic.Int64 // the greatest Expiration, Unix seconds; 0 is never
}

func newServed(r rotation.Record, ttl time.Duration) (*served, error) {
	type answer struct {
		Version         int
		AccessKeyId     string
		SecretAccessKey string
		AccountId       string `json:",omitempty"`
	}
	head, err := json.Marshal(answer{1, r.Current.ID, r.Current.Secret.Reveal(), r.User.Account()})
	if err != nil {
		return nil, err
	}
	head = append(head[:len(head)-1], `,"Expiration":"`...)
	return &served{id: r.Current.ID, head: head, tail: []byte("\"}\n"), ttl: min(ttl, r.MaxTTL)}, nil
}

// answer is the bytes for a helper's standard output. What it promises is
// remembered before it is returned.
func (s *served) answer(now time.Time) []byte {
	until := now.Add(s.ttl).UTC().Truncate(time.Second)
	for {
		most := s.handedOut.Load()
		if until.Unix() <= most || s.handedOut.CompareAndSwap(most, until.Unix()) {
			break
		}
	}
	out := make([]byte, 0, len(s.head)+len(leaseLayout)+len(s.tail))
	out = append(out, s.head...)
	out = until.AppendFormat(out, leaseLayout)
	return append(out, s.tail...)
}

// until is the greatest Expiration handed out; zero for none.
func (s *served) until() time.Time {
	if s == nil || s.handedOut.Load() == 0 {
		return time.Time{}
	}
	return time.Unix(s.handedOut.Load(), 0)
}
