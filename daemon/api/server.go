package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// The bounds of the socket. They let a silent, slow or greedy program harm
// itself alone: credentials go on being answered within a helper's 4 s.
const (
	headerWithin = 2 * time.Second // to send a request's head
	readWithin   = 5 * time.Second // to send the whole of it
	workWithin   = 90 * time.Second
	unlockWithin = 150 * time.Second // a person may take two minutes to type a passphrase
	writeWithin  = 5 * time.Second   // to take an answer, or one event
	idleWithin   = 30 * time.Second
	stopWithin   = 3 * time.Second

	maxHeader = 8 << 10
	maxBody   = 16 << 10
	maxConns  = 1024                   // open at once
	patience  = 100 * time.Millisecond // that a silent connection is kept when all are taken
	maxWork   = 64                     // requests at once that are not for credentials, streams of events included
)

// Serve answers svc's methods on l until ctx ends, and closes l. At the end
// answers under way are finished and streams of events closed, within 3 s;
// what still runs then is cut off. It returns an error only if l breaks.
//
// Only connections from our own uid are answered, by the kernel's word; l must
// therefore be a Unix socket. See [Listen].
func Serve(ctx context.Context, l net.Listener, svc Service, log *slog.Logger) error {
	s := &server{svc: svc, log: log, stopping: ctx.Done(), work: make(chan struct{}, maxWork)}
	return s.serve(ctx, newDoorman(l, log))
}

type server struct {
	svc      Service
	log      *slog.Logger
	mux      *http.ServeMux
	stopping <-chan struct{}
	work     chan struct{} // a place for every request that is not for credentials
}

func (s *server) serve(ctx context.Context, d *doorman) error {
	s.mux = newMux(s)
	// Requests outlive ctx, or stopping would cut off every answer.
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	g := newGreeter(s, d)
	srv := &http.Server{
		Handler:                      s,
		BaseContext:                  func(net.Listener) context.Context { return base },
		ConnState:                    g.watch,
		ReadHeaderTimeout:            headerWithin,
		ReadTimeout:                  readWithin,
		WriteTimeout:                 workWithin + writeWithin,
		IdleTimeout:                  idleWithin,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	broken := make(chan error, 1)
	go func() { broken <- g.run() }()
	served := make(chan struct{})
	go func() { _ = srv.Serve(g); close(served) }()
	defer func() { <-served }()
	select {
	case err := <-broken:
		_ = d.Close()
		cut()
		_ = srv.Close()
		d.expel()
		s.settle(d, stopWithin)
		return fmt.Errorf("the socket %s broke: %w", d.Addr(), err)
	case <-ctx.Done():
	}
	// Not by Shutdown: from its first moment on net/http drops a request that it has
	// just read, without a word (Go 1.26, conn.serve).
	_ = d.Close()
	<-broken
	srv.SetKeepAlivesEnabled(false)
	d.hurry()
	late := !d.empty(stopWithin - 500*time.Millisecond)
	_ = g.Close()
	<-served // or srv.Close would wait for it, and what is cut off be finished
	if late {
		cut()
	}
	_ = srv.Close()
	d.expel()
	s.settle(d, 500*time.Millisecond)
	return nil
}

// settle waits for the requests, which end soon once their context has. One
// that does not is a fault of the service and must not keep the daemon.
func (s *server) settle(d *doorman, limit time.Duration) {
	if !d.empty(limit) {
		s.log.Error("a request did not end when the daemon stopped")
	}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.recovered(w, r.Method)
	if err := foreign(r); err != nil {
		s.fail(w, err)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// recovered, deferred, answers a request at which the service panics.
func (s *server) recovered(w http.ResponseWriter, method string) {
	if p := recover(); p != nil {
		// Not the value: it may hold what must not be in a log.
		s.log.Error("a request failed", "method", method, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		s.fail(w, NewError(helper.ExitFailed, "internal", "the daemon failed at this request", "see: awskey logs"))
	}
}

// foreign refuses what no program of ours sends and a browser does, should one
// ever be led to the socket through a proxy or a forwarded port.
func foreign(r *http.Request) error {
	switch r.Host {
	case "", "awskeyd", "localhost":
	default:
		return NewError(helper.ExitRefused, "foreign-request", "the request is for another host", "with curl, type: curl --unix-socket SOCKET http://localhost/v1/status")
	}
	for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Site"} {
		if _, ok := r.Header[name]; ok {
			return NewError(helper.ExitRefused, "foreign-request", "the request comes from a web page (it has the header "+name+")", "")
		}
	}
	if !path.IsAbs(r.URL.Path) || r.URL.Path != path.Clean(r.URL.Path) {
		return NewError(helper.ExitUsage, "no-such-request", "the path of the request is not clean", "")
	}
	return nil
}

// fail answers with the error in all three forms: status, JSON body, and the
// headers that spare the helper a parser.
func (s *server) fail(w http.ResponseWriter, err error) {
	e := asError(err)
	if e.Code == "internal" {
		s.log.Error("a request failed", "error", e.Message)
	}
	w.Header().Set(headerExit, fmt.Sprint(e.Exit))
	w.Header().Set(headerMessage, helper.Line(e.Error()))
	writeJSON(w, e.Status, e)
}

const (
	headerExit    = "Awskey-Exit"
	headerMessage = "Awskey-Message"
)

// asError gives every error of the service the form for a person.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		complete := *e
		if complete.Exit < helper.ExitFailed || complete.Exit > helper.ExitHeld {
			complete.Exit = helper.ExitFailed
		}
		if complete.Status < 400 || complete.Status > 599 {
			complete.Status = http.StatusInternalServerError
		}
		return &complete
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return NewError(helper.ExitFailed, "timeout", "the daemon gave up after "+workWithin.String(), "see how it stands with: awskey status")
	}
	return NewError(helper.ExitFailed, "internal", err.Error(), "")
}
