package api

import (
	"container/list"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// doorman is the listener of the server. It lets in only our own uid, and only
// so many connections at once. When all places are taken, the connection that
// has been silent the longest (no whole request head yet, or none since the
// last answer) is closed for the next one; one that is being answered never is.
// So a program that opens connections and says nothing keeps an honest one,
// which asks at once, waiting for some milliseconds at most.
type doorman struct {
	net.Listener
	log      *slog.Logger
	uid      int
	peer     func(net.Conn) (uid int, err error)
	places   int
	patience time.Duration
	freed    chan struct{} // a place may have become free
	closed   chan struct{}
	once     sync.Once

	mu     sync.Mutex
	inside map[net.Conn]*list.Element // nil while a request is being answered
	silent *list.List                 // of guest, the longest silent first

	// next alone uses these.
	refused     int // since the last line in the log
	lastRefusal time.Time
}

type guest struct {
	conn  net.Conn
	since time.Time
}

func newDoorman(l net.Listener, log *slog.Logger) *doorman {
	return &doorman{
		Listener: l, log: log, uid: os.Geteuid(), peer: peerUID, places: maxConns, patience: patience,
		freed: make(chan struct{}, 1), closed: make(chan struct{}),
		inside: map[net.Conn]*list.Element{}, silent: list.New(),
	}
}

// next returns the next connection of ours, which has no place yet; see admit.
func (d *doorman) next() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil || d.ours(conn) {
			return conn, err
		}
		_ = conn.Close()
	}
}

// Close closes the listener, also for who waits for a place.
func (d *doorman) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// ours asks the kernel who connected. Others get no word, and one line a
// minute in the log.
func (d *doorman) ours(conn net.Conn) bool {
	uid, err := d.peer(conn)
	if err == nil && uid == d.uid {
		return true
	}
	d.refused++
	if now := time.Now(); d.lastRefusal.IsZero() || now.Sub(d.lastRefusal) >= time.Minute {
		d.log.Warn("refused a connection that is not from our own user", "uid", uid, "error", err, "refused", d.refused)
		d.refused, d.lastRefusal = 0, now
	}
	return false
}

func peerUID(conn net.Conn) (uid int, err error) {
	uid, err = -1, syscall.ENOTSOCK
	if e := onSocket(conn, func(fd uintptr) { uid, err = helper.PeerUID(fd) }); e != nil {
		err = e
	}
	return uid, err
}

// onSocket runs f with the descriptor of a connection that has one.
func onSocket(conn net.Conn, f func(fd uintptr)) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return syscall.ENOTSOCK
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(f)
}

// admit waits for a place; false when the listener was closed meanwhile.
func (d *doorman) admit(conn net.Conn) bool {
	for {
		wait, ok := d.tryAdmit(conn)
		if ok {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-d.freed:
		case <-timer.C:
		case <-d.closed:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// tryAdmit takes a place, if need be that of a silent one. If none has been
// silent for long enough, it returns for how long to wait.
func (d *doorman) tryAdmit(conn net.Conn) (wait time.Duration, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if len(d.inside) >= d.places {
		if wait = d.dismiss(now); wait > 0 {
			return wait, false
		}
	}
	d.inside[conn] = d.silent.PushBack(guest{conn, now})
	return 0, true
}

// dismiss closes the connection that has been silent the longest, or returns
// when to try again. One whose request lies unread in the kernel is not silent:
// it is we who are slow.
func (d *doorman) dismiss(now time.Time) (wait time.Duration) {
	for range d.silent.Len() {
		oldest := d.silent.Front()
		g := oldest.Value.(guest)
		if left := d.patience - now.Sub(g.since); left > 0 {
			return left
		}
		d.silent.Remove(oldest)
		if unread(g.conn) {
			d.inside[g.conn] = d.silent.PushBack(guest{g.conn, now})
			continue
		}
		delete(d.inside, g.conn)
		_ = g.conn.Close()
		return 0
	}
	return d.patience // everybody is being answered, or about to be
}

// watch is told by net/http what becomes of a connection.
func (d *doorman) watch(conn net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	place, ok := d.inside[conn]
	if !ok {
		return // closed by us, or let in by somebody else
	}
	switch state {
	case http.StateNew:
		return
	case http.StateActive, http.StateIdle:
		if place != nil {
			d.silent.Remove(place)
			d.inside[conn] = nil
		}
		if state == http.StateActive {
			return
		}
		d.inside[conn] = d.silent.PushBack(guest{conn, time.Now()})
	case http.StateClosed, http.StateHijacked:
		if place != nil {
			d.silent.Remove(place)
		}
		delete(d.inside, conn)
	}
	select {
	case d.freed <- struct{}{}:
	default:
	}
}

// hurry gives the silent a last moment to ask, so that none of them can hold
// up the end of the server.
func (d *doorman) hurry() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.silent.Front(); e != nil; e = e.Next() {
		_ = e.Value.(guest).conn.SetReadDeadline(time.Now().Add(d.patience))
	}
}

// expel closes whoever is still inside.
func (d *doorman) expel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.inside {
		_ = conn.Close()
	}
}

// empty waits until nobody is inside, which is when the goroutine of every
// connection has ended; false if that takes longer than limit. Nobody may be let in
// any more.
func (d *doorman) empty(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		d.mu.Lock()
		inside := len(d.inside)
		d.mu.Unlock()
		if inside == 0 {
			return true
		}
		select {
		case <-d.freed:
		case <-timer.C:
			return false
		}
	}
}
