//go:build unix

package soak

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// person is whoever owns the laptop: asks for this and that now and then, and
// settles what is held.
type person struct {
	l      *laptop
	r      *rand.Rand
	asked  int
	failed int
}

// ask sends one request to the daemon of this moment.
func (l *laptop) ask(ctx context.Context, do func(context.Context, *api.Client) error) error {
	p := l.now.Load()
	if p == nil || p.dead.Load() {
		return errNoDaemon
	}
	c := toDaemon(p.door.dial)
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return do(ctx, c)
}

// look goes through the keys, and does something about one in some twenty.
func (p *person) look(ctx context.Context) {
	var status api.Status
	if p.do(ctx, func(ctx context.Context, c *api.Client) (err error) { status, err = c.Status(ctx); return err }) != nil {
		return
	}
	for _, k := range status.Keys {
		switch {
		case k.Hold != nil:
			p.settle(ctx, k)
		case k.Paused:
			p.do(ctx, func(ctx context.Context, c *api.Client) error { _, err := c.Resume(ctx, k.Name); return err })
		case p.r.IntN(20) == 0:
			p.meddle(ctx, k)
		}
	}
}

func (p *person) meddle(ctx context.Context, k api.Key) {
	p.asked++
	p.do(ctx, func(ctx context.Context, c *api.Client) (err error) {
		switch p.r.IntN(4) {
		case 0:
			_, err = c.Pause(ctx, k.Name)
		case 1:
			_, err = c.Rotate(ctx, k.Name, api.RotateRequest{})
		default: // refused where there is nothing to go back to
			_, err = c.Rollback(ctx, k.Name)
		}
		return err
	})
}

// settle makes a choice, some days later.
func (p *person) settle(ctx context.Context, k api.Key) {
	if len(k.Hold.Choices) == 0 || p.r.IntN(3) > 0 {
		return
	}
	choice := k.Hold.Choices[p.r.IntN(len(k.Hold.Choices))]
	p.do(ctx, func(ctx context.Context, c *api.Client) error {
		_, err := c.Resolve(ctx, k.Name, api.ResolveRequest{Choice: choice})
		return err
	})
}

func (p *person) do(ctx context.Context, f func(context.Context, *api.Client) error) error {
	err := p.l.ask(ctx, f)
	if err != nil {
		p.failed++
	}
	return err
}
