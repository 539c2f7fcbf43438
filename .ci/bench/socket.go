//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

var answer = []byte(`{"Version":1,"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY","Expiration":"2030-01-01T00:00:00Z","AccountId":"123456789012"}` + "\n")

// canned is a daemon that knows one answer: keychain and AWS have no part in what
// the socket takes, since the daemon serves from memory.
type canned struct{ api.Service }

func (canned) Credentials(string) ([]byte, error) { return bytes.Clone(answer), nil }

func (canned) CredentialsNow(string) []byte { return bytes.Clone(answer) }

// serve is the process of that daemon.
func serve(path string) error {
	l, err := api.Listen(path)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return api.Serve(ctx, l, canned{}, slog.New(slog.DiscardHandler))
}

// canned starts it, and waits until it answers.
func (b *bench) canned() (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := b.command(self, "serve", b.socket())
	cmd.Env = append(cmd.Env, asUnit)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() { end(cmd) }
	if err := b.until(10*time.Second, func() error { return ask(b.socket(), answer) }); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
}

// until tries again every millisecond.
func (b *bench) until(limit time.Duration, try func() error) error {
	for late := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		if err := try(); err == nil || time.Now().After(late) {
			return err
		}
	}
}

// answers takes the time of one client, and counts the answers of several.
func (b *bench) answers() error {
	stop, err := b.canned()
	if err != nil {
		return err
	}
	defer stop()
	each := func() (func() error, func(), error) {
		return func() error { return ask(b.socket(), answer) }, func() {}, nil
	}
	kept := func() (func() error, func(), error) {
		c, err := dial(b.socket())
		if err != nil {
			return nil, nil, err
		}
		return func() error {
			got, err := c.ask(more)
			if err == nil && !bytes.Equal(got, answer) {
				err = errors.New("the socket answered with other credentials")
			}
			return err
		}, c.close, nil
	}
	for _, way := range []struct {
		name, why string
		open      way
		least     float64
	}{
		{"a new connection each", "two switches between processes and a connection that is made and closed", each, 12000},
		{"a kept connection", "two switches between processes", kept, 25000},
	} {
		if err := b.oneClient(way.name, way.why, way.open); err != nil {
			return err
		}
		if err := b.eightClients(way.name, way.open, way.least); err != nil {
			return err
		}
	}
	return nil
}

// way opens what a client asks over.
type way = func() (do func() error, end func(), err error)

func (b *bench) oneClient(name, why string, open way) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	do, end, err := open()
	if err != nil {
		return err
	}
	defer end()
	times, err := timed(10000, do)
	if err != nil {
		return err
	}
	one := spread("one answer, one client, "+name, times[1000:], "µs", time.Microsecond)
	b.atMost(one, 60, why)
	one.Name, one.Median, one.P99 = one.Name+", p99", one.P99, 0
	b.atMost(one, 300, "other work on the machine")
	return nil
}

func (b *bench) eightClients(name string, open way, least float64) error {
	const clients, while = 8, 3 * time.Second
	var good atomic.Int64
	var all sync.WaitGroup
	failed := make([]error, clients)
	began := time.Now()
	for i := range clients {
		all.Go(func() {
			do, end, err := open()
			if failed[i] = err; err != nil {
				return
			}
			defer end()
			for time.Since(began) < while && failed[i] == nil {
				failed[i] = do()
				good.Add(1)
			}
		})
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	b.atLeast(figure{Name: "answers with " + name + ", 8 clients", Unit: "/s", Median: float64(good.Load()) / time.Since(began).Seconds()}, least, "client and daemon share the processors with other work")
	return nil
}

// timed takes the time of each of n calls.
func timed(n int, do func() error) ([]time.Duration, error) {
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		if err := do(); err != nil {
			return nil, err
		}
		times[i] = time.Since(began)
	}
	return times, nil
}

// idlers measures an honest client while 10,000 others come, say nothing or one byte,
// and stay until they are sent away for the next.
func (b *bench) idlers() error {
	stop, err := b.canned()
	if err != nil {
		return err
	}
	defer stop()
	const most = 10000
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	var came atomic.Int64
	for i := range 4 {
		all.Go(func() {
			for n := 0; n < most/4 && ctx.Err() == nil; n++ {
				conn, err := net.Dial("unix", b.socket())
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				came.Add(1)
				context.AfterFunc(ctx, func() { conn.Close() })
				if i%2 == 0 {
					_, _ = io.WriteString(conn, "G")
				}
			}
		})
	}
	err = b.until(time.Minute, func() error {
		if came.Load() < 2000 { // more than there are places
			return fmt.Errorf("only %d could connect: the limit of open files is too low", came.Load())
		}
		return nil
	})
	if err != nil {
		return err
	}
	before := came.Load()
	times, err := timed(50, func() error { return ask(b.socket(), answer) })
	if err != nil {
		return err
	}
	f := spread("one answer while others come and say nothing", times, "ms", time.Millisecond)
	f.Why = fmt.Sprintf("%d were there or had been sent away, %d more came meanwhile", before, came.Load()-before)
	b.note(f)
	b.atMost(figure{Name: "the worst of these answers", Unit: "ms", Median: float64(slices.Max(times)) / 1e6}, 3800, "")
	return nil
}
