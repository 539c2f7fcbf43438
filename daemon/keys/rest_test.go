package keys_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// goroutines counts those that have a key.
func goroutines() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "keys.(*Key).run(")
}

// A key at rest is memory alone, and comes back when its time has come.
func TestAKeyAtRestHasNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		up := 0
		r.meanwhile = func(e api.Event) {
			if e.Event == "switched" {
				up = goroutines()
			}
		}
		r.add()
		synctest.Wait()
		if n := goroutines(); n != 0 {
			t.Errorf("%d goroutines have a key that rests", n)
		}
		r.await("switched")
		if up != 1 {
			t.Errorf("%d goroutines had a key that was being rotated", up)
		}
	})
}

// Timers stand still while a machine sleeps; on waking its wall clock has gone on.
func TestAfterASleepEveryKeyLooksAtTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		synctest.Wait()
		r.aws.ahead.Store(int64(80 * 24 * time.Hour))
		r.wrong.Store(int64(80 * 24 * time.Hour))
		before := time.Now()
		r.await("began")
		if took := time.Since(before); took > 2*time.Minute {
			t.Errorf("the rotation that came due in the sleep began %s after it", took)
		}
	})
}

// Where the system tells, nobody looks at the clock; where it turns out that it does
// not, once a minute.
func TestWhoeverIsToldOfTheClock(t *testing.T) {
	for name, c := range map[string]struct {
		tells func(ctx context.Context, told chan<- struct{}, set <-chan struct{}) error
		most  time.Duration
	}{
		"the system tells": {func(ctx context.Context, told chan<- struct{}, set <-chan struct{}) error {
			<-set
			told <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}, time.Second},
		"it cannot": {func(context.Context, chan<- struct{}, <-chan struct{}) error { return errors.New("no such timer") }, time.Minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := make(chan struct{})
				r := newRig(t)
				r.end()
				r.clockSet = func(ctx context.Context, told chan<- struct{}) error { return c.tells(ctx, told, set) }
				r.start()
				defer func() { r.end() }()
				r.add()
				synctest.Wait()
				r.aws.ahead.Store(int64(80 * 24 * time.Hour))
				r.wrong.Store(int64(80 * 24 * time.Hour))
				close(set)
				before := time.Now()
				r.await("began")
				if took := time.Since(before); took > c.most {
					t.Errorf("the rotation began %s after the clock was set", took)
				}
			})
		})
	}
}

// Who was told that a key is busy finds later that nothing was done.
func TestWhatWasNotBegunIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		answer := r.withholdCreation()
		if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // IAM is being asked for a new access key
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := r.set.Pause(ctx, "work")
		var e *api.Error
		if !errors.As(err, &e) || e.Code != "busy" {
			t.Errorf("pause: %v", err)
		}
		answer()
		r.await("switched")
		if r.key("work").Paused {
			t.Error("it is paused all the same")
		}
	})
}

// Whoever asks for one key does not wait until a hundred others are read.
func TestTheKeyThatIsAskedForIsReadFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		r.end()
		payload := r.payload("work")
		for i := range 200 {
			if err := r.store.Add(t.Context(), fmt.Sprintf("a%03d", i), payload); err != nil {
				t.Fatal(err)
			}
		}
		r.loading = func() { time.Sleep(20 * time.Millisecond) }
		r.start()
		defer func() { r.end() }()
		before := time.Now()
		r.lease()
		if took := time.Since(before); took > 100*time.Millisecond {
			t.Errorf("the one that was asked for came after %s", took)
		}
		unread := 0
		for _, k := range r.set.List() {
			if k.Hold != nil {
				unread++
			}
		}
		if unread < 150 {
			t.Errorf("%d of 200 are still to be read: the test shows nothing", unread)
		}
		time.Sleep(5 * time.Second)
		for _, k := range r.set.List() {
			if k.Hold != nil {
				t.Fatalf("%s was not read by itself: %s", k.Name, k.Hold.Text)
			}
		}
	})
}

// payload is a record as the store has it.
func (r *rig) payload(name string) []byte {
	r.t.Helper()
	record, err := r.store.Load(context.Background(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return record.Payload
}
