package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

// What an action takes. It orders the calls and is nothing that was measured.
const (
	callTakes  = 200 * time.Millisecond
	writeTakes = 20 * time.Millisecond
)

// never is beyond every calculation.
const never = 50 * 365 * day

// laptop is one machine with one key. Its life is only there from the due date
// until the rotation is over.
type laptop struct {
	made  moment // CreateDate of its key
	began moment // when its daemon began
	check moment // the next hourly check of its current version
	life  *life
}

// life is a key while it is rotated, with the IAM user that it belongs to.
type life struct {
	r     rotation.Record
	m     rotation.Memory
	clock rotation.Clock
	keys  []rotation.KeyInfo
}

const arn = "arn:aws:iam::123456789012:user/ada"

// nobodys is the secret of every version: nothing is signed here.
var nobodys = secret.New("calculated")

// id is the access key id of a laptop's nth version. Jitter follows from it.
func (a *account) id(laptop, version int) string {
	if a.NoJitter {
		laptop = 0
	}
	return fmt.Sprintf("AKIA%013X%03d", mix(a.seed, uint64(laptop))>>12, version)
}

func (a *account) record(i int) rotation.Record {
	l := &a.laptops[i]
	made := at(l.made).UTC().Truncate(time.Second)
	v := rotation.Version{ID: a.id(i, 0), Secret: nobodys, Created: made, Imported: true}
	return rotation.New(rotation.User{ARN: arn}, v, "", a.settings.TTL, at(l.began))
}

// step lets the machine of one laptop act from a moment on, until it waits or
// the second is over: then others come first.
func (a *account) step(i int, m moment) {
	l := &a.laptops[i]
	if l.life == nil {
		r := a.record(i)
		l.life = &life{r: r, keys: []rotation.KeyInfo{{ID: r.Current.ID, Active: true, Created: r.Current.Created}}}
	}
	k, second, asleep := l.life, m/time.Second, a.asleep(i, m)
	// The second clock stands while a laptop sleeps, as on Linux.
	slept := m - (a.awake(i, m) - a.awake(i, l.began))
	instant := func() rotation.Instant { return rotation.Instant{Wall: at(m), Awake: m - slept} }
	now := func() rotation.Now {
		here := instant()
		n := rotation.Now{Local: here.Wall, Awake: here.Awake, LockTaken: at(l.began)}
		n.Offset, n.Known, n.Measured = k.clock.At(here)
		return n
	}
	for m/time.Second == second && m < asleep {
		k.m.CheckAt = never // checks are events of their own: they delay nothing, and nothing hastens them
		act := rotation.Decide(k.r, k.m, a.settings, now())
		if act.Do == rotation.Wait {
			if m = max(act.Until.Sub(monday), m+time.Millisecond); act.Until.IsZero() || m > never/2 {
				a.held, l.life = a.held+1, nil // nothing here should do that
				return
			}
			break
		}
		sent := instant()
		o, took := a.perform(i, k, act, m)
		m += took
		if !o.Date.IsZero() {
			k.clock.Measure(o.Date, sent, instant())
		}
		k.m = rotation.Observe(k.r, k.m, act, o, a.settings, now())
		if act.Do == rotation.Save && a.became(i, act.Record, m) {
			return
		}
	}
	a.put(2*i, a.awakeFrom(i, m))
}

// became makes a written record the laptop's. True: its rotation is over.
func (a *account) became(i int, r rotation.Record, m moment) bool {
	l := &a.laptops[i]
	was := l.life.r.Phase
	l.life.r = r
	switch {
	case r.Phase == rotation.Draining && was == rotation.Proving:
		a.switched = max(a.switched, m)
		l.check = a.later(i, m, a.checkEvery)
	case r.Phase == rotation.Monitoring:
		// The hours awake are written down one by one, which asks nobody. A week
		// of working days has more of them than are needed.
		l.life.r.Awake = a.settings.Monitor
	case r.Phase == rotation.Steady && was == rotation.Deleting:
		a.finished, a.done, l.life = max(a.finished, m), a.done+1, nil
		return true
	}
	return false
}

// perform is AWS, perfect but for its buckets, and a store that never fails.
func (a *account) perform(i int, k *life, act rotation.Action, m moment) (rotation.Outcome, time.Duration) {
	ok := rotation.Outcome{Result: rotation.OK, Date: at(m).UTC().Truncate(time.Second)}
	throttled := rotation.Outcome{Result: rotation.Throttled, Date: ok.Date}
	switch act.Do {
	case rotation.Save, rotation.Reload, rotation.Note:
		return rotation.Outcome{Result: rotation.OK}, writeTakes
	case rotation.Prove:
		a.began = min(a.began, m)
		if !a.ask(sts, &a.rotations, m) || !a.ask(iam, &a.rotations, m) {
			return throttled, 2 * callTakes
		}
		ok.ARN = arn
		return ok, 2 * callTakes
	case rotation.Look:
		told, seen := a.ask(iam, &a.looks, m), a.ask(trail, &a.looks, m)
		if !seen {
			ok.Blind = []string{"CloudTrail in us-east-1: throttled"}
		}
		if !told {
			return throttled, 2 * callTakes
		}
		ok.Used, ok.Where = k.r.Switched.Truncate(15*time.Minute), "sts in us-east-1"
		return ok, 2 * callTakes
	}
	a.began = min(a.began, m)
	if !a.ask(iam, &a.rotations, m) {
		return throttled, callTakes
	}
	switch act.Do {
	case rotation.List:
		ok.Keys = slices.Clone(k.keys)
	case rotation.Create:
		ok.Version = rotation.Version{ID: a.id(i, 1), Secret: nobodys, Created: ok.Date}
		k.keys = append(k.keys, rotation.KeyInfo{ID: ok.Version.ID, Active: true, Created: ok.Date})
	case rotation.Deactivate:
		for j := range k.keys {
			k.keys[j].Active = k.keys[j].Active && k.keys[j].ID != act.Target
		}
	case rotation.Delete:
		k.keys = slices.DeleteFunc(k.keys, func(x rotation.KeyInfo) bool { return x.ID == act.Target })
	default:
		panic("fleet: a rotation without trouble does not " + string(act.Do))
	}
	return ok, callTakes
}
