package awstest

import (
	"context"
	"net"
	"time"
)

// conn is one connection: it reached one replica of every endpoint and stays
// with them. This is why a client that asks again on the same connection
// learns nothing about the other replicas.
type conn struct {
	number int
	delays map[Service]time.Duration
}

type connKey struct{}

// newConn draws the replicas of a connection; it is the http.Server's ConnContext.
func (s *Server) newConn(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, s.drawConn())
}

func (s *Server) drawConn() conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns++
	c := conn{number: s.conns, delays: map[Service]time.Duration{}}
	for _, service := range []Service{IAM, STS, SNS, CloudTrail, Logs, CloudWatch} { // a fixed order, for the seed's sake
		if replicas := s.opts.Replicas[service]; len(replicas) > 0 {
			c.delays[service] = replicas[s.draw.IntN(len(replicas))]
		}
	}
	return c
}

// connOf returns the connection of a request, or draws one where the server is
// used as a plain handler.
func (s *Server) connOf(ctx context.Context) conn {
	if c, ok := ctx.Value(connKey{}).(conn); ok {
		return c
	}
	return s.drawConn()
}

// change is one state of a key and since when the primary knows it.
type change struct {
	at     time.Time
	status string // Active, Inactive, or empty once deleted
}

// statusAt is what a replica holds that knows everything up to t: empty while
// the key is not there yet and when it is deleted.
func (k *key) statusAt(t time.Time) string {
	for i := len(k.changes) - 1; i >= 0; i-- {
		if !k.changes[i].at.After(t) {
			return k.changes[i].status
		}
	}
	return ""
}
