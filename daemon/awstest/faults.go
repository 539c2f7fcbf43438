package awstest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Fault is what goes wrong with one request. The zero value is nothing; the
// others come from the functions below.
type Fault struct {
	Name string        // stands in Call.Fault
	Wait time.Duration // before the request is looked at; may be added to any fault

	reach reach
	late  time.Duration // with arrivesLate
	reply reply
	body  answer // with replyOther
	code  int    // with replyBusy: the status
}

// reach is how far a request gets.
type reach int

const (
	executed    reach = iota // the whole way
	lost                     // never seen by AWS
	refused                  // authenticated, then turned away
	arrivesLate              // authenticated, executed later
)

// reply is what the caller gets.
type reply int

const (
	replyTrue  reply = iota // AWS's answer
	replyBusy               // an error of AWS's instead
	replyOther              // something that is not from AWS
	replyCut                // the connection is closed
	replyNever              // silence, until the client gives up
)

// Delay lets the request wait, and then everything goes its way.
func Delay(d time.Duration) Fault {
	return Fault{Name: "delay", Wait: d}
}

// Throttle answers 400 Throttling without executing.
func Throttle() Fault {
	return Fault{Name: "throttle", reach: refused, reply: replyBusy, code: http.StatusBadRequest}
}

// Fail answers 500 or 503 without executing.
func Fail(status int) Fault {
	return Fault{Name: fmt.Sprint("fail ", status), reach: refused, reply: replyBusy, code: status}
}

// FailAfter executes and then answers 500 or 503: the caller cannot know.
func FailAfter(status int) Fault {
	return Fault{Name: fmt.Sprint("fail after ", status), reply: replyBusy, code: status}
}

// LoseReply executes and then closes the connection.
func LoseReply() Fault {
	return Fault{Name: "lost reply", reply: replyCut}
}

// Drop closes the connection before anything is executed.
func Drop() Fault {
	return Fault{Name: "drop", reach: lost, reply: replyCut}
}

// Hang executes nothing and answers nothing.
func Hang() Fault {
	return Fault{Name: "hang", reach: lost, reply: replyNever}
}

// Late closes the connection at once and executes d later. The signature is
// checked on arrival.
func Late(d time.Duration) Fault {
	return Fault{Name: "late", reach: arrivesLate, late: d, reply: replyCut}
}

// LateHang is Late with a connection that stays open in silence.
func LateHang(d time.Duration) Fault {
	return Fault{Name: "late hang", reach: arrivesLate, late: d, reply: replyNever}
}

// Garbage answers with something that AWS never saw.
func Garbage(status int, contentType, body string) Fault {
	return Fault{Name: "garbage", reach: lost, reply: replyOther,
		body: answer{status: status, contentType: contentType, body: []byte(body)}}
}

// CaptivePortal answers with a network's log-in page and status 200.
func CaptivePortal() Fault {
	f := Garbage(http.StatusOK, "text/html",
		"<!doctype html><title>Welcome</title><form action=/login>Accept our terms to use this network</form>\n")
	f.Name = "captive portal"
	return f
}

// busy is the failure that a throttle or a 5xx answers.
func (f Fault) busy() *failure {
	switch f.code {
	case http.StatusBadRequest:
		return fail(f.code, "Throttling", "Rate exceeded")
	case http.StatusServiceUnavailable:
		return fail(f.code, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
	}
	return fail(f.code, "InternalFailure", "The request processing has failed because of an unknown error, exception or failure.")
}

// Script decides what goes wrong with a call. It is asked once for each, in
// order of arrival and never concurrently, before the signature is looked at;
// it must not call the server.
type Script func(Call) Fault

// Rule gives a fault to certain calls.
type Rule struct {
	Action string // empty is any
	Client string // prefix of the User-Agent
	Nth    int    // only the nth call that fits the above, from 1; 0 is every
	Fault  Fault
}

// Rules is the script that gives a call the fault of the first rule that fits.
// Every rule counts its calls, whether or not an earlier one took them.
func Rules(rules ...Rule) Script {
	seen := make([]int, len(rules))
	return func(c Call) (f Fault) {
		for i, r := range rules {
			if r.Action != "" && r.Action != c.Action || !strings.HasPrefix(c.Client, r.Client) {
				continue
			}
			seen[i]++
			if f.Name == "" && (r.Nth == 0 || r.Nth == seen[i]) {
				f = r.Fault
			}
		}
		return f
	}
}

// SetScript replaces the script; nil is none. A set of Rules counts from here.
func (s *Server) SetScript(script Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

// Moment is a point in a request's life.
type Moment string

// The moments, in order. Under Late, Executed comes when it is executed, from
// the server's own goroutine; a request that is not executed has none. A
// request whose connection is cut has no Answering.
const (
	Seen      Moment = "seen"      // arrived; nothing was looked at
	Executed  Moment = "executed"  // the state is changed, nobody knows it yet
	Answering Moment = "answering" // the answer is about to be written
)

// Hook is called at each moment of each request, from many goroutines. The
// request waits for it, so that a test may end the daemon here and now. It may
// call the server, but not Close; ctx ends with Close.
type Hook func(ctx context.Context, m Moment, c Call)

// SetHook replaces the hook; nil is none.
func (s *Server) SetHook(h Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = h
}

func (s *Server) at(m Moment, c *Call) {
	s.mu.Lock()
	hook, seen := s.hook, *c
	s.mu.Unlock()
	if hook != nil {
		hook(s.ctx, m, seen)
	}
}
