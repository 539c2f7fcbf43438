//go:build unix

package soak

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// amazon is AWS: the emulator behind pipes, whose replicas lag and which has bad
// days.
type amazon struct {
	*awstest.Server
	w     *world
	door  *pipes
	ended chan struct{}

	bad     atomic.Int32 // of a hundred of the daemon's calls, how many go wrong
	out     atomic.Bool  // all of them
	serious sync.Once
	first   string // what AWS refused a client, if ever

	// When set, called at each of the daemon's requests that was executed.
	executed atomic.Pointer[func(awstest.Call)]
	outages  int
}

func newAmazon(w *world) *amazon {
	a := &amazon{w: w, door: newPipes(), ended: make(chan struct{}), Server: awstest.New(awstest.Options{
		Clock: w.aws, Seed: w.seed, LastUsedLag: 3 * time.Hour, TrailLag: 5 * time.Minute, TrailRate: 2, LogGroup: "trail", Region: "eu-west-1",
		Replicas: map[awstest.Service][]time.Duration{
			awstest.IAM: {0, 2 * time.Second, 10 * time.Second},
			awstest.STS: {0, time.Second, 5 * time.Second},
			awstest.SNS: {0, 5 * time.Second, 40 * time.Second},
		},
	})}
	a.SetScript(a.script(w.actor(1)))
	a.SetHook(func(_ context.Context, m awstest.Moment, c awstest.Call) {
		if f := a.executed.Load(); f != nil && m == awstest.Executed && c.ByDaemon() {
			(*f)(c)
		}
	})
	go func() {
		defer close(a.ended)
		a.Serve(a.door)
	}()
	return a
}

func (a *amazon) close() { a.Close(); <-a.ended }

// script harms the daemon's calls alone.
func (a *amazon) script(r *rand.Rand) awstest.Script {
	faults := []func() awstest.Fault{
		awstest.Throttle, awstest.LoseReply, awstest.Drop, awstest.Hang,
		func() awstest.Fault { return awstest.Fail(http.StatusServiceUnavailable) },
		func() awstest.Fault { return awstest.FailAfter(http.StatusInternalServerError) },
		func() awstest.Fault { return awstest.Late(between(r, time.Second, 25*time.Second)) },
		func() awstest.Fault { return awstest.LateHang(between(r, time.Second, 25*time.Second)) },
		func() awstest.Fault { return awstest.Delay(between(r, time.Second, 25*time.Second)) },
		awstest.CaptivePortal,
	}
	outage := []func() awstest.Fault{awstest.Throttle, awstest.Drop, awstest.Hang, awstest.CaptivePortal}
	return func(c awstest.Call) awstest.Fault {
		switch {
		case !c.ByDaemon():
			return awstest.Fault{}
		case a.out.Load():
			return outage[r.IntN(len(outage))]()
		case r.Int32N(100) < a.bad.Load():
			return faults[r.IntN(len(faults))]()
		default:
			return awstest.Delay(between(r, 10*time.Millisecond, 200*time.Millisecond))
		}
	}
}

// weather has an outage now and then, of minutes or of a day.
func (a *amazon) weather(ctx context.Context) {
	r := a.w.actor(2)
	for rest(ctx, between(r, 4*time.Hour, 100*time.Hour)) {
		a.outages++
		a.out.Store(true)
		rest(ctx, between(r, 5*time.Minute, 9*time.Hour))
		a.out.Store(false)
	}
}

const listTopics = "Action=ListTopics&Version=2010-03-31"

// request is one of a client, signed now.
func (a *amazon) request(id, secret, agent string) *http.Request {
	r := httptest.NewRequest("POST", "http://sns.eu-west-1.amazonaws.com/", strings.NewReader(listTopics))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", agent)
	// SDKs correct their signatures by the Date of AWS's answers.
	awstest.Sign(r, []byte(listTopics), id, secret, awstest.SNS, "eu-west-1", a.w.aws())
	return r
}

// serve answers a request, and reports whether it was accepted.
func (a *amazon) serve(r *http.Request) bool {
	answer := httptest.NewRecorder()
	a.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK {
		return true
	}
	a.serious.Do(func() { a.first = r.UserAgent() + ": " + answer.Body.String() })
	return false
}

// rest waits in the programs' time. False: it is over.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
