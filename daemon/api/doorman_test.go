//go:build unix

package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections live inside a synctest bubble.
type pipes struct {
	dialed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{dialed: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dialed:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Net: "unix", Name: "pipes"} }

// dial returns once the connection was accepted, not yet let in.
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	select {
	case p.dialed <- server:
	case <-p.closed:
		server.Close()
	}
	return client
}

// inBubble runs the server on pipes in fake time. stop ends it and returns how
// long that took.
func inBubble(t *testing.T, svc Service, log *slog.Logger, change func(*doorman)) (l *pipes, stop func() time.Duration) {
	l = newPipes()
	d := newDoorman(l, log)
	d.peer = func(net.Conn) (int, error) { return os.Geteuid(), nil }
	if change != nil {
		change(d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{svc: svc, log: log, stopping: ctx.Done(), work: make(chan struct{}, maxWork)}
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, d) }()
	return l, func() time.Duration {
		began := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return time.Since(began)
	}
}

const honest = "GET /v1/credentials/work HTTP/1.0\r\n\r\n"

func get10(conn net.Conn, request string) string {
	defer conn.Close()
	io.WriteString(conn, request)
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// TestSlowTalkers: programs that connect and say nothing, or dribble, take
// every place and more. An honest client is answered long before their own
// time limits would have freed a place.
func TestSlowTalkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := inBubble(t, &fake{}, quiet(), func(d *doorman) { d.places = 8 })
		var talkers sync.WaitGroup
		for i := range 40 {
			talkers.Go(func() {
				conn := l.dial()
				defer conn.Close()
				if i%2 == 0 {
					io.Copy(io.Discard, conn)
					return
				}
				for {
					if _, err := io.WriteString(conn, "G"); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		if got := get10(l.dial(), honest); !strings.HasSuffix(got, credentials) {
			t.Errorf("answered with %q", got)
		}
		if took := time.Since(began); took >= headerWithin {
			t.Errorf("an honest client waited for %v", took)
		}
		stop()
		talkers.Wait()
	})
}

// TestTheUnreadStay: a connection whose request the server had no time to read
// is passed over for one that said nothing.
func TestTheUnreadStay(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(short(t), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := newDoorman(l, quiet())
	d.places, d.patience = 3, time.Nanosecond
	var guests []net.Conn
	for _, say := range []string{"G", "", "G", "G"} {
		client, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := io.WriteString(client, say); err != nil {
			t.Fatal(err)
		}
		conn, err := d.next()
		if err != nil || !d.admit(conn) {
			t.Fatal(err)
		}
		defer conn.Close()
		guests = append(guests, conn)
	}
	for i, conn := range guests {
		if _, inside := d.inside[conn]; inside == (i == 1) {
			t.Errorf("guest %d is inside: %v", i, inside)
		}
	}
}

// TestTheAnsweredStay: a request at work is never given up for a newcomer,
// who waits for a place instead.
func TestTheAnsweredStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{before: func(context.Context) { time.Sleep(20 * time.Second) }}
		l, stop := inBubble(t, f, quiet(), func(d *doorman) { d.places = 3 })
		began := time.Now()
		var clients sync.WaitGroup
		for range 3 {
			clients.Go(func() {
				if got := get10(l.dial(), "GET /v1/keys/work HTTP/1.0\r\n\r\n"); !strings.Contains(got, `"name":"work"`) {
					t.Errorf("answered with %q", got)
				}
			})
		}
		synctest.Wait()
		if got := get10(l.dial(), honest); !strings.HasSuffix(got, credentials) {
			t.Errorf("answered with %q", got)
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("a place was free after %v", took)
		}
		clients.Wait()
		stop()
	})
}

// TestTimeLimits: what a lone slow client may take.
func TestTimeLimits(t *testing.T) {
	tests := []struct {
		name, send string
		limit      time.Duration
	}{
		{"silence", "", headerWithin},
		{"half a head", "GET /v1/status HTTP/1.1\r\nX: ", headerWithin},
		{"half a body", "PUT /v1/keys/work HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{", readWithin},
		{"kept and not used", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n", idleWithin},
		{"kept after credentials and not used", again, idleWithin},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, stop := inBubble(t, &fake{}, quiet(), nil)
				conn := l.dial()
				began := time.Now()
				go io.WriteString(conn, tt.send)
				io.Copy(io.Discard, conn)
				// net/http lingers for half a second after a body it gave up.
				if took := time.Since(began); took < tt.limit || took > tt.limit+time.Second {
					t.Errorf("closed after %v, want %v", took, tt.limit)
				}
				stop()
			})
		})
	}
}

// TestLongWork: the time limits of reading do not reach into the work.
func TestLongWork(t *testing.T) {
	for _, request := range []string{"POST /v1/keys/work/rotate HTTP/1.0\r\n\r\n", "PUT /v1/keys/work HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}"} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{before: func(ctx context.Context) {
				select {
				case <-time.After(workWithin - time.Second):
				case <-ctx.Done():
					t.Error("the work was cancelled")
				}
			}}
			l, stop := inBubble(t, f, quiet(), nil)
			if got := get10(l.dial(), request); !strings.Contains(got, " 200 OK") {
				t.Errorf("answered with %q", got)
			}
			stop()
		})
	}
}

// TestStop: whatever goes on when the daemon is told to stop, it ends in time,
// and an answer that can be finished is.
func TestStop(t *testing.T) {
	answered := func(t *testing.T, got string) {
		if !strings.Contains(got, `"name":"work"`) {
			t.Errorf("answered with %q", got)
		}
	}
	cutOff := func(t *testing.T, got string) {
		if strings.Contains(got, " 200 OK") {
			t.Errorf("answered with %q", got)
		}
	}
	tests := []struct {
		name    string
		request string
		work    func(context.Context)
		limit   time.Duration
		check   func(*testing.T, string)
	}{
		{"idle", "", nil, 0, nil},
		{"silence", "GET /v1", nil, time.Second, nil},
		{"an answer under way", "GET /v1/keys/work HTTP/1.0\r\n\r\n", func(context.Context) { time.Sleep(2 * time.Second) }, stopWithin, answered},
		{"work that ends when told", "GET /v1/keys/work HTTP/1.0\r\n\r\n", func(ctx context.Context) { <-ctx.Done() }, stopWithin, cutOff},
		{"work that does not", "GET /v1/keys/work HTTP/1.0\r\n\r\n", func(context.Context) { time.Sleep(time.Minute) }, stopWithin, cutOff},
		{"a stream of events", "GET /v1/events HTTP/1.0\r\n\r\n", nil, time.Second, func(t *testing.T, got string) {
			if !strings.Contains(got, "Content-Type: text/event-stream") {
				t.Errorf("answered with %q", got)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				l, stop := inBubble(t, &fake{before: tt.work}, slog.New(slog.NewTextHandler(&log, nil)), nil)
				var client sync.WaitGroup
				if tt.request != "" {
					conn := l.dial()
					client.Go(func() {
						if got := get10(conn, tt.request); tt.check != nil {
							tt.check(t, got)
						}
					})
				}
				synctest.Wait()
				if took := stop(); took > tt.limit {
					t.Errorf("stopping took %v", took)
				}
				if stuck := strings.Contains(log.String(), "did not end"); stuck != (tt.name == "work that does not") {
					t.Errorf("the log says %q", log.String())
				}
				client.Wait()
				time.Sleep(time.Hour) // for the work that does not end when told
			})
		})
	}
}

// TestWhoHasJustComeIsAnswered: a program that has connected and not asked yet when
// the daemon is told to stop. An upgrade refuses nobody.
func TestWhoHasJustComeIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := inBubble(t, &fake{}, quiet(), nil)
		conn := l.dial()
		synctest.Wait()
		var client sync.WaitGroup
		client.Go(func() {
			time.Sleep(patience / 2)
			if got := get10(conn, "GET /v1/keys/work HTTP/1.0\r\n\r\n"); !strings.Contains(got, `"name":"work"`) {
				t.Errorf("answered with %q", got)
			}
		})
		stop()
		client.Wait()
	})
}

// TestSlowReader: a stream whose reader stopped reading is ended, not waited
// for.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{events: make(chan Event)}
		l, stop := inBubble(t, f, quiet(), nil)
		conn := l.dial()
		io.WriteString(conn, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
		f.events <- Event{Text: strings.Repeat("x", 1<<16)}
		began := time.Now()
		synctest.Wait()
		time.Sleep(writeWithin + time.Second)
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
		if took := time.Since(began); took > writeWithin+2*time.Second {
			t.Errorf("the stream was kept for %v", took)
		}
		conn.Close()
		stop()
	})
}

// TestRefusedUID: a connection of another user gets no byte, and the log one
// line a minute however often it comes.
func TestRefusedUID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := &fake{}
		uid := os.Geteuid() + 1
		l, stop := inBubble(t, f, slog.New(slog.NewTextHandler(&log, nil)), func(d *doorman) {
			d.peer = func(net.Conn) (int, error) { return uid, nil }
		})
		for range 100 {
			if got := get10(l.dial(), honest); got != "" {
				t.Errorf("answered with %q", got)
			}
		}
		time.Sleep(time.Minute)
		get10(l.dial(), honest)
		stop()
		if lines := strings.Count(log.String(), "refused a connection"); lines != 2 || !strings.Contains(log.String(), fmt.Sprintf("uid=%d", uid)) || !strings.Contains(log.String(), "refused=100") {
			t.Errorf("the log says\n%s", log.String())
		}
		if calls := f.took(); len(calls) != 0 {
			t.Errorf("the service was asked: %q", calls)
		}
	})
}
