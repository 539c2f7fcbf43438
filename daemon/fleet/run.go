package fleet

import (
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// account is the part of the fleet that shares one account's buckets, while it
// is calculated. Accounts know nothing of each other.
type account struct {
	Options
	chance
	*queue
	settings   rotation.Settings
	checkEvery time.Duration
	laptops    []laptop
	buckets    [services]bucket

	rotations, looks, checks  int64
	began, switched, finished moment
	done, held                int
}

// longest is after how many days an account is given up.
const longest = 120

// run calculates one variant, account by account.
func run(o Options, p plan) Variant {
	v := Variant{Name: p.name, Services: make([]Load, services)}
	for s, name := range serviceNames {
		v.Services[s].Service = name
	}
	began, switched, finished := moment(never), moment(0), moment(0)
	for n := range o.Accounts {
		a := newAccount(o, p, n)
		if p.idle {
			a.run(a.day+4, a.event, func() bool { return false })
			a.done = len(a.laptops)
		} else {
			a.run(a.day+longest, a.event, func() bool { return a.done+a.held == len(a.laptops) })
		}
		v.add(a)
		began, switched, finished = min(began, a.began), max(switched, a.switched), max(finished, a.finished)
	}
	v.Switched, v.Finished = max(switched-began, 0), max(finished-began, 0) // nothing was rotated: zero
	return v
}

// newAccount makes the nth account of a fleet: every so-manieth laptop.
func newAccount(o Options, p plan, n int) *account {
	a := &account{Options: o, chance: chance{mix(o.Seed, uint64(n))}, settings: settings(), began: never}
	a.settings.Schedule = p.schedule
	a.buckets = [services]bucket{iam: newBucket(o.Rate, o.Burst), sts: newBucket(stsRate, stsRate), trail: newBucket(trailRate, trailRate)}
	a.laptops = make([]laptop, o.Laptops/o.Accounts)
	if n < o.Laptops%o.Accounts {
		a.laptops = make([]laptop, o.Laptops/o.Accounts+1)
	}
	due := make([]moment, len(a.laptops))
	start := moment(never)
	for i := range a.laptops {
		a.laptops[i].made, a.laptops[i].began = p.added(a.chance, i)
		if p.idle {
			start = 0
			continue
		}
		due[i] = a.due(i)
		start = min(start, due[i])
	}
	a.queue = newQueue(2*len(a.laptops), dayOf(start))
	for i := range a.laptops {
		if !p.idle {
			a.put(2*i, due[i])
		}
		a.put(2*i+1, a.firstCheck(i, moment(a.day)*day))
	}
	return a
}

func (v *Variant) add(a *account) {
	v.Rotations, v.Looks, v.Checks = v.Rotations+a.rotations, v.Looks+a.looks, v.Checks+a.checks
	v.Left += len(a.laptops) - a.done
	for s := range v.Services {
		l, b := &v.Services[s], &a.buckets[s]
		l.Calls, l.Throttled = l.Calls+b.calls, l.Throttled+b.throttled
		l.Second, l.Minute = max(l.Second, b.second.most), max(l.Minute, b.minute.most)
	}
}

func (a *account) event(event int, m moment) {
	if event%2 == 0 {
		a.step(event/2, m)
	} else {
		a.check(event/2, m)
	}
}

// ask sends one call.
func (a *account) ask(s service, tally *int64, m moment) bool {
	*tally++
	return a.buckets[s].take(m)
}

// due is when a laptop's machine first has something to do.
func (a *account) due(i int) moment {
	m := rotation.Due(a.record(i), a.settings).Sub(monday)
	return a.awakeFrom(i, max(m, a.laptops[i].began))
}

// firstCheck is the first hourly check of a laptop in the time that is looked
// at. When its very first was, and how far they are apart, the machine says.
func (a *account) firstCheck(i int, begin moment) moment {
	r, s := a.record(i), a.settings
	s.Schedule, s.Every = "", never // so that there is nothing else to wait for
	n := rotation.Now{Local: at(a.laptops[i].began)}
	wait := rotation.Decide(r, rotation.Memory{}, s, n)
	first := wait.Until.Sub(n.Local)
	if a.checkEvery == 0 {
		n.Local, n.Awake = wait.Until, first
		m := rotation.Observe(r, rotation.Memory{}, rotation.Decide(r, rotation.Memory{}, s, n), rotation.Outcome{Result: rotation.OK, ARN: arn, Date: n.Local}, s, n)
		a.checkEvery = rotation.Decide(r, m, s, n).Until.Sub(n.Local)
	}
	from := a.awake(i, a.laptops[i].began)
	if gone := a.awake(i, begin) - from; gone > first {
		first += (gone - first + a.checkEvery - 1) / a.checkEvery * a.checkEvery
	}
	a.laptops[i].check = a.whenAwake(i, from+first)
	return a.laptops[i].check
}

// check proves the current version of a laptop. One that is throttled is not
// repeated: the next one tells.
func (a *account) check(i int, m moment) {
	l := &a.laptops[i]
	if l.check <= m { // else the switch has put it off
		if a.ask(sts, &a.checks, m) && a.ask(iam, &a.checks, m) && l.life != nil {
			here := rotation.Instant{Wall: at(m), Awake: a.awake(i, m) - a.awake(i, l.began)}
			l.life.clock.Measure(here.Wall.UTC().Truncate(time.Second), here, here)
		}
		l.check = a.later(i, m, a.checkEvery)
	}
	a.put(2*i+1, l.check)
}
