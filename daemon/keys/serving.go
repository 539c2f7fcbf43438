package keys

import (
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

// leaseLayout is the one form of Expiration that every SDK parses: whole
// seconds, UTC, a Z (Java v2 and Rust refuse others).
const leaseLayout = "2006-01-02T15:04:05Z"

// served is one version as it is handed out: an answer but for its Expiration,
// made once. It is immutable except for handedOut and until it is wiped, so that
// an answer costs a pointer, a clock and one buffer, and nothing on the way waits.
type served struct {
	id        string
	head      []byte       // {"Version":1,…,"SecretAccessKey":
	secret    secret.Value // as JSON writes it; empty when this version is no longer handed out
	tail      []byte       // ,…,"Expiration":"
	ttl       time.Duration
	handedOut atomic.Int64 // the greatest Expiration, Unix seconds; 0 is never
}

func newServed(r rotation.Record, ttl time.Duration) (*served, error) {
	quoted, err := json.Marshal(r.Current.Secret.Reveal())
	if err != nil {
		return nil, err
	}
	defer clear(quoted)
	s := &served{id: r.Current.ID, secret: secret.New(string(quoted)), ttl: min(ttl, r.MaxTTL)}
	s.head = append(quote([]byte(`{"Version":1,"AccessKeyId":`), r.Current.ID), `,"SecretAccessKey":`...)
	if account := r.User.Account(); account != "" {
		s.tail = quote([]byte(`,"AccountId":`), account)
	}
	s.tail = append(s.tail, `,"Expiration":"`...)
	return s, nil
}

// quote appends text as JSON writes it.
func quote(to []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // of a string it does not fail
	return append(to, quoted...)
}

// answer is the bytes for a helper's standard output, to be wiped after use.
// What it promises is remembered before it is returned. Nil: this version was
// wiped, so that another one is handed out by now, or none.
func (s *served) answer(now time.Time) []byte {
	until := now.Add(s.ttl).UTC().Truncate(time.Second)
	for {
		most := s.handedOut.Load()
		if until.Unix() <= most || s.handedOut.CompareAndSwap(most, until.Unix()) {
			break
		}
	}
	const end = "\"}\n"
	// In one piece, since a buffer that grows leaves its bytes behind.
	out := append(make([]byte, 0, len(s.head)+s.secret.Len()+len(s.tail)+len(leaseLayout)+len(end)), s.head...)
	if out = s.secret.RevealTo(out); len(out) == len(s.head) {
		return nil
	}
	out = append(out, s.tail...)
	out = until.AppendFormat(out, leaseLayout)
	return append(out, end...)
}

// wipe forgets the secret. Whoever reads it at this moment gets it whole.
func (s *served) wipe() {
	if s != nil {
		s.secret.Wipe()
	}
}

// until is the greatest Expiration handed out; zero for none.
func (s *served) until() time.Time {
	if s == nil || s.handedOut.Load() == 0 {
		return time.Time{}
	}
	return time.Unix(s.handedOut.Load(), 0)
}
