//go:build unix

package api

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestBothWaysAnswerAlike: the greeter says what net/http would, also at a refusal.
func TestBothWaysAnswerAlike(t *testing.T) {
	f := &fake{}
	_, path := serve(t, f, quiet())
	for _, err := range []error{nil, errLocked, errors.New("out of luck")} {
		f.err = err
		var answers []*http.Response
		for _, request := range []string{honest, strings.Replace(honest, "\r\n\r\n", "\r\nX: y\r\n\r\n", 1)} {
			got := exchange(t, path, request)
			r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
			if err != nil {
				t.Fatalf("%q: %v", got, err)
			}
			body, _ := io.ReadAll(r.Body)
			r.Status += string(body)
			r.Header.Del("Date")
			answers = append(answers, r)
		}
		quick, usual := answers[0], answers[1]
		if quick.Status != usual.Status || quick.ContentLength != usual.ContentLength || len(quick.Header) != len(usual.Header) {
			t.Errorf("%v: %q %v\nand %q %v", err, quick.Status, quick.Header, usual.Status, usual.Header)
		}
		for name := range usual.Header {
			if quick.Header.Get(name) != usual.Header.Get(name) {
				t.Errorf("%v: %s: %q and %q", err, name, quick.Header.Get(name), usual.Header.Get(name))
			}
		}
	}
}

// TestARequestInPieces is net/http's, from its first piece on.
func TestARequestInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := inBubble(t, &fake{}, quiet(), nil)
		conn := l.dial()
		go func() {
			for i := range honest {
				time.Sleep(time.Millisecond)
				_, _ = io.WriteString(conn, honest[i:i+1])
			}
		}()
		if got, _ := io.ReadAll(conn); !strings.HasSuffix(string(got), credentials) {
			t.Errorf("answered with %q", got)
		}
		conn.Close()
		stop()
	})
}

// TestWhatHelpersSend and nothing else is answered without net/http.
func TestWhatHelpersSend(t *testing.T) {
	for request, profile := range map[string]string{
		honest: "work",
		"GET /v1/credentials/a%20b HTTP/1.0\r\n\r\n":                      "",
		"GET /v1/credentials/../status HTTP/1.0\r\n\r\n":                  "",
		"GET /v1/credentials/ HTTP/1.0\r\n\r\n":                           "",
		"GET /v1/credentials/work HTTP/1.0\r\nOrigin: x\r\n\r\n":          "",
		"GET /v1/credentials/work HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n": "",
		again: "work",
		"GET /v1/credentials/work HTTP/1.1\r\nHost: awskeyd\r\n\r\n":      "work",
		"GET /v1/credentials/work HTTP/1.1\r\nHost: evil.example\r\n\r\n": "",
		again + again:                     "",
		"GET /v1/status HTTP/1.0\r\n\r\n": "",
		"":                                "",
	} {
		if got, kept, ok := asked([]byte(request)); string(got) != profile && ok || ok != (profile != "") || ok && kept != strings.Contains(request, "HTTP/1.1") {
			t.Errorf("%q asks for %q, %v, %v", request, got, kept, ok)
		}
	}
}

// TestAllocations is the gate on what one answer costs, counted at both ends: 26, of
// which eleven are the server's own (for who has come and what he says, the profile's
// name and the service's buffer); the rest is package net's.
func TestAllocations(t *testing.T) {
	if raced {
		return // the race detector allocates too; every run builds once without it, see .ci/bench
	}
	_, path := serve(t, silentFake{}, quiet())
	buffer := make([]byte, 4096)
	address := &net.UnixAddr{Name: path, Net: "unix"}
	ask := func() {
		conn, err := net.DialUnix("unix", nil, address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, honest)
		for err == nil {
			_, err = conn.Read(buffer)
		}
		conn.Close()
	}
	got := testing.AllocsPerRun(500, ask)
	t.Logf("%.1f allocations for an answer, of both ends", got)
	if got > mostAllocations {
		t.Errorf("%.1f allocations for an answer, more than %d", got, mostAllocations)
	}
}

const mostAllocations = 27

// TestGoroutinesAtRest: a server that has answered keeps the one that waits for
// connections, that of net/http, and Serve's own.
func TestGoroutinesAtRest(t *testing.T) {
	before := runtime.NumGoroutine()
	_, path := serve(t, silentFake{}, quiet())
	for range 100 {
		exchange(t, path, honest)
	}
	for late := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+3; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%d goroutines at rest, %d before there was a server", runtime.NumGoroutine(), before)
		}
	}
}

// silentFake keeps no list of what it was asked.
type silentFake struct{ Service }

func (silentFake) Credentials(string) ([]byte, error) { return []byte(credentials), nil }

func (silentFake) CredentialsNow(string) []byte { return []byte(credentials) }
