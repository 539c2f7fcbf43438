//go:build unix

package api

import (
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// TestCrowd: more honest clients at once than there are places, beside as many
// silent ones as there are. Every honest one is answered.
func TestCrowd(t *testing.T) {
	where, path := serve(t, &fake{}, quiet())
	for range maxConns {
		fd, err := helper.Dial(where, helper.Now()+helper.Moment(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(fd, "awskeyd")
		defer f.Close()
	}
	var clients sync.WaitGroup
	for range maxConns + maxConns/2 {
		clients.Go(func() {
			fd, err := helper.Dial(where, helper.Now()+helper.Moment(time.Minute))
			if err != nil {
				t.Error(err)
				return
			}
			f := os.NewFile(fd, "awskeyd")
			defer f.Close()
			io.WriteString(f, honest)
			if got, err := io.ReadAll(f); err != nil || !strings.HasSuffix(string(got), credentials) {
				t.Errorf("%s: answered with %q, %v", path, got, err)
			}
		})
	}
	clients.Wait()
}

// FuzzRequest throws bytes at the server: it never panics, and the connection
// always comes to its end.
func FuzzRequest(f *testing.F) {
	for _, request := range []string{
		honest, again, again + again,
		"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PUT /v1/keys/work HTTP/1.1\r\nHost: awskeyd\r\nContent-Length: 28\r\n\r\n{\"access_key_id\":\"AKIAAAAA\"}",
		"PUT /v1/keys/work HTTP/1.1\r\nHost: awskeyd\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"DELETE /v1/keys/work HTTP/1.0\r\n\r\n",
		"POST /v1/keys/a%2f..%2fb/resolve HTTP/1.0\r\nContent-Length: 99\r\n\r\n{",
		"GET /v1/history?key=%zz&limit=1e9;x HTTP/1.0\r\n\r\n",
		"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		f.Add([]byte(request))
	}
	var log logged
	_, path := serve(f, &fake{events: make(chan Event)}, slog.New(slog.NewTextHandler(&log, nil)))
	f.Fuzz(func(t *testing.T, request []byte) {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		// The server may refuse and close before it has all.
		_, _ = conn.Write(request)
		_ = conn.(*net.UnixConn).CloseWrite()
		answer, err := io.ReadAll(conn)
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Fatalf("no end after %q", answer)
		}
		if text := log.text(); strings.Contains(text, "panic") {
			t.Fatal(text)
		}
		if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.") {
			t.Fatalf("answered with %q", answer)
		}
	})
}

// BenchmarkCredentials counts answers over the socket: as helpers ask, each on
// a new connection, and on kept ones.
func BenchmarkCredentials(b *testing.B) {
	_, path := serve(b, &fake{}, quiet())
	b.Run("new-connection", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				conn, err := net.Dial("unix", path)
				if err != nil {
					b.Error(err)
					return
				}
				io.WriteString(conn, honest)
				got, err := io.ReadAll(conn)
				conn.Close()
				if err != nil || !strings.HasSuffix(string(got), credentials) {
					b.Errorf("%q, %v", got, err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "credentials/s")
	})
	b.Run("kept-connection", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			conn, err := net.Dial("unix", path)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			r := newRegular(conn)
			for pb.Next() {
				if body, _, last := r.ask(b, again); body != credentials || last {
					b.Errorf("%q, the last: %v", body, last)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "credentials/s")
	})
}
