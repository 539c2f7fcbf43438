package api

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// greeter stands between the doorman and net/http. Every AWS command waits for
// the request that helpers send, so the greeter answers that one itself, from the
// first bytes that come: net/http makes twice as many allocations for it, and a helper
// waits longer. Whoever says anything else is handed on with what was said. Since it
// wipes its desk, it can keep a connection that net/http would have to end.
type greeter struct {
	*doorman
	s      *server
	prompt Prompt        // nil if the service is not
	on     chan net.Conn // to net/http
	over   chan struct{} // net/http takes no more
	once   sync.Once
}

func newGreeter(s *server, d *doorman) *greeter {
	prompt, _ := s.svc.(Prompt)
	return &greeter{doorman: d, s: s, prompt: prompt, on: make(chan net.Conn), over: make(chan struct{})}
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
	clear(t.said[:n])
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
		conn, err := g.next()
		switch {
		case err == nil:
			pause = 0
			k := desks.Get().(*desk)
			k.conn = conn
			if g.atOnce(k) {
				_ = conn.Close()
				k.leave()
				continue
			}
			if !g.admit(conn) {
				_ = conn.Close()
				return net.ErrClosed
			}
			if _, _, whole := asked(k.said); whole {
				g.doorman.watch(conn, http.StateActive) // the kernel shows no request of it any more
			}
			go g.greet(k)
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

// atOnce answers a helper who has asked by now, if the service need not wait. A
// goroutine and its thread are a third of the time that a helper waits, and without
// one there is nobody to find a place for. All who come wait for it, so it waits for none.
func (g *greeter) atOnce(k *desk) (done bool) {
	if g.prompt == nil {
		return false
	}
	k.said = k.in[:glance(k.conn, k.in[:])]
	profile, kept, ok := asked(k.said)
	if !ok || kept {
		return false
	}
	defer func() {
		if recover() != nil {
			done = false // Credentials fails as well, and is heard there
		}
	}()
	body := g.prompt.CredentialsNow(string(profile))
	if len(body) == 0 || len(body) > firstAnswer {
		clear(body)
		return false
	}
	k.answer(body)
	clear(body)
	return true
}

// firstAnswer is what the kernel takes from us at once: half of the least buffer
// that it gives a socket.
const firstAnswer = 2 << 10

// greet answers a connection until it ends or becomes net/http's.
func (g *greeter) greet(k *desk) {
	defer k.leave()
	_ = k.conn.SetReadDeadline(time.Now().Add(headerWithin))
	if g.leaving() { // hurry may have been here before
		_ = k.conn.SetReadDeadline(time.Now().Add(g.patience))
	}
	k.waits = writeWithin
	for len(k.said) > 0 || k.read() {
		profile, kept, ok := asked(k.said)
		if !ok {
			select {
			case g.on <- &told{k.conn, bytes.Clone(k.said)}:
				return
			case <-g.over:
			}
			break
		}
		g.doorman.watch(k.conn, http.StateActive) // it is not silent any more
		if k.kept = kept && !g.leaving(); k.kept {
			k.waits = g.patience // there is room for an answer, if the earlier ones were read
		}
		g.s.credentialsTo(k, string(profile))
		k.said = nil
		if !k.kept {
			break
		}
		g.doorman.watch(k.conn, http.StateIdle)
		_ = k.conn.SetReadDeadline(time.Now().Add(idleWithin))
		if g.leaving() { // hurry may have been here before
			_ = k.conn.SetReadDeadline(time.Now().Add(g.patience))
		}
	}
	_ = k.conn.Close()
	g.doorman.watch(k.conn, http.StateClosed)
}

// leaving tells that the doorman lets nobody in any more.
func (g *greeter) leaving() bool {
	select {
	case <-g.closed:
		return true
	default:
		return false
	}
}
