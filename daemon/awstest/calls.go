package awstest

import (
	"context"
	"net/url"
	"strings"
	"time"
)

// Call is what the emulator saw of one request.
type Call struct {
	Number  int       // counts the requests from 1, in order of arrival
	Time    time.Time // of arrival, on AWS's clock
	Conn    int       // counts the connections from 1
	Client  string    // User-Agent
	Service Service   // by the request's Version, target or path; empty if unknown
	Action  string
	Params  url.Values // the form, or a document by the names a form would have; not to be changed
	KeyID   string     // that signed, by its own word
	User    string     // owner of KeyID, once the signature was found good; Root for root
	Target  string     // access key id that was made or changed, once executed
	// Executed tells that the action was carried out, whether or not the
	// caller heard of it; it becomes true later under Late.
	Executed bool
	Status   int    // HTTP status of the answer; 0 while there is none, or none was sent
	Code     string // AWS's error code in the answer, empty if it is none
	Fault    string // name of the scripted fault, empty without
}

// Counts are the two numbers that tell whether a rotation was noticed.
type Counts struct {
	Signed  int // requests whose signature was found good
	Refused int // requests that AWS answered with 403, or with what services without that status say instead
}

// ByDaemon tells whether a call is the daemon's, by its User-Agent.
func (c Call) ByDaemon() bool {
	return strings.HasPrefix(c.Client, "awskeyd/")
}

// keepCalls bounds the record, so that a demo may run for days. The counts go on.
const keepCalls = 1 << 17

// record holds the calls; Server.mu guards it.
type record struct {
	calls   []*Call
	total   int
	daemon  Counts
	clients Counts
	changed chan struct{} // closed and replaced at each change
}

func (r *record) add(c *Call) {
	r.total++
	c.Number = r.total
	if len(r.calls) == keepCalls {
		r.calls = append(r.calls[:0:0], r.calls[keepCalls/2:]...)
	}
	r.calls = append(r.calls, c)
	r.wake()
}

func (r *record) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// counts returns the counts a call belongs to.
func (r *record) counts(c *Call) *Counts {
	if c.ByDaemon() {
		return &r.daemon
	}
	return &r.clients
}

// Calls returns the calls so far, oldest first; of very many the latest 65,536
// at least.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Call, len(s.record.calls))
	for i, c := range s.record.calls {
		list[i] = *c
	}
	return list
}

// Counts returns the daemon's counts and those of all other clients.
func (s *Server) Counts() (daemon, clients Counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record.daemon, s.record.clients
}

// WaitCall returns the first call, past or to come, for which match holds. It
// is asked again whenever a call was answered or executed, and must not call
// the server. The error is the context's.
func (s *Server) WaitCall(ctx context.Context, match func(Call) bool) (Call, error) {
	for {
		s.mu.Lock()
		changed := s.record.changed
		for _, c := range s.record.calls {
			if match(*c) {
				found := *c
				s.mu.Unlock()
				return found, nil
			}
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Call{}, ctx.Err()
		}
	}
}
