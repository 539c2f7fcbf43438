package explore

import (
	"fmt"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// keyName is what the one key of a life is called.
const keyName = "work"

// World is everything there is in one life. It is a value that can be copied
// between two processes; see clone.
type World struct {
	scenario *Scenario
	settings rotation.Settings

	now   time.Time     // the true time, which is AWS's
	skew  time.Duration // the local clock minus the true time
	awake time.Duration // the machine's monotonic clock
	up    time.Duration // how long a process has run, all in all

	cloud    cloud
	keychain keychain
	notes    []string // durable
	blind    time.Time
	back     []mend // what will be as it was, and when

	p       *process
	lives   int
	effects int // so far; the number of the next one
	points  int
	steps   int
	idle    int // actions since time last went on

	plan   plan
	record *recorder
	judge  judge

	touched bool // keychain or IAM have changed since the last verdict
	then    bool // what belongs to the life has happened
	first   string
	waiting time.Time // since when a person is needed; zero: none is
}

// plan is what is to happen in a life; draw decides beyond it.
type plan struct {
	faults []Fault
	events []Happening
	draw   draw
}

// draw chooses at random: a fault for an effect, and an event for a point.
type draw interface {
	fault(w *World, e Effect) Kind
	event(w *World) string
}

// mend is a condition that ends by itself.
type mend struct {
	at   time.Time
	what string
}

// recorder is what is kept of lives, and shared by all of one worker.
type recorder struct {
	table *Table
	views map[[2]uint64]*view
	trace []touch // the effects of the life at hand
	seats []seat  // its points
	log   func(format string, args ...any)
}

// touch is one effect as the search needs to know it.
type touch struct {
	effect Effect
	repeat string // what its action is one of many of; empty if it is not
	action int
}

// seat is one point as the search needs to know it.
type seat struct {
	phase   rotation.Phase
	repeat  string
	at      int
	effects int // that came before
}

// died unwinds the stack of a process that dies.
type died struct{ power bool }

// over unwinds the stack of a life that has broken a promise.
type over struct{ v Violation }

func (w *World) clone() *World {
	c := *w
	c.cloud, c.keychain = w.cloud.clone(), w.keychain.clone()
	c.notes = w.notes[:len(w.notes):len(w.notes)]
	c.back = append([]mend(nil), w.back...)
	c.judge = w.judge.clone()
	c.p = nil
	return &c
}

// local is what the machine's clock shows.
func (w *World) local() time.Time { return w.now.Add(w.skew) }

// effect counts one effect and says what becomes of it. A process that dies
// before it does not return.
func (w *World) effect(e Effect) Kind {
	at := w.effects
	w.effects++
	kind := Done
	switch {
	case len(w.plan.faults) > 0 && w.plan.faults[0].At == at:
		kind = w.plan.faults[0].Kind
		w.plan.faults = w.plan.faults[1:]
		if Impossible(e, kind) != "" {
			kind = Done // a schedule of another program
		}
	case w.plan.draw != nil:
		kind = w.plan.draw.fault(w, e)
	}
	w.record.table.count(w.phase(), e, kind)
	if w.record.trace != nil {
		w.record.trace = append(w.record.trace, touch{e, w.p.repeats, w.steps})
	}
	if kind != Done {
		if !kind.harmless() {
			w.judge.hostile = true
		}
		w.say("effect %d: %s in %s: %s", at, e, w.phase(), kind)
	}
	switch kind {
	case CrashBefore:
		panic(died{})
	case PowerBefore:
		panic(died{power: true})
	}
	return kind
}

// after lets a process die that was to die after an effect.
func (w *World) after(k Kind) {
	switch k {
	case CrashAfter:
		panic(died{})
	case PowerAfter:
		panic(died{power: true})
	}
}

// phase is where the process takes itself to be; a process that has not read
// the record yet is in none.
func (w *World) phase() rotation.Phase {
	switch {
	case w.p == nil || !w.p.loaded:
		return starting
	default:
		return w.p.r.Phase
	}
}

// starting is the row of the table for a process that reads the record.
const starting rotation.Phase = "starting"

// pass lets time go by, awake.
func (w *World) pass(d time.Duration) {
	for d > 0 {
		step := d
		// Stop wherever something happens by itself on the way.
		if n := len(w.cloud.late); n > 0 {
			step = until(step, w.cloud.late[0].at.Sub(w.now))
		}
		if len(w.back) > 0 {
			step = until(step, w.back[0].at.Sub(w.now))
		}
		w.lease(step)
		w.now, w.awake, w.up, d = w.now.Add(step), w.awake+step, w.up+step, d-step
		w.arrive()
		w.mended()
		w.touched = w.keychain.land(w.now, w.lives, false) || w.touched
		w.verdict()
	}
	w.idle = 0
}

// until is d, or what is left to something that comes earlier.
func until(d, left time.Duration) time.Duration {
	if left > 0 && left < d {
		return left
	}
	return d
}

// sleep lets time go by with the machine asleep: nothing runs, wall clocks go on.
func (w *World) sleep(d time.Duration) {
	w.now = w.now.Add(d)
	w.arrive()
	w.mended()
	w.touched = w.keychain.land(w.now, w.lives, false) || w.touched
	w.verdict()
}

// later makes a condition end by itself.
func (w *World) later(d time.Duration, what string) {
	m := mend{w.now.Add(d), what}
	i := 0
	for i < len(w.back) && !w.back[i].at.After(m.at) {
		i++
	}
	w.back = append(w.back[:i:i], append([]mend{m}, w.back[i:]...)...)
}

func (w *World) mended() {
	for len(w.back) > 0 && !w.now.Before(w.back[0].at) {
		what := w.back[0].what
		w.back = w.back[1:]
		w.say("%s", what)
		mends[what](w)
	}
}

// calm reports whether nothing is under way that could still change the world
// by itself.
func (w *World) calm() bool {
	return len(w.cloud.late) == 0 && len(w.keychain.late) == 0 && len(w.back) == 0 &&
		!w.now.Before(w.cloud.offline) && !w.now.Before(w.keychain.locked) && !w.now.Before(w.keychain.empty)
}

// told reports whether anybody listens: what is said often is not even put into
// words for nobody.
func (w *World) told() bool { return w.record.log != nil }

func (w *World) say(format string, args ...any) {
	if w.told() {
		w.record.log("%s  %s", w.now.Format("2006-01-02 15:04:05.000"), fmt.Sprintf(format, args...))
	}
}

func newRecorder() *recorder { return &recorder{table: newTable(), views: map[[2]uint64]*view{}} }
