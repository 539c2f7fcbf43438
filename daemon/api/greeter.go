package api

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// greeter stands between the doorman and net/http. Every AWS command waits for
// the request that helpers send, so the greeter answers that one itself, from the
// first bytes that come: net/http makes twice as many allocations for it, and a helper
// waits longer. Whoever says anything else is handed on with what was said.
type greeter struct {
	*doorman
	s    *server
	on   chan net.Conn // to net/http
	over chan struct{} // net/http takes no more
	once sync.Once
}

func newGreeter(s *server, d *doorman) *greeter {
	return &greeter{doorman: d, s: s, on: make(chan net.Conn), over: make(chan struct{})}
}

// told is a connection of which the first bytes were read.
type told struct {
	net.Conn
	said []byte
}

func (t *told) Read(b []byte) (int, error) {
	if len(t.said) == 0 {
		return t.Conn.Read(b)
	}
	n := copy(b, t.said)
	t.said = t.said[n:]
	return n, nil
}

// CloseWrite is how net/http ends a connection whose client still sends.
func (t *told) CloseWrite() error {
	if c, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// Accept gives net/http what is not answered here.
func (g *greeter) Accept() (net.Conn, error) {
	select {
	case conn := <-g.on:
		return conn, nil
	case <-g.over:
		return nil, net.ErrClosed
	}
}

// Close ends Accept; the doorman has its own end.
func (g *greeter) Close() error {
	g.once.Do(func() { close(g.over) })
	return nil
}

// watch is told by net/http what becomes of a connection.
func (g *greeter) watch(conn net.Conn, state http.ConnState) {
	g.doorman.watch(conn.(*told).Conn, state)
}

// run lets people in until the doorman is closed, or his socket broken. When the
// process or the system has no descriptor left it tries again, as net/http does.
func (g *greeter) run() error {
	for pause := time.Duration(0); ; {
		conn, err := g.doorman.Accept()
		switch {
		case err == nil:
			pause = 0
			go g.greet(conn)
		case passing(err):
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			g.log.Warn("cannot accept a connection; trying again", "error", err)
			select {
			case <-time.After(pause):
			case <-g.closed:
			}
		default:
			return err
		}
	}
}

// passing tells of errors that pass.
func passing(err error) bool {
	for _, one := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// desk is where one answer is read and written.
type desk struct {
	in  [512]byte
	out []byte
}

var desks = sync.Pool{New: func() any { return &desk{out: make([]byte, 0, 1024)} }}

// greet reads what a connection says first.
func (g *greeter) greet(conn net.Conn) {
	k := desks.Get().(*desk)
	defer desks.Put(k)
	_ = conn.SetReadDeadline(time.Now().Add(headerWithin))
	n, err := 0, error(nil)
	for n == 0 && err == nil {
		n, err = conn.Read(k.in[:])
	}
	if profile, ok := asked(k.in[:n]); ok {
		g.doorman.watch(conn, http.StateActive) // it is not silent any more
		_ = conn.SetWriteDeadline(time.Now().Add(workWithin + writeWithin))
		g.s.credentialsTo(&plain{conn: conn, desk: k}, string(profile))
	} else if n > 0 {
		select {
		case g.on <- &told{conn, bytes.Clone(k.in[:n])}:
			return
		case <-g.over:
		}
	}
	_ = conn.Close()
	g.doorman.watch(conn, http.StateClosed)
}

// asked returns whose credentials a request is for, if it is what helpers send,
// to the byte.
func asked(request []byte) (profile []byte, ok bool) {
	rest, ok := bytes.CutPrefix(request, []byte("GET /v1/credentials/"))
	if !ok {
		return nil, false
	}
	profile, ok = bytes.CutSuffix(rest, []byte(" HTTP/1.0\r\n\r\n"))
	return profile, ok && helper.ValidName(string(profile))
}

// plain is a http.ResponseWriter that writes the one answer of a connection in a
// single piece, and wipes it.
type plain struct {
	conn   net.Conn
	desk   *desk
	header http.Header
	status int
}

func (p *plain) Header() http.Header {
	if p.header == nil {
		p.header = http.Header{}
	}
	return p.header
}

func (p *plain) SetWriteDeadline(t time.Time) error { return p.conn.SetWriteDeadline(t) }

func (p *plain) WriteHeader(status int) { p.status = status }

// Write writes head and body; it is called once.
func (p *plain) Write(body []byte) (int, error) {
	out := append(p.desk.out[:0], "HTTP/1.0 "...)
	out = strconv.AppendInt(out, int64(p.status), 10)
	out = append(append(out, ' '), http.StatusText(p.status)...)
	for name, values := range p.header {
		out = append(append(append(append(out, "\r\n"...), name...), ": "...), values[0]...)
	}
	return len(body), p.send(append(out, "\r\nConnection: close\r\n\r\n"...), body)
}

// answer is Write for a body that was asked for, without a map for its header.
func (p *plain) answer(body []byte) {
	out := append(p.desk.out[:0], "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(body)), 10)
	_ = p.send(append(out, "\r\n\r\n"...), body) // who has gone is none of our business
}

// send sends both in one write, and wipes what it copied.
func (p *plain) send(head, body []byte) error {
	out := append(head, body...)
	_, err := p.conn.Write(out)
	clear(out)
	p.desk.out = out[:0]
	return err
}
