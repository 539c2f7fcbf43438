package explore

import (
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// lease is a crowd of clients over the next d: at each instant one of them asks
// for credentials and keeps them, as every SDK does, until their Expiration, and
// signs at that very moment. So it is enough to know, of each key, the greatest
// Expiration that was ever handed out.
func (w *World) lease(d time.Duration) {
	from, to := w.now, w.now.Add(d)
	if p := w.p; p != nil && p.loaded && p.r.Current.ID != "" {
		w.hand(p, w.local())
		w.hand(p, to.Add(w.skew))
	}
	for i := range w.cloud.keys {
		k := &w.cloud.keys[i]
		if end := k.until.Add(-w.skew); end.After(from) && k.active() {
			if k.first.IsZero() {
				k.first = from
			}
			k.last = earlier(end, to)
		}
	}
}

// hand is one answer: credentials of the current version.
func (w *World) hand(p *process, now time.Time) {
	v := p.r.Current
	k := w.cloud.key(v.ID)
	if k == nil || v.Secret.Reveal() != k.secret {
		w.broken("a key is handed out that AWS never made, or with a wrong secret: %s", v.ID)
	}
	if !w.everywhere(k) && k.hand.IsZero() {
		w.broken("access key %s is handed out, and a service refuses it", rotation.Short(v.ID))
	}
	until := now.Add(min(w.settings.TTL, p.r.MaxTTL)).Truncate(time.Second)
	if until.After(k.until) {
		k.until = until
	}
	p.handed = handOut(p.handed, v.ID, until)
}

// forgetLeases drops what nobody can know of: an earlier process that ran while
// the clock was ahead gave longer leases than any the record allows for.
func (w *World) forgetLeases() {
	most := w.local().Add(w.settings.TTL)
	for i := range w.cloud.keys {
		if k := &w.cloud.keys[i]; k.until.After(most) {
			k.until = most
		}
	}
}

// promise is the greatest Expiration that one process gave of a version.
type promise struct {
	id    string
	until time.Time
}

func handOut(all []promise, id string, until time.Time) []promise {
	for i := range all {
		if all[i].id == id {
			if until.After(all[i].until) {
				all[i].until = until
			}
			return all
		}
	}
	return append(all, promise{id, until})
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
