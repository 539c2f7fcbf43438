package awsapi

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// pace keeps requests to one place apart, since some services count them by
// account and region and refuse more than a few a second.
type pace struct {
	mu   sync.Mutex
	next map[string]time.Time // by place
}

// wait returns when it is this request's turn at a place, gap after the one
// before. It ends with ctx; the turn is then lost.
func (p *pace) wait(ctx context.Context, place string, gap time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", errNoTime, err)
	}
	p.mu.Lock()
	if p.next == nil {
		p.next = map[string]time.Time{}
	}
	now := time.Now()
	at := p.next[place]
	if at.Before(now) {
		at = now
	}
	p.next[place] = at.Add(gap)
	p.mu.Unlock()
	turn := time.NewTimer(at.Sub(now))
	defer turn.Stop()
	select {
	case <-turn.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNoTime, ctx.Err())
	}
}
