// Package awstest is an emulator of AWS's IAM and STS, in the manner of
// net/http/httptest, for tests and for `awskey demo`.
//
// It refuses what AWS refuses: signatures are really verified, keys end, lists
// are stale, policies deny. It speaks for IAM, STS, a little of SNS as a
// service that clients merely use, and the places that tell who used a key:
// CloudTrail, a CloudWatch Logs group and CloudWatch alarms. All are behind one
// listener, each in the protocols that AWS's clients speak to it.
//
// It must never be lenient, since a test that passes here is worth only what
// the emulator would have refused; it must never speak to AWS, write a file, or
// import anything but the standard library, since `awskey` links it.
package awstest

import (
	"context"
	crypto "crypto/rand"
	"encoding/binary"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// Service is the name of an AWS service as it stands in a signature's scope.
type Service string

// The services the emulator speaks for. SNS knows ListTopics only: it stands
// for whatever a client signs requests for.
const (
	IAM Service = "iam"
	STS Service = "sts"
	SNS Service = "sns"

	CloudTrail Service = "cloudtrail" // LookupEvents by access key
	Logs       Service = "logs"       // FilterLogEvents of the trail's group
	CloudWatch Service = "monitoring" // DescribeAlarms
)

// Options describe the AWS to emulate. The zero value is an account whose
// changes are visible at once.
type Options struct {
	// Account is the twelve digit account number; empty is 123456789012.
	Account string
	// Region is that of the STS endpoint; empty is us-east-1. IAM is always
	// signed for us-east-1, STS for it too, all others for any region.
	Region string
	// Clock is AWS's clock; nil is time.Now. It may differ from time.Now but
	// should run as fast: the waits of a Fault are real time.
	Clock func() time.Time
	// Replicas holds for each endpoint the propagation delay of each of its
	// replicas. Without an entry an endpoint has one replica that knows
	// everything at once.
	Replicas map[Service][]time.Duration
	// LastUsedGrain is the span in which only the first use of a key is told by
	// GetAccessKeyLastUsed; 0 is AWS's 15 minutes.
	LastUsedGrain time.Duration
	// LastUsedLag is how long after a use GetAccessKeyLastUsed begins to tell it.
	LastUsedLag time.Duration
	// TrailLag is how long after a call CloudTrail and its log group begin to
	// tell it; AWS takes about five minutes, and promises nothing.
	TrailLag time.Duration
	// TrailRate is how many LookupEvents a second are answered in each region;
	// 0 is no limit, AWS's is 2.
	TrailRate int
	// TrailRefused lets CloudTrail also tell calls that were signed by a key
	// which is not Active. AWS promises no such event.
	TrailRefused bool
	// LogGroup is the name of a CloudWatch Logs group in Region that a trail of
	// all regions fills; empty is none. Alarms are in Region too.
	LogGroup string
	// Seed makes ids, secrets and the draw of replicas repeatable; 0 draws anew.
	Seed uint64
}

// Server is the emulator. All its methods may be called concurrently.
type Server struct {
	// URL is where NewServer listens, without a trailing slash; empty after New.
	URL string

	opts    Options
	http    *http.Server
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup // every handler, late execution and our own Serve

	mu      sync.Mutex // guards all below
	closed  bool
	account *account
	record  record
	draw    *rand.Rand // of replicas; its own source, so that ids do not depend on connections
	conns   int
	script  Script
	hook    Hook
}

// New returns a server that does not listen: give it a listener with Serve, or
// use it as the http.Handler it is (then every request draws its own replica).
func New(o Options) *Server {
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.LastUsedGrain == 0 {
		o.LastUsedGrain = 15 * time.Minute
	}
	ids, draw := sources(o.Seed)
	s := &Server{opts: o, draw: rand.New(draw)}
	s.account = newAccount(o, ids)
	s.record.changed = make(chan struct{})
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           s,
		ConnContext:       s.newConn,
		ReadHeaderTimeout: time.Minute,
		// What net/http has to say (a broken TLS handshake) is no news to a person.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return s
}

// NewServer returns a server that listens on a free port of 127.0.0.1. It
// panics if there is none. The caller must Close it.
func NewServer(o Options) *Server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("awstest: cannot listen on 127.0.0.1: " + err.Error())
	}
	s := New(o)
	s.URL = "http://" + l.Addr().String()
	s.running.Go(func() { s.Serve(l) })
	return s
}

// Serve answers on l, which may speak TLS, until Close, and then returns
// http.ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener) error {
	return s.http.Serve(l)
}

// Close closes listeners and connections, wakes whatever waits in a fault,
// drops executions that were still to come, and returns when no goroutine of
// the server is left. A Hook that blocks must heed its context, or Close hangs.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.http.Close()
	s.running.Wait()
}

// enter counts a handler in, so that Close can wait for it.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// sleep waits d of real time; false if the server was closed meanwhile.
func (s *Server) sleep(d time.Duration) bool {
	if d <= 0 {
		return s.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// sources returns two independent streams of random bytes. Without a seed both
// are keyed by the system: ChaCha8 is good enough for secrets then.
func sources(seed uint64) (ids, draw *rand.ChaCha8) {
	var a, b [32]byte
	if seed == 0 {
		crypto.Read(a[:])
		crypto.Read(b[:])
	} else {
		binary.BigEndian.PutUint64(a[:], seed)
		binary.BigEndian.PutUint64(b[:], seed)
		b[31] = 1
	}
	return rand.NewChaCha8(a), rand.NewChaCha8(b)
}
