package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

func (a *app) demoCmd() *cobra.Command {
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "shows the whole life of a key against an emulated AWS",
		Long: `Shows the whole life of a key against an emulated AWS: a plaintext key is taken
in, served through the real helper, and rotated every few seconds by the real
service while clients sign requests with it. It needs no account, no keychain
and no network, and touches no file, socket or setting of yours.`,
		Example: `  awskey demo
  awskey demo --for 30s --json`,
		Args: unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), length) },
	}
	cmd.Flags().DurationVar(&length, "for", 0, "end by itself after this time, such as 30s")
	return cmd
}

// demoSummary is the last word of a demo, counted by the emulator.
type demoSummary struct {
	Rotations int `json:"rotations"`
	Signed    int `json:"signed"`
	Refused   int `json:"refused"`
}

// demo runs until its time is over or a person types Ctrl-C, which is its
// ordinary end, and then leaves nothing behind.
func (a *app) demo(ctx context.Context, length time.Duration) (err error) {
	if length < 0 {
		return &api.Error{Code: "usage", Message: "the time of a demo cannot be negative", Remedy: "awskey demo --for 30s", Exit: helper.ExitUsage}
	}
	if length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, length)
		defer cancel()
	}
	stage, err := a.openStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	if err := stage.moveIn(ctx); err != nil {
		return err
	}
	stop := stage.startClients(ctx)
	err = stage.watch(ctx)
	stop()
	if err != nil {
		return err
	}
	return a.demoEnd(stage)
}

func (a *app) demoEnd(s *stage) error {
	sum := s.summary()
	if a.json {
		a.document(sum)
	} else {
		s.say("")
		s.say("%d rotations, %d requests signed by clients, %d refused", sum.Rotations, sum.Signed, sum.Refused)
	}
	switch {
	case sum.Refused > 0:
		return &api.Error{Code: "refused", Message: fmt.Sprintf("AWS refused %d requests of the demo's clients", sum.Refused), Remedy: "please report this", Exit: helper.ExitFailed}
	case sum.Signed == 0:
		return &api.Error{Code: "too-short", Message: "the demo ended before a client had signed anything", Remedy: "give it more time: awskey demo --for 30s", Exit: helper.ExitFailed}
	}
	return nil
}

// summary counts what the emulator saw; the daemon's own trials of a new key
// are not clients' requests.
func (s *stage) summary() demoSummary {
	_, clients := s.aws.Counts()
	return demoSummary{Rotations: int(s.deleted.Load()), Signed: clients.Signed, Refused: clients.Refused}
}

// watch draws the life of the key as it happens.
func (s *stage) watch(ctx context.Context) error {
	events, err := s.daemon.Events(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.status("")
			return nil
		case err := <-s.failed:
			s.status("")
			return err
		case e, open := <-events:
			if !open {
				if ctx.Err() != nil {
					return nil
				}
				return errors.New("the demo's service has stopped by itself")
			}
			s.tell(e)
		case <-tick.C:
			_, clients := s.aws.Counts()
			s.status(fmt.Sprintf("%d requests signed, %d refused", clients.Signed, clients.Refused))
		}
	}
}

var demoSigns = map[string]string{
	"began": "•", "created": "+", "switched": "→", "deactivated": "-", "deleted": "x",
}

func (s *stage) tell(e api.Event) {
	sign, known := demoSigns[e.Event]
	if !known {
		return
	}
	_, clients := s.aws.Counts()
	line := fmt.Sprintf("%6.1fs  %s %-58s %6d signed", time.Since(s.began).Seconds(), sign, printable(e.Text), clients.Signed)
	if e.Event == "switched" {
		line = s.app.colour(bold, line)
	}
	s.say("%s", line)
}

// startClients lets programs sign requests all the while, each with a lease
// from the real helper, which it keeps as long as the strictest SDK does: until
// its Expiration.
func (s *stage) startClients(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for i := range demoClients {
		all.Go(func() {
			// Not all at once: so that some lease is always about to end.
			pause(ctx, time.Duration(i)*150*time.Millisecond)
			for ctx.Err() == nil {
				if err := s.client(ctx); err != nil && ctx.Err() == nil {
					s.fail(err)
					return
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// client uses one lease up to 20 ms before its end.
func (s *stage) client(ctx context.Context) error {
	l, err := s.lease(ctx)
	if err != nil {
		return err
	}
	for ctx.Err() == nil && time.Until(l.Expiration) > 20*time.Millisecond {
		if err := s.request(l); err != nil {
			return err
		}
		pause(ctx, min(100*time.Millisecond, max(time.Until(l.Expiration)-20*time.Millisecond, time.Millisecond)))
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
