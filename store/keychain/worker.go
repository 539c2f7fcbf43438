package keychain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/store"
)

// worker is the one goroutine that may touch the keyring library, which knows
// no deadline and no concurrent use. A call that has not returned in time is
// abandoned, never doubled: until it returns by itself every other call fails
// at once.
type worker struct {
	limit  time.Duration
	turn   chan struct{} // held from the beginning of a call to its very end
	calls  chan *call
	closed chan struct{}
	ended  chan struct{}

	mu    sync.Mutex
	since time.Time // when the call at work began; zero when idle
	once  sync.Once
}

// job is what the worker does with a copy of its caller's data. It calls begin
// right before it touches the library; when that fails nobody waits any more
// and nothing may be sent.
type job func(ctx context.Context, begin func() error, in []byte) ([]byte, error)

type call struct {
	ctx   context.Context
	do    job
	in    []byte // our own: the caller's may be wiped while a hung call still needs it
	reply chan reply

	mu        sync.Mutex
	begun     bool
	abandoned bool
}

type reply struct {
	data []byte
	err  error
}

func newWorker(limit time.Duration) *worker {
	w := &worker{
		limit: limit, turn: make(chan struct{}, 1), calls: make(chan *call),
		closed: make(chan struct{}), ended: make(chan struct{}),
	}
	w.turn <- struct{}{}
	go w.loop()
	return w
}

func (w *worker) loop() {
	defer close(w.ended)
	for {
		select {
		case c := <-w.calls:
			w.setSince(time.Now())
			c.answer(c.guarded())
			w.setSince(time.Time{})
			w.turn <- struct{}{}
		case <-w.closed:
			return
		}
	}
}

var errPanic = errors.New("the keyring library failed in a way it does not explain")

// guarded turns a panic of the library into an error: its type assertions on
// what a provider answers are not checked. The panic's value is not shown,
// since nobody knows what it holds.
func (c *call) guarded() (data []byte, err error) {
	defer func() {
		clear(c.in)
		if recover() != nil {
			data, err = nil, errPanic
		}
	}()
	return c.do(c.ctx, c.begin, c.in)
}

func (c *call) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.abandoned {
		return store.ErrHung
	}
	c.begun = true
	return nil
}

func (c *call) answer(data []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.abandoned {
		clear(data)
		return
	}
	c.reply <- reply{data, err}
}

// abandon gives a call up, unless its answer came at the last moment. From here
// on it cannot begin any more.
func (c *call) abandon(why error) reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case r := <-c.reply:
		return r
	default:
		c.abandoned = true
		return reply{err: why}
	}
}

func (w *worker) setSince(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = t
}

// overdue returns how long the call at work may still take; 0 when it has hung.
func (w *worker) overdue() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		return w.limit
	}
	return max(0, w.limit-time.Since(w.since))
}

var errClosed = fmt.Errorf("%w: it was closed", store.ErrUnavailable)

// run has a job done and returns within twice the limit: one for the calls
// before it, one for itself. begun tells whether the library may have been
// touched.
func (w *worker) run(ctx context.Context, in []byte, do job) (data []byte, begun bool, err error) {
	if err := w.await(ctx); err != nil {
		return nil, false, err
	}
	limited, cancel := context.WithTimeout(ctx, w.limit)
	defer cancel()
	c := &call{ctx: limited, do: do, in: bytes.Clone(in), reply: make(chan reply, 1)}
	select {
	case w.calls <- c:
	case <-w.closed:
		clear(c.in)
		return nil, false, errClosed
	}
	var r reply
	select {
	case r = <-c.reply:
	case <-limited.Done():
		r = c.abandon(limited.Err())
	}
	if errors.Is(r.err, context.DeadlineExceeded) { // the questions to the bus keep the time too
		r.err = w.outOfTime(ctx)
	}
	return r.data, c.begun, r.err
}

func (w *worker) outOfTime(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%w: no answer within %s", store.ErrHung, w.limit)
}

// await takes the turn, unless the call that has it is overdue.
func (w *worker) await(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return w.outOfTime(ctx)
	}
	patience := time.NewTimer(w.limit)
	defer patience.Stop()
	for {
		left := w.overdue()
		if left == 0 {
			return fmt.Errorf("%w: an earlier call has not returned yet", store.ErrHung)
		}
		hung := time.NewTimer(left)
		select {
		case <-w.closed:
			hung.Stop()
			return errClosed
		case <-w.turn:
			hung.Stop()
			return nil
		case <-hung.C:
		case <-patience.C:
			hung.Stop()
			return fmt.Errorf("%w: the calls before this one took too long", store.ErrHung)
		case <-ctx.Done():
			hung.Stop()
			return w.outOfTime(ctx)
		}
	}
}

// close ends the goroutine, or leaves it to its hung call after the limit.
func (w *worker) close() error {
	w.once.Do(func() { close(w.closed) })
	t := time.NewTimer(w.limit)
	defer t.Stop()
	select {
	case <-w.ended:
		return nil
	case <-t.C:
		return fmt.Errorf("closing: %w: an earlier call has not returned yet", store.ErrHung)
	}
}
