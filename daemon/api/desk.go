package api

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// desk is where the greeter reads one request and, as its http.ResponseWriter,
// writes the answer, in a single piece, which is wiped at once: so a connection
// may be kept after a secret has gone through it.
type desk struct {
	conn   net.Conn
	in     [512]byte
	said   []byte        // of in
	kept   bool          // the connection goes on after the answer
	waits  time.Duration // for a reader who does not take the answer; 0 where the system takes it
	out    []byte
	header http.Header
	status int
}

var desks = sync.Pool{New: func() any { return &desk{out: make([]byte, 0, 1024)} }}

// leave gives the desk to the next one, with nothing on it: what net/http answers
// begins here too, and some of that brings a secret.
func (k *desk) leave() {
	clear(k.in[:])
	k.conn, k.said, k.kept, k.waits, k.header = nil, nil, false, 0, nil
	desks.Put(k)
}

// read waits for the first bytes of a request.
func (k *desk) read() bool {
	n, err := 0, error(nil)
	for n == 0 && err == nil {
		n, err = k.conn.Read(k.in[:])
	}
	k.said = k.in[:n]
	return n > 0
}

// ways are how the requests end that are answered here, and whether the connection
// is kept.
var ways = []struct {
	end  []byte
	kept bool
}{
	{[]byte(" HTTP/1.0\r\n\r\n"), false},
	{[]byte(" HTTP/1.1\r\nHost: localhost\r\n\r\n"), true},
	{[]byte(" HTTP/1.1\r\nHost: awskeyd\r\n\r\n"), true},
}

// asked returns whose credentials a request is for, if it is what helpers send, or
// who asks again and again, to the byte.
func asked(request []byte) (profile []byte, kept, ok bool) {
	rest, ok := bytes.CutPrefix(request, []byte("GET /v1/credentials/"))
	if !ok {
		return nil, false, false
	}
	for _, way := range ways {
		if profile, ok = bytes.CutSuffix(rest, way.end); ok {
			return profile, way.kept, helper.ValidName(string(profile))
		}
	}
	return nil, false, false
}

func (k *desk) Header() http.Header {
	if k.header == nil {
		k.header = http.Header{}
	}
	return k.header
}

func (k *desk) WriteHeader(status int) { k.status = status }

// Write writes head and body; it is called once for an answer.
func (k *desk) Write(body []byte) (int, error) {
	out := append(k.out[:0], k.version()...)
	out = strconv.AppendInt(out, int64(k.status), 10)
	out = append(append(out, ' '), http.StatusText(k.status)...)
	for name, values := range k.header {
		out = append(append(append(append(out, "\r\n"...), name...), ": "...), values[0]...)
	}
	k.header = nil
	return len(body), k.send(append(out, k.connection()...), body)
}

// answer is Write for a body that was asked for, without a map for its header.
func (k *desk) answer(body []byte) {
	out := append(append(k.out[:0], k.version()...), "200 OK\r\nContent-Type: application/json\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(body)), 10)
	_ = k.send(append(out, k.connection()...), body) // who has gone is none of our business
}

func (k *desk) version() string {
	if k.kept {
		return "HTTP/1.1 "
	}
	return "HTTP/1.0 "
}

// connection ends a head.
func (k *desk) connection() string {
	if k.kept {
		return "\r\n\r\n"
	}
	return "\r\nConnection: close\r\n\r\n"
}

// send sends both in one write, and wipes what it copied.
func (k *desk) send(head, body []byte) error {
	out := append(head, body...)
	if k.waits > 0 {
		_ = k.conn.SetWriteDeadline(time.Now().Add(k.waits))
	}
	_, err := k.conn.Write(out)
	clear(out)
	k.out = out[:0]
	k.kept = k.kept && err == nil
	return err
}
