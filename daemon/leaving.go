package daemon

import (
	"context"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// backWithin is more than passes until the service manager's timer brings the
// daemon back: it goes off once an hour, give or take ten minutes.
const backWithin = 2 * time.Hour

// mindLeaving returns true once the daemon may leave: nobody has asked it for
// anything for as long as [service] leave_after says, and nothing of any key is to
// be done before it is back. Whoever comes to the socket later brings it back.
func (d *Daemon) mindLeaving(ctx context.Context) bool {
	d.used.Store(time.Now().Unix())
	for {
		after := d.leaveAfter()
		wait := time.Hour // and the setting may change
		if after > 0 {
			wait = min(max(after/4, 100*time.Millisecond), time.Minute)
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-d.leaves:
			t.Stop()
			continue
		case <-t.C:
		}
		if now := time.Now(); after > 0 && d.mayLeave(ctx, now, after) {
			d.log.Info("nothing is to be done; awskeyd leaves until somebody asks", "leave_after", after.String())
			return true
		}
	}
}

func (d *Daemon) leaveAfter() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config.LeaveAfter()
}

func (d *Daemon) mayLeave(ctx context.Context, now time.Time, after time.Duration) bool {
	used := d.used.Load()
	if used > now.Unix() { // the clock was set back
		d.used.Store(now.Unix())
		return false
	}
	if now.Sub(time.Unix(used, 0)) < after || d.streams.Load() > 0 {
		return false
	}
	d.mu.Lock()
	busy := d.moving != nil && d.callOff != nil || d.giveUp != nil
	d.mu.Unlock()
	status, err := d.Status(ctx)
	if busy || err != nil {
		return false
	}
	for _, k := range status.Keys {
		if !restsUntil(k, now.Add(backWithin)) {
			return false
		}
	}
	return true
}

// restsUntil tells whether nothing of a key is under way, waits for a person, or
// comes due before a time.
func restsUntil(k api.Key, until time.Time) bool {
	return k.Phase == "steady" && k.Hold == nil && k.Next == nil && k.Previous == nil &&
		(k.Paused || k.DueAt != nil && k.DueAt.After(until))
}
