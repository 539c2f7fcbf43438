package awstest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs a test in synctest with a server behind net.Pipe's: all waiting
// is done in no time, on one clock.
func bubble(t *testing.T, test func(*testing.T, *Server, *caller)) {
	synctest.Test(t, func(t *testing.T) {
		s, l := New(Options{}), newPipes()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		cred, _ := alice(t, s)
		c := newCaller(s, cred.id, cred.secret)
		c.url, c.client = "http://pipe", l.client()
		test(t, s, c)
		s.Close()
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("Serve: %v", err)
		}
	})
}

// Each fault: what the caller gets, what was done, and what the record says.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault    Fault
		status   int // 0 is a lost connection
		code     string
		executed bool
		signed   int
	}{
		{Fault{}, 200, "", true, 1},
		{Delay(time.Minute), 200, "", true, 1},
		{Throttle(), 400, "Throttling", false, 1},
		{Fail(500), 500, "InternalFailure", false, 1},
		{Fail(503), 503, "ServiceUnavailable", false, 1},
		{FailAfter(500), 500, "InternalFailure", true, 1},
		{LoseReply(), 0, "", true, 1},
		{Drop(), 0, "", false, 0},
		{CaptivePortal(), 200, "", false, 0},
		{Garbage(403, "text/plain", "forbidden by the proxy"), 403, "", false, 0},
	} {
		t.Run("fault "+c.fault.Name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *Server, call *caller) {
				s.SetScript(Rules(Rule{Action: "CreateAccessKey", Nth: 1, Fault: c.fault}))
				begun := time.Now()
				g, err := call.call(IAM, "CreateAccessKey")
				if (err != nil) != (c.status == 0) || g.status != c.status || g.code != c.code {
					t.Errorf("got %d %s %v, want %d %s", g.status, g.code, err, c.status, c.code)
				}
				if took := time.Since(begun); took != c.fault.Wait {
					t.Errorf("took %s", took)
				}
				if (len(s.Keys("alice")) == 2) != c.executed {
					t.Errorf("there are %d keys", len(s.Keys("alice")))
				}
				last := s.Calls()[0]
				if last.Executed != c.executed || last.Status != c.status || last.Code != c.code || last.Fault != c.fault.Name {
					t.Errorf("recorded %+v", last)
				}
				if c.executed && last.Target != s.Keys("alice")[1].ID {
					t.Errorf("recorded target %s", last.Target)
				}
				if _, n := s.Counts(); n.Signed != c.signed || n.Refused != 0 {
					t.Errorf("counted %+v", n)
				}
				if c.fault.Name == "captive portal" && (!strings.Contains(g.body, "<!doctype html>") || g.header.Get("x-amzn-RequestId") != "") {
					t.Errorf("a portal that looks like AWS: %v %s", g.header, g.body)
				}
				// The second call is not the first one.
				if g, err := call.call(STS, "GetCallerIdentity"); err != nil || g.status != 200 {
					t.Errorf("afterwards: %d %v", g.status, err)
				}
			})
		})
	}
}

// A fault does not hide a refusal: a throttled dead key is still a dead key.
func TestRefusalBeforeFault(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server, c *caller) {
		s.SetScript(Rules(Rule{Fault: Throttle()}))
		s.SetStatus(c.cred.id, Inactive)
		c.must(t, 403, "InvalidClientTokenId", IAM, "ListAccessKeys")
		if _, n := s.Counts(); n.Refused != 1 || n.Signed != 0 {
			t.Errorf("counted %+v", n)
		}
	})
}

// Late: the caller has lost the connection, looks, sees nothing, and then it is done.
func TestLateExecution(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server, c *caller) {
		s.SetScript(Rules(Rule{Action: "CreateAccessKey", Nth: 1, Fault: Late(30 * time.Second)}))
		executed := make(chan Call, 1)
		s.SetHook(func(_ context.Context, m Moment, c Call) {
			if m == Executed && c.Action == "CreateAccessKey" {
				executed <- c
			}
		})
		begun := time.Now()
		if _, err := c.call(IAM, "CreateAccessKey"); err == nil {
			t.Fatal("answered")
		}
		time.Sleep(29 * time.Second)
		if n := len(s.Keys("alice")); n != 1 || s.Calls()[0].Executed {
			t.Fatalf("%d keys too early", n)
		}
		call := <-executed
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("executed after %s", took)
		}
		keys := s.Keys("alice")
		if len(keys) != 2 || call.Target != keys[1].ID || !keys[1].Created.Equal(begun.Add(30*time.Second).Truncate(time.Second)) {
			t.Errorf("keys %+v, call %+v", keys, call)
		}
	})
}

// Hang and LateHang last until the client gives up; Close drops what is to come.
func TestHang(t *testing.T) {
	for _, f := range []Fault{Hang(), LateHang(time.Hour)} {
		bubble(t, func(t *testing.T, s *Server, c *caller) {
			s.SetScript(Rules(Rule{Fault: f}))
			c.client.Timeout = 5 * time.Second
			begun := time.Now()
			if g, err := c.call(IAM, "CreateAccessKey"); err == nil {
				t.Fatalf("%s answered %d", f.Name, g.status)
			}
			if took := time.Since(begun); took != 5*time.Second {
				t.Errorf("%s ended after %s", f.Name, took)
			}
			s.Close() // the bubble fails if a goroutine is left
			if n := len(s.Keys("alice")); n != 1 {
				t.Errorf("%s: %d keys", f.Name, n)
			}
		})
	}
}

// Close wakes a request that waits, and one that hangs.
func TestCloseWakes(t *testing.T) {
	for _, f := range []Fault{Delay(time.Hour), Hang()} {
		bubble(t, func(t *testing.T, s *Server, c *caller) {
			s.SetScript(Rules(Rule{Fault: f}))
			failed := make(chan error)
			go func() {
				_, err := c.call(IAM, "CreateAccessKey")
				failed <- err
			}()
			synctest.Wait()
			begun := time.Now()
			s.Close()
			if err := <-failed; err == nil {
				t.Errorf("%s: answered", f.Name)
			}
			if time.Since(begun) != 0 || len(s.Keys("alice")) != 1 {
				t.Errorf("%s: closed after %s with %d keys", f.Name, time.Since(begun), len(s.Keys("alice")))
			}
		})
	}
}

// Close waits for what it woke.
func TestCloseWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server, c *caller) {
		ended := false
		s.SetHook(func(ctx context.Context, m Moment, _ Call) {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
		})
		go c.call(IAM, "CreateAccessKey")
		synctest.Wait()
		s.Close()
		if !ended {
			t.Error("closed while a hook was running")
		}
	})
}

// The request stands still while the hook does: nothing done at Seen, done and
// unanswered at Executed, and the client can be ended there.
func TestHookHoldsTheRequest(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server, c *caller) {
		moments := make(chan Moment)
		s.SetHook(func(_ context.Context, m Moment, _ Call) { moments <- m; <-moments })
		answered := make(chan got)
		go func() {
			g, _ := c.call(IAM, "CreateAccessKey")
			answered <- g
		}()
		for _, step := range []struct {
			moment Moment
			keys   int
			status int
		}{{Seen, 1, 0}, {Executed, 2, 0}, {Answering, 2, 200}} {
			if m := <-moments; m != step.moment {
				t.Fatalf("moment %s, want %s", m, step.moment)
			}
			synctest.Wait()
			select {
			case <-answered:
				t.Fatalf("answered at %s", step.moment)
			default:
			}
			if n := len(s.Keys("alice")); n != step.keys || s.Calls()[0].Status != step.status {
				t.Errorf("at %s: %d keys, status %d", step.moment, n, s.Calls()[0].Status)
			}
			moments <- ""
		}
		if g := <-answered; g.status != 200 {
			t.Errorf("answered %d", g.status)
		}
	})
}

func TestRules(t *testing.T) {
	script := Rules(
		Rule{Action: "A", Nth: 2, Fault: Drop()},
		Rule{Client: "awskeyd/", Nth: 1, Fault: Throttle()},
		Rule{Action: "B", Fault: Hang()},
	)
	for i, c := range []struct{ action, client, want string }{
		{"A", "aws-cli/2", ""},
		{"A", "awskeyd/1", "drop"}, // the daemon's first, but taken by the rule above
		{"A", "awskeyd/1", ""},
		{"B", "", "hang"},
		{"B", "", "hang"},
		{"C", "", ""},
	} {
		if f := script(Call{Action: c.action, Client: c.client}); f.Name != c.want {
			t.Errorf("call %d: %q, want %q", i+1, f.Name, c.want)
		}
	}
}

func TestCountsByClient(t *testing.T) {
	s := start(t, Options{})
	cred, id := alice(t, s)
	cli := newCaller(s, cred.id, cred.secret)
	cli.agent = "aws-cli/2.9.19"
	daemon := newCaller(s, cred.id, cred.secret)
	daemon.agent = "awskeyd/0.1 proving"
	cli.must(t, 200, "", STS, "GetCallerIdentity")
	daemon.must(t, 200, "", STS, "GetCallerIdentity")
	daemon.must(t, 200, "", IAM, "ListAccessKeys")
	s.SetStatus(id, Inactive)
	daemon.must(t, 403, "InvalidClientTokenId", IAM, "ListAccessKeys")
	d, c := s.Counts()
	if d != (Counts{Signed: 2, Refused: 1}) || c != (Counts{Signed: 1}) {
		t.Errorf("daemon %+v, clients %+v", d, c)
	}
	last := s.Calls()[3]
	if !last.ByDaemon() || last.KeyID != id || last.User != "" || last.Service != IAM || last.Action != "ListAccessKeys" ||
		last.Params.Get("Action") != "ListAccessKeys" || last.Conn != 4 || last.Status != 403 {
		t.Errorf("recorded %+v", last)
	}
}

// The record is bounded, the counts are not.
func TestRecordIsBounded(t *testing.T) {
	r := record{changed: make(chan struct{})}
	for range keepCalls + 1 {
		r.add(new(Call))
	}
	if len(r.calls) != keepCalls/2+1 || r.calls[len(r.calls)-1].Number != keepCalls+1 || r.calls[0].Number != keepCalls/2+1 {
		t.Errorf("%d calls from %d", len(r.calls), r.calls[0].Number)
	}
}

func TestWaitCall(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server, c *caller) {
		found := make(chan Call)
		go func() {
			call, err := s.WaitCall(t.Context(), func(c Call) bool { return c.Action == "GetUser" && c.Status == 200 })
			if err != nil {
				t.Error(err)
			}
			found <- call
		}()
		c.must(t, 200, "", STS, "GetCallerIdentity")
		c.must(t, 200, "", IAM, "GetUser")
		if call := <-found; call.Number != 2 {
			t.Errorf("found call %d", call.Number)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.WaitCall(ctx, func(Call) bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited for nothing: %v", err)
		}
	})
}
