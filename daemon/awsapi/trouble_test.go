package awsapi

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// reset closes a connection so that the other side reads "connection reset".
func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// Where a request came to an end decides whether it may have been executed.
// Each peer misbehaves at one stage; give ends the caller's patience there.
func TestStages(t *testing.T) {
	ca := newAuthority(t, "Test CA")
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	hello := func(conn net.Conn) { io.ReadFull(conn, make([]byte, 5)) } // the TLS record's header
	wait := func(conn net.Conn) { io.Copy(io.Discard, conn) }           // until the client has gone
	serveInside := func(conn net.Conn, then func(net.Conn)) {
		inner := tls.Server(conn, ca.config())
		if inner.Handshake() == nil {
			then(inner)
		}
	}
	for _, try := range []struct {
		name  string
		https bool
		proxy bool
		peer  func(conn net.Conn, give func())
		want  Class
		text  string
	}{
		{"closed before the request", false, false, func(conn net.Conn, _ func()) {}, ClassNoAnswer, "broke before the answer"},
		{"reset in the request", false, false, func(conn net.Conn, _ func()) { conn.Read(make([]byte, 1)); reset(conn) }, ClassNoAnswer, "broke before the answer"},
		{"lost reply", false, false, func(conn net.Conn, _ func()) { readRequest(conn) }, ClassNoAnswer, "may have been done"},
		{"reset after the request", false, false, func(conn net.Conn, _ func()) { readRequest(conn); reset(conn) }, ClassNoAnswer, "may have been done"},
		{"given up waiting for the answer", false, false, func(conn net.Conn, give func()) { readRequest(conn); give(); wait(conn) }, ClassNoAnswer, "stopped while waiting"},
		{"half a status line", false, false, func(conn net.Conn, _ func()) { readRequest(conn); io.WriteString(conn, "HTTP/1.1 2") }, ClassNoAnswer, "broke before"},
		{"half a header", false, false, func(conn net.Conn, _ func()) { readRequest(conn); io.WriteString(conn, head[:30]) }, ClassNoAnswer, "broke before"},
		{"no HTTP", false, false, func(conn net.Conn, _ func()) {
			readRequest(conn)
			io.WriteString(conn, "220 mail "+testSecret+"\r\n\r\n")
		}, ClassNoAnswer, "broke before"},
		{"half a body", false, false, func(conn net.Conn, _ func()) { readRequest(conn); io.WriteString(conn, head+"<Create") }, ClassNoAnswer, "broke before"},
		{"reset in the body", false, false, func(conn net.Conn, _ func()) { readRequest(conn); io.WriteString(conn, head+"<Cr"); reset(conn) }, ClassNoAnswer, "broke before"},
		{"given up in the body", false, false, func(conn net.Conn, give func()) {
			readRequest(conn)
			io.WriteString(conn, head+"<Create")
			give()
			wait(conn)
		}, ClassNoAnswer, "stopped while waiting"},

		{"closed in the handshake", true, false, func(conn net.Conn, _ func()) { hello(conn) }, ClassNotSent, "TLS handshake"},
		{"reset in the handshake", true, false, func(conn net.Conn, _ func()) { hello(conn); reset(conn) }, ClassNotSent, "TLS handshake"},
		{"given up in the handshake", true, false, func(conn net.Conn, give func()) { hello(conn); give(); wait(conn) }, ClassNotSent, "stopped while connecting"},
		{"refused handshake", true, false, func(conn net.Conn, _ func()) {
			tls.Server(conn, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, io.EOF }}).Handshake()
		}, ClassNotSent, "(tls: internal error)"},
		{"plain HTTP on the TLS port", true, false, func(conn net.Conn, _ func()) {
			hello(conn)
			io.WriteString(conn, "HTTP/1.1 302 Found\r\nLocation: http://login.example.com\r\n\r\n")
			wait(conn)
		}, ClassNotSent, "does not speak TLS"},
		{"lost reply under TLS", true, false, func(conn net.Conn, _ func()) { serveInside(conn, func(c net.Conn) { readRequest(c) }) }, ClassNoAnswer, "may have been done"},
		{"given up under TLS", true, false, func(conn net.Conn, give func()) {
			serveInside(conn, func(c net.Conn) { readRequest(c); give(); wait(c) })
		}, ClassNoAnswer, "stopped while waiting"},

		{"proxy closes", true, true, func(conn net.Conn, _ func()) { readRequest(conn) }, ClassNotSent, "instead of opening a way"},
		{"proxy is none", true, true, func(conn net.Conn, _ func()) { readRequest(conn); io.WriteString(conn, "SSH-2.0-me\r\n") }, ClassNotSent, "[aws] proxy is the address"},
		{"given up on the proxy", true, true, func(conn net.Conn, give func()) { readRequest(conn); give(); wait(conn) }, ClassNotSent, "stopped while connecting to the proxy"},
		{"proxy closes after CONNECT", true, true, func(conn net.Conn, _ func()) {
			readRequest(conn)
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			hello(conn)
		}, ClassNotSent, "TLS handshake"},
	} {
		t.Run(try.name, func(t *testing.T) {
			for op, call := range calls {
				ctx, give := context.WithCancel(t.Context())
				addr := peer(t, func(conn net.Conn) { try.peer(conn, give) })
				cfg := Config{EndpointURL: "http://" + addr, CABundle: ca.path}
				if try.https {
					cfg.EndpointURL = "https://aws.example.com"
				}
				if try.proxy {
					cfg.Proxy = "http://me:hidden@" + addr
				}
				c := newClient(t, cfg)
				toward(c, addr)
				m, err := call(ctx, c)
				give()
				e := failure(t, err, try.want)
				if strings.Contains(try.text, "may have been done") && !changes(op) {
					contains(t, err.Error(), "try again")
				} else {
					contains(t, err.Error(), try.text)
				}
				if m != (Meta{}) || e.Status != 0 || strings.Contains(err.Error(), "hidden") {
					t.Errorf("%+v, %#v", m, *e)
				}
				if gave := strings.HasPrefix(try.name, "given up"); gave != (e.Err == context.Canceled) {
					t.Errorf("err %v", e.Err)
				}
			}
		})
	}
}

// Nothing there at all.
func TestNotReached(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	for _, try := range []struct {
		cfg  Config
		dial error // instead of the network's
		want []string
	}{
		{Config{EndpointURL: "http://" + gone}, nil, []string{"cannot connect to " + gone + ": ", "refused", "check the network"}},
		{Config{Proxy: "http://me:hidden@" + gone}, nil, []string{"cannot connect to the proxy " + gone, "refused", "proxy"}},
		{Config{}, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "sts.us-east-1.amazonaws.com", IsNotFound: true}},
			[]string{"cannot find the host sts.us-east-1.amazonaws.com (no such host)", "check the network and [aws] region"}},
		{Config{Proxy: "http://me:hidden@proxy.example.com"}, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "proxy.example.com"}},
			[]string{"cannot find the host proxy.example.com"}},
	} {
		c := newClient(t, try.cfg)
		if try.dial != nil {
			c.wire.dial = func(context.Context, string, string) (net.Conn, error) { return nil, try.dial }
		}
		_, m, err := c.WhoAmI(t.Context(), testKey)
		failure(t, err, ClassNotSent)
		contains(t, err.Error(), try.want...)
		if m != (Meta{}) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%+v, %v", m, err)
		}
	}
}

// Without a deadline of the caller's every call still ends: ten seconds for
// a connection, ten for a handshake, CreateTimeout for all.
func TestOwnLimits(t *testing.T) {
	silent := func(conn net.Conn) { io.Copy(io.Discard, conn); conn.Close() }
	trickle := func(conn net.Conn) {
		readRequest(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n<CreateAccessKeyResponse>")
		for {
			if _, err := io.WriteString(conn, " "); err != nil {
				conn.Close()
				return
			}
			time.Sleep(time.Second) // the bubble's clock
		}
	}
	for name, try := range map[string]struct {
		cfg   Config
		peer  func(net.Conn) // nil: no connection comes to be
		want  Class
		limit time.Duration
	}{
		"dial":      {Config{EndpointURL: "http://127.0.0.1:1"}, nil, ClassNotSent, dialTimeout},
		"proxy":     {Config{Proxy: "http://proxy.example.com"}, nil, ClassNotSent, dialTimeout},
		"CONNECT":   {Config{Proxy: "http://proxy.example.com"}, silent, ClassNotSent, CreateTimeout},
		"handshake": {Config{EndpointURL: "https://aws.example.com"}, silent, ClassNotSent, handshakeTimeout},
		"answer":    {Config{EndpointURL: "http://127.0.0.1:1"}, silent, ClassNoAnswer, CreateTimeout},
		"body":      {Config{EndpointURL: "http://127.0.0.1:1"}, trickle, ClassNoAnswer, CreateTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var peers sync.WaitGroup
				c := newClient(t, try.cfg)
				c.wire.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
					if try.peer == nil {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					ours, theirs := net.Pipe()
					peers.Go(func() { try.peer(theirs) }) // ends when ours is closed, or Wait never does
					return ours, nil
				}
				start := time.Now()
				_, _, err := c.CreateKey(context.Background(), testKey, "bob")
				e := failure(t, err, try.want)
				contains(t, err.Error(), "in time")
				if took := time.Since(start); took != try.limit {
					t.Errorf("took %v, want %v: %#v", took, try.limit, *e)
				}
				peers.Wait()
				if late := time.Since(start) - try.limit; late > time.Second {
					t.Errorf("the connection stayed for %v", late)
				}
			})
		})
	}
}

// The caller's own deadline is kept where it is nearer.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{EndpointURL: "http://127.0.0.1:1"})
		c.wire.dial = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { io.Copy(io.Discard, theirs); theirs.Close() }()
			return ours, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, _, err := c.ListKeys(ctx, testKey, "bob")
		if e := failure(t, err, ClassNoAnswer); e.Err != context.DeadlineExceeded || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", e.Err, time.Since(start))
		}
	})
}

// Nor does a dial outlive the call that wanted it.
func TestDialEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{EndpointURL: "http://127.0.0.1:1"})
		start, ended := time.Now(), make(chan time.Time, 1)
		c.wire.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			ended <- time.Now()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, _, err := c.CreateKey(ctx, testKey, "bob")
		failure(t, err, ClassNotSent)
		if d := (<-ended).Sub(start); d != 3*time.Second {
			t.Errorf("the dial ended after %v", d)
		}
	})
}

// All pages of a list share one limit.
func TestPagesShareTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var peers sync.WaitGroup
		c := newClient(t, Config{EndpointURL: "http://127.0.0.1:1"})
		c.wire.dial = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			peers.Go(func() {
				defer theirs.Close()
				readRequest(theirs)
				time.Sleep(7 * time.Second) // the bubble's clock
				doc := response("ListAccessKeys", "<IsTruncated>true</IsTruncated><Marker>m</Marker>")
				fmt.Fprintf(theirs, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(doc), doc)
			})
			return ours, nil
		}
		start := time.Now()
		_, m, err := c.ListKeys(t.Context(), testKey, "bob")
		failure(t, err, ClassNoAnswer)
		if took := time.Since(start); took != CreateTimeout || m != (Meta{}) {
			t.Errorf("took %v, %+v", took, m)
		}
		peers.Wait()
	})
}

func TestDateOfErrors(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Mon, 05 Jan 2026 10:00:00 GMT")
		refusal(w, r, 403, "AccessDenied", "no")
	})
	_, m, err := c.CreateKey(t.Context(), testKey, "bob")
	if e := failure(t, err, ClassDenied); !e.Date.Equal(date("2026-01-05T10:00:00Z")) || m != e.Meta || m.Date.Location() != time.UTC {
		t.Errorf("%+v", m)
	}
}
