package api

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// prompt is a service with what it may say without waiting.
type prompt struct {
	fake
	now func() []byte
}

func (p *prompt) CredentialsNow(string) []byte { return p.now() }

// TestNobodyIsWaitedFor: at once is answered who has asked for what memory answers.
// Everybody else gets the same from a goroutine of his own.
func TestNobodyIsWaitedFor(t *testing.T) {
	memory := func() []byte { return []byte(credentials) }
	for _, tt := range []struct {
		name, said, rest string
		now              func() []byte
		done             bool
	}{
		{"asked by now", honest, "", memory, true},
		{"nothing yet", "", honest, memory, false},
		{"half a request", honest[:9], honest[9:], memory, false},
		{"something else", strings.Replace(honest, "\r\n\r\n", "\r\nX: y\r\n\r\n", 1), "", memory, false},
		{"kept", again, strings.Replace(again, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1), memory, false},
		{"not in memory", honest, "", func() []byte { return nil }, false},
		{"more than the kernel takes", honest, "", func() []byte { return make([]byte, 1<<20) }, false},
		{"a panic", honest, "", func() []byte { panic("CANARY") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("unix", filepath.Join(short(t), "socket"))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			svc := &prompt{now: tt.now}
			g := newGreeter(&server{svc: svc, log: quiet()}, newDoorman(l, quiet()))
			client, err := net.Dial("unix", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := io.WriteString(client, tt.said); err != nil {
				t.Fatal(err)
			}
			conn, err := g.next()
			if err != nil {
				t.Fatal(err)
			}
			done := g.atOnce(&desk{conn: conn})
			conn.Close()
			if got, _ := io.ReadAll(client); done != tt.done || strings.HasSuffix(string(got), credentials) != done || !done && len(got) > 0 {
				t.Errorf("done: %v, answered with %q", done, got)
			}

			_, path := serve(t, svc, quiet())
			whole, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer whole.Close()
			for _, piece := range []string{tt.said, tt.rest} {
				_, _ = io.WriteString(whole, piece)
			}
			if got, err := io.ReadAll(whole); err != nil || !strings.HasSuffix(string(got), credentials) {
				t.Errorf("served with %q, %v", got, err)
			}
		})
	}
}

// TestTheAnsweredNeedNoPlace: who has asked waits for nobody to be sent away.
func TestTheAnsweredNeedNoPlace(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(short(t), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, honest); err != nil {
		t.Fatal(err)
	}
	d := newDoorman(l, quiet())
	d.places = 0
	ended := make(chan error, 1)
	go func() { ended <- newGreeter(&server{svc: silentFake{}, log: quiet()}, d).run() }()
	if got, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(got), credentials) {
		t.Errorf("answered with %q, %v", got, err)
	}
	_ = d.Close()
	<-ended
}
