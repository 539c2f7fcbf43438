//go:build unix

package api

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const again = "GET /v1/credentials/work HTTP/1.1\r\nHost: localhost\r\n\r\n"

// regular is a client who keeps his connection.
type regular struct {
	net.Conn
	answers *bufio.Reader
}

func newRegular(conn net.Conn) *regular { return &regular{conn, bufio.NewReader(conn)} }

// ask returns the answer's body, status and whether the connection ends with it.
func (r *regular) ask(t testing.TB, pieces ...string) (body string, status int, last bool) {
	t.Helper()
	for i, piece := range pieces {
		if i > 0 {
			synctest.Wait() // until the first was read
		}
		if _, err := io.WriteString(r, piece); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := http.ReadResponse(r.answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), answer.StatusCode, answer.Close
}

func (r *regular) answered(t *testing.T, pieces ...string) {
	t.Helper()
	if body, status, last := r.ask(t, pieces...); body != credentials || status != http.StatusOK || last {
		t.Fatalf("answered with %q, %d, the last: %v", body, status, last)
	}
}

func (r *regular) ended(t *testing.T) {
	t.Helper()
	if b, err := r.answers.ReadByte(); err != io.EOF {
		t.Errorf("the connection did not end, but said %q, %v", b, err)
	}
}

// TestAKeptConnection is answered again and again, refused in between, and handed on
// as soon as it asks something else.
func TestAKeptConnection(t *testing.T) {
	f := &fake{}
	_, path := serve(t, f, quiet())
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := newRegular(conn)
	for range 1000 {
		r.answered(t, again)
	}
	f.err = errLocked
	if body, status, last := r.ask(t, again); status != http.StatusLocked || !strings.Contains(body, `"code":"locked"`) || last {
		t.Errorf("refused with %q, %d, the last: %v", body, status, last)
	}
	f.err = nil
	r.answered(t, strings.Replace(again, "localhost", "awskeyd", 1))
	if body, status, last := r.ask(t, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"); status != http.StatusOK || !strings.Contains(body, `"daemon"`) || last {
		t.Errorf("answered with %q, %d, the last: %v", body, status, last)
	}
	if body, status, last := r.ask(t, again); body != credentials || status != http.StatusOK || !last {
		t.Errorf("net/http answered with %q, %d, the last: %v", body, status, last)
	}
	r.ended(t)
}

// TestTheDeskIsWiped while a connection is kept: no secret stays with it.
func TestTheDeskIsWiped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, conn := net.Pipe()
		d := newDoorman(newPipes(), quiet())
		k := &desk{conn: conn, out: make([]byte, 0, 16)} // it grows at the first answer
		go newGreeter(&server{svc: &fake{}, log: quiet()}, d).greet(k)
		r := newRegular(client)
		for range 3 {
			r.answered(t, again)
			synctest.Wait()
			if all := append(k.out[:cap(k.out)], k.in[:]...); cap(k.out) < len(credentials) || bytes.Contains(all, []byte("CANARY")) {
				t.Fatalf("the desk of %d bytes holds %q", cap(k.out), all)
			}
		}
		client.Close()
	})
}

// TestTheSilentAreDismissed also where they were answered before, the longest silent
// first.
func TestTheSilentAreDismissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := inBubble(t, &fake{}, quiet(), func(d *doorman) { d.places = 2 })
		first, second := newRegular(l.dial()), newRegular(l.dial())
		first.answered(t, again)
		time.Sleep(time.Millisecond)
		second.answered(t, again)
		time.Sleep(time.Millisecond)
		first.answered(t, again)
		began := time.Now()
		if got := get10(l.dial(), honest); !strings.HasSuffix(got, credentials) {
			t.Errorf("answered with %q", got)
		}
		if took := time.Since(began); took > patience {
			t.Errorf("an honest client waited for %v", took)
		}
		second.ended(t)
		first.answered(t, again)
		stop()
		first.ended(t)
	})
}

// TestWhoDoesNotReadIsNotWaitedFor: places are for those who take their answers.
func TestWhoDoesNotReadIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := inBubble(t, &fake{}, quiet(), nil)
		conn := l.dial()
		if _, err := io.WriteString(conn, again); err != nil { // a pipe of the test holds nothing back
			t.Fatal(err)
		}
		time.Sleep(2 * patience)
		if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
			t.Errorf("%d bytes were kept for who did not read, %v", len(got), err)
		}
		stop()
	})
}

// TestNothingStaysOnADesk: a request that brings a secret begins there too.
func TestNothingStaysOnADesk(t *testing.T) {
	k := &desk{}
	copy(k.in[:], "PUT /v1/keys/work HTTP/1.1\r\n\r\nCANARY")
	k.said = k.in[:]
	handed := &told{said: []byte("CANARY")}
	said := handed.said
	if n, err := handed.Read(make([]byte, 64)); n != len("CANARY") || err != nil {
		t.Fatal(n, err)
	}
	k.leave()
	if bytes.ContainsAny(k.in[:], "CANRY") || bytes.ContainsAny(said, "CANRY") {
		t.Errorf("%q and %q stay", k.in[:], said)
	}
}

// TestARequestInPiecesOnAKeptConnection is net/http's from there on.
func TestARequestInPiecesOnAKeptConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := inBubble(t, &fake{}, quiet(), nil)
		r := newRegular(l.dial())
		r.answered(t, again)
		if body, status, last := r.ask(t, again[:9], again[9:]); body != credentials || status != http.StatusOK || !last {
			t.Errorf("answered with %q, %d, the last: %v", body, status, last)
		}
		r.ended(t)
		stop()
	})
}

// slow is a service whose credentials take their time.
type slow struct {
	Service
	wait time.Duration
}

func (s slow) Credentials(string) ([]byte, error) {
	time.Sleep(s.wait)
	return []byte(credentials), nil
}

// TestAKeptConnectionAtTheStop: an idle one holds nothing up and may still ask, and
// is told that this is the last time; one that is being answered ends with that.
func TestAKeptConnectionAtTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := inBubble(t, slow{wait: time.Second}, quiet(), nil)
		kept := func() *regular {
			r := newRegular(l.dial())
			r.answered(t, again)
			return r
		}
		idle, asks, busy := kept(), kept(), kept()
		done := make(chan bool, 2)
		for r, wait := range map[*regular]time.Duration{busy: 0, asks: patience / 2} {
			go func() {
				time.Sleep(wait)
				body, _, last := r.ask(t, again)
				r.ended(t)
				done <- body == credentials && (last || r == busy)
			}()
		}
		synctest.Wait() // busy has asked
		if took := stop(); took > time.Second+patience {
			t.Errorf("stopping took %v", took)
		}
		idle.ended(t)
		for range 2 {
			if !<-done {
				t.Error("one was not answered")
			}
		}
	})
}

// TestAnAnswerThatEndsAfterTheHurry: what becomes silent when the silent have already
// been told to hurry is told as well.
func TestAnAnswerThatEndsAfterTheHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		d := newDoorman(l, quiet())
		d.peer = func(net.Conn) (int, error) { return os.Geteuid(), nil }
		g := newGreeter(&server{svc: slow{wait: time.Second}, log: quiet(), stopping: context.Background().Done()}, d)
		ended := make(chan error, 1)
		go func() { ended <- g.run() }()
		r := newRegular(l.dial())
		go func() {
			time.Sleep(time.Second / 2)
			_ = d.Close()
			d.hurry()
		}()
		r.answered(t, again)
		began := time.Now()
		r.ended(t)
		if took := time.Since(began); took != patience {
			t.Errorf("it was kept for %v", took)
		}
		<-ended
	})
}
