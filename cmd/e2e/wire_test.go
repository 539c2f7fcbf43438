//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// wire stands between the daemon and the emulated AWS, and does to a connection
// what networks do. Clients reach AWS without it.
type wire struct {
	t       *testing.T
	to      string // AWS's address
	address string // its own
	all     sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	closed   bool
	action   string // what happens to the next request of this action,
	damage   damage // and what
	happened bool
	seen     []string // the actions that were asked for, each once
}

// damage is what a wire does with one request.
type damage string

const (
	refusing    damage = "refused for two seconds" // nobody listens, from this request on
	resetBefore damage = "reset before it arrived"
	resetAfter  damage = "reset after it was carried out"
	cutHead     damage = "cut in the head of the answer"
	cutBody     damage = "cut in the body of the answer"
	silent      damage = "carried out and never answered" // until the daemon gives up
)

// newWire listens on a port of its own that leads to AWS.
func newWire(t *testing.T, aws *awstest.Server) *wire {
	t.Helper()
	u, err := url.Parse(aws.URL)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, to: u.Host, address: "127.0.0.1:0"}
	if err := w.listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

func (w *wire) url() string { return "http://" + w.address }

// listen opens the port, or opens it again.
func (w *wire) listen() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	l, err := net.Listen("tcp", w.address)
	if err != nil {
		return err
	}
	w.listener, w.address = l, l.Addr().String()
	w.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.all.Go(func() { w.carry(c.(*net.TCPConn)) })
		}
	})
	return nil
}

func (w *wire) close() {
	w.mu.Lock()
	w.closed = true
	w.listener.Close()
	w.mu.Unlock()
	w.all.Wait()
}

// hurt lets damage happen to the next request of an action.
func (w *wire) hurt(action string, d damage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.action, w.damage, w.happened = action, d, false
}

func (w *wire) hurtful(action string) damage {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.seen, action) {
		w.seen = append(w.seen, action)
	}
	if w.happened || w.action != action {
		return ""
	}
	w.happened = true
	return w.damage
}

// carry takes one request to AWS and its answer back; the daemon makes a
// connection for each.
func (w *wire) carry(c *net.TCPConn) {
	defer c.Close()
	deadline := time.Now().Add(runLimit)
	_ = c.SetDeadline(deadline) // it is open
	var request, answer bytes.Buffer
	action, err := readAction(io.TeeReader(c, &request))
	if err != nil {
		return // the daemon was killed, or has given up
	}
	d := w.hurtful(action)
	switch d {
	case refusing:
		w.refuse()
		_ = c.SetLinger(0) // from here on Close resets the connection
		return
	case resetBefore:
		_ = c.SetLinger(0)
		return
	}
	up, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer up.Close()
	_ = up.SetDeadline(deadline)
	if _, err := up.Write(request.Bytes()); err != nil {
		return
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(up, &answer)), nil)
	if err != nil {
		return
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return
	}
	whole := answer.Bytes()
	switch d {
	case resetAfter:
		_ = c.SetLinger(0)
		return
	case cutHead:
		whole = whole[:20]
	case cutBody:
		whole = whole[:len(whole)-len(body)/2]
	case silent:
		_, _ = io.Copy(io.Discard, c) // it ends when the daemon gives up
		return
	}
	_, _ = c.Write(whole) // or it has given up meanwhile
}

// readAction reads a request to its end and says what it asks for.
func readAction(from io.Reader) (string, error) {
	r, err := http.ReadRequest(bufio.NewReader(from))
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(body))
	if action := form.Get("Action"); action != "" || err != nil {
		return action, err
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".") // services that speak JSON
	return action, nil
}

// refuse closes the port for two seconds.
func (w *wire) refuse() {
	w.mu.Lock()
	w.listener.Close()
	w.mu.Unlock()
	w.all.Go(func() {
		time.Sleep(2 * time.Second)
		if err := w.listen(); err != nil {
			w.t.Errorf("the port cannot be opened again: %v", err)
		}
	})
}

// hurting is one fault on the way between the daemon and AWS.
type hurting struct {
	action string
	damage damage        // of the wire,
	fault  awstest.Fault // or of what is at its other end
}

func (b hurting) String() string { return b.action + "/" + string(b.damage) + b.fault.Name }

// onTheWay are the faults of one action.
func onTheWay(action string) (list []hurting) {
	for _, d := range []damage{refusing, resetBefore, resetAfter, cutHead, cutBody, silent} {
		if d != silent || thorough { // it takes as long as a request may
			list = append(list, hurting{action: action, damage: d})
		}
	}
	for _, f := range []awstest.Fault{
		awstest.CaptivePortal(), awstest.Garbage(http.StatusBadGateway, "text/html", "<h1>Bad gateway"),
		awstest.Late(700 * time.Millisecond), awstest.FailAfter(http.StatusServiceUnavailable), awstest.Throttle(),
	} {
		list = append(list, hurting{action: action, fault: f})
	}
	return list
}

// strike rotates a key once while it happens, and returns what was called.
func (b hurting) strike(t *testing.T, bin string) (calls []string) {
	h := newHome(t, bin)
	s := newStage(t, h)
	w := newWire(t, s.aws)
	h.configure(awsAt(w.url()), h.fileStore(), swift)
	s.d = h.start()
	h.mustAdd("work", s.old, s.secret)
	var happened atomic.Bool
	if b.fault.Name != "" {
		s.aws.SetScript(func(c awstest.Call) awstest.Fault {
			if c.ByDaemon() && c.Action == b.action && happened.CompareAndSwap(false, true) {
				return b.fault
			}
			return awstest.Fault{}
		})
	} else {
		w.hurt(b.action, b.damage)
	}
	operation{step: rotates}.run(s)
	s.d.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !happened.Load() && !w.happened && b.action != "" {
		t.Error("it did not happen")
	}
	return w.seen
}

// Whatever happens on the way to AWS, and to whatever call, a rotation ends by
// itself, and nobody notices.
func TestWhateverTheNetworkDoesItGoesOn(t *testing.T) {
	t.Parallel()
	bin := binaries(t)
	var calls []string
	t.Run("undisturbed", func(t *testing.T) { calls = hurting{}.strike(t, bin) })
	if len(calls) < 5 {
		t.Fatalf("a rotation makes the calls %q", calls)
	}
	var list []hurting
	for _, action := range calls {
		list = append(list, onTheWay(action)...)
	}
	list = sample(list)
	fourAtATime(t, list, hurting.String, func(t *testing.T, b hurting) { b.strike(t, bin) })
	t.Logf("%d calls %q, %d faults", len(calls), calls, len(list))
}
