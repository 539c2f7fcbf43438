package awstest

import (
	"io"
	"net/http"
	"time"
)

// maxBody bounds a request; no request of IAM or STS comes near.
const maxBody = 1 << 20

// request is one request on its way.
type request struct {
	http     *http.Request
	protocol protocol
	id       string
	body     []byte
	delay    time.Duration // of the replica the connection reached
	signed   signature
	refusal  *failure // found while reading
	call     *Call    // Server.mu guards it
}

// ServeHTTP answers one request. It panics with http.ErrAbortHandler to close
// the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.running.Done()
	q := s.read(r)
	fault := s.admit(q)
	s.at(Seen, q.call)
	if !s.sleep(fault.Wait) {
		panic(http.ErrAbortHandler)
	}

	a, ok := s.carry(q, fault)
	switch {
	case !ok:
		panic(http.ErrAbortHandler)
	case fault.reply == replyCut:
		panic(http.ErrAbortHandler)
	case fault.reply == replyNever:
		select {
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
		panic(http.ErrAbortHandler)
	}
	s.finish(q, a)
	s.at(Answering, q.call)
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Date", s.opts.Clock().UTC().Format(http.TimeFormat))
	if fault.reply != replyOther {
		h["x-amzn-RequestId"] = []string{q.id} // in AWS's spelling
	}
	if a.queryError != "" {
		h.Set("X-Amzn-Query-Error", a.queryError)
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// carry takes a request as far as the fault lets it, and returns what the
// caller would hear; false if the server was closed meanwhile.
func (s *Server) carry(q *request, f Fault) (answer, bool) {
	if f.reach == lost {
		return f.body, true
	}
	// A throttle belongs to an account, so a bad signature is refused first.
	p, refusal := s.authenticate(q)
	if refusal != nil { // a cut connection keeps it from the caller like any answer
		return q.refuse(refusal), true
	}
	switch f.reach {
	case arrivesLate:
		s.running.Go(func() {
			if s.sleep(f.late) {
				s.execute(q, p)
			}
		})
		return answer{}, true
	case executed:
		if a := s.execute(q, p); f.reply != replyBusy {
			return a, s.ctx.Err() == nil
		}
	}
	return q.refuse(f.busy()), true
}

// read takes the request off the wire. Whatever is wrong with it stands in
// refusal, so that it is recorded like any other.
func (s *Server) read(r *http.Request) *request {
	c := s.connOf(r.Context())
	q := &request{http: r, call: &Call{Conn: c.number, Client: r.UserAgent()}}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	if len(body) > maxBody {
		q.refusal = fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Request entity is too large")
		return q
	}
	q.body = body
	if q.refusal = q.parse(); q.refusal != nil {
		return q
	}
	q.delay = c.delays[q.call.Service]
	q.signed, q.refusal = parseSignature(r.Header)
	q.call.KeyID = q.signed.keyID
	return q
}

// admit enters the request in the record and asks the script.
func (s *Server) admit(q *request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.id = s.account.requestID()
	q.call.Time = s.opts.Clock()
	var f Fault
	if s.script != nil {
		f = s.script(*q.call)
		q.call.Fault = f.Name
	}
	s.record.add(q.call)
	return f
}

// authenticate tells who signed, by what the connection's replica knows.
func (s *Server) authenticate(q *request) (principal, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.refusal != nil {
		return principal{}, q.refusal
	}
	now, g, service := s.opts.Clock(), q.signed, q.call.Service
	region := "" // any: one listener stands for the endpoints of all regions
	switch service {
	case IAM:
		region = "us-east-1"
	case STS:
		region = s.opts.Region
	}
	if f := g.check(now, service, region); f != nil {
		return principal{}, f
	}
	// Unknown, inactive, deleted and not yet propagated look the same from outside.
	unknown := fail(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	k := s.account.keys[g.keyID]
	if k == nil || k.statusAt(now.Add(-q.delay)) != Active {
		if k != nil && s.opts.TrailRefused {
			s.account.trace(q, k.user, unknown)
		}
		return principal{}, unknown
	}
	if !g.verify(q.http, q.body, k.secret) {
		return principal{}, mismatch("The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	// Only who holds the secret learns whether a session has ended.
	token := q.http.Header.Get("X-Amz-Security-Token")
	switch {
	case k.session == nil && token != "", k.session != nil && token != k.session.token:
		return principal{}, unknown
	case k.session == nil:
	case !now.Before(k.session.expires):
		return principal{}, fail(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	case service == IAM && !k.session.mfa:
		// API_GetSessionToken: no IAM call unless MFA was given; seen as this code
		// by its users (99designs/aws-vault#15).
		return principal{}, unknown
	}
	k.used(use{now.UTC().Truncate(time.Second), service, g.region}, s.opts)
	s.record.counts(q.call).Signed++
	p := principal{user: k.user, session: k.session}
	q.call.User = p.name()
	return p, nil
}

// execute carries the action out on the primary.
func (s *Server) execute(q *request, p principal) answer {
	s.mu.Lock()
	now := s.opts.Clock()
	c := &action{
		account: s.account, caller: p, call: q.call, now: now,
		seen: now.Add(-q.delay), params: q.call.Params, region: q.signed.region,
	}
	result, refusal := operations[q.call.Service][q.call.Action](c)
	s.account.trace(q, p.user, refusal)
	q.call.Executed = refusal == nil
	q.call.Target = c.target
	s.record.wake()
	s.mu.Unlock() // the hook may ask the server
	if refusal != nil {
		return q.refuse(refusal)
	}
	s.at(Executed, q.call)
	return q.respond(result)
}

// finish enters the answer in the record.
func (s *Server) finish(q *request, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.call.Status, q.call.Code = a.status, a.code
	if a.refused {
		s.record.counts(q.call).Refused++
	}
	s.record.wake()
}
