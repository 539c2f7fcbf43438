package main

import (
	"context"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// Limits of every --wait.
const (
	// waitLimit is far beyond what AWS ever takes: a new key that does not work
	// is given up after ten minutes. Without network it would last for ever.
	waitLimit = time.Hour
	// lookEvery finds what the stream of events did not tell.
	lookEvery = 2 * time.Second
)

// waiter watches one key until what was asked for has come about.
type waiter struct {
	app  *app
	name string
	work string // what goes on in the service when the waiting ends early
	goal string // the code of the one hold that is an end as good as any
	live <-chan api.Event
	told string // the last trouble that was shown
}

// follow opens the stream of events. It is called before anything begins, so
// that no step is missed; stop ends the stream.
func (a *app) follow(ctx context.Context, name, work string) (w *waiter, stop context.CancelFunc, err error) {
	ctx, stop = context.WithCancel(ctx)
	w = &waiter{app: a, name: name, work: work}
	if w.live, err = a.daemon.Events(ctx); err != nil {
		stop()
	}
	return w, stop, err
}

// wait returns the key once over says that all is done, or that it never will
// be. Events are for the eye and may be missed; what counts is the key's own
// document, read again after each.
func (w *waiter) wait(ctx context.Context, over func(api.Key) (bool, error)) (api.Key, error) {
	line := w.app.waits(func() string { return "waiting for " + w.work + " of " + w.name })
	defer line.end()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	end := time.NewTimer(waitLimit)
	defer end.Stop()
	for {
		k, err := w.app.daemon.Key(ctx, w.name)
		if ctx.Err() != nil {
			return k, w.left("stopped waiting")
		}
		if err != nil {
			return k, err
		}
		line.renew(w.name + ": " + phase(k, w.app.now()))
		if k.Phase == "held" && k.Hold != nil {
			w.rest()
			if k.Hold.Code == w.goal {
				return k, nil
			}
			return k, w.held(k)
		}
		if done, err := over(k); done || err != nil {
			w.rest()
			return k, err
		}
		w.trouble(ctx)
		select {
		case <-ctx.Done():
			return k, w.left("stopped waiting")
		case <-end.C:
			return k, w.left("stopped waiting after " + span(waitLimit))
		case e, ok := <-w.live:
			if !ok {
				w.live = nil // the ticker goes on alone
			}
			w.step(e)
		case <-tick.C:
		}
	}
}

// held is the end of the waiting at a hold, with what a person may type now.
func (w *waiter) held(k api.Key) error {
	e := &api.Error{Code: k.Hold.Code, Message: k.Name + " is held: " + k.Hold.Text,
		Remedy: "awskey resolve " + k.Name + " shows the choices", Exit: helper.ExitHeld}
	if w.app.json {
		return e
	}
	w.app.printf("\n")
	w.app.hold(k)
	e.Message, e.Remedy = k.Name+" is held and waits for you", "type one of the commands above"
	if len(k.Hold.Choices) == 0 {
		e.Remedy = "awskey status " + k.Name + " shows how it stands"
	}
	return e
}

// trouble says, once, what keeps a rotation from going on: without network no
// event comes, and nobody should wait before a silent screen.
func (w *waiter) trouble(ctx context.Context) {
	s, err := w.app.status(ctx)
	if err != nil {
		return // the next look at the key finds the same and ends the waiting
	}
	for _, warning := range s.Warnings {
		text := warning.Text
		if warning.Severity != "info" && strings.HasPrefix(text, w.name+": ") && text != w.told {
			w.told = text
			w.app.note("%s", text)
		}
	}
}

// rest shows the steps that have arrived and were not shown.
func (w *waiter) rest() {
	for {
		select {
		case e, ok := <-w.live:
			if !ok {
				return
			}
			w.step(e)
		default:
			return
		}
	}
}

// step shows an event of this key. A hold is shown in full when it is seen.
func (w *waiter) step(e api.Event) {
	if e.Key == w.name && e.Event != "held" && !w.app.json {
		w.app.event(e)
	}
}

// left is the end of the waiting alone. It is an error, since what was asked for
// has not come about.
func (w *waiter) left(why string) error {
	return &api.Error{Code: "stopped", Message: why + "; " + w.work + " of " + w.name + " goes on in the service",
		Remedy: "awskey status " + w.name + " shows how far it is", Exit: helper.ExitFailed}
}
