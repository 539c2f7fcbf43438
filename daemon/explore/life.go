package explore

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// ending is how a stretch of life ended.
type ending struct {
	died    bool     // the process died, and another one has begun
	cut     bool     // somebody has lived on from the same state already
	reason  string   // what there is at the end
	choices []string // what a person may do about it
	stray   bool     // a write landed in the store after its process had died
	broken  *Violation
}

// live runs one process until it dies or the life is over; look, if set, may end
// it between two actions.
func (w *World) live(look func() bool) ending {
	var e ending
	dead, v := guard(func() {
		if w.p == nil {
			w.start()
		}
		for {
			if look != nil && look() {
				e.cut = true
				return
			}
			var done bool
			if e, done = w.ended(); done {
				return
			}
			w.point()
			w.step()
		}
	})
	if dead != nil {
		e = ending{died: true}
		_, v = guard(func() { w.die(dead.power) })
	}
	e.broken, e.stray = v, w.keychain.stray
	return e
}

// guard catches what unwinds a life.
func guard(do func()) (dead *died, v *Violation) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case died:
			dead = &p
		case over:
			v = &p.v
		case runtime.Error: // the machine's, or the store's
			v = &Violation{Text: fmt.Sprintf("it panics: %v", p)}
		default:
			panic(p)
		}
	}()
	do()
	return nil, nil
}

// tooLong is more actions than any life needs.
const tooLong = 12000

// ended says whether there is nothing more to wait for.
func (w *World) ended() (ending, bool) {
	if w.steps > tooLong {
		w.broken("it never ends: %d actions, and it is %s", w.steps, w.phase())
	}
	p := w.p
	if !p.loaded {
		return ending{}, false
	}
	// What is planned for this moment keeps the life going and changes nothing
	// else: where it was drawn, nobody knew of it yet.
	planned := len(w.plan.events) > 0 && w.plan.events[0].At == w.points
	if choices := w.asking(); len(choices) > 0 || w.beyond() {
		if w.waiting.IsZero() {
			w.waiting = w.now
		}
		if !planned && w.now.Sub(w.waiting) >= w.scenario.patience && w.calm() {
			return ending{reason: w.reason(), choices: choices}, true
		}
		return ending{}, false
	}
	w.waiting = time.Time{}
	if planned || p.r.Phase != rotation.Steady || p.r.Asked || p.m.Created != nil || p.m.Doubt || !w.calm() ||
		rotation.Due(p.r, w.settings).Sub(w.now) < 20*24*time.Hour {
		return ending{}, false
	}
	w.judgeEnd()
	return ending{reason: w.reason()}, true
}

// asking is what a person can do about a rotation that goes no further.
func (w *World) asking() []string {
	p := w.p
	switch {
	case p.m.Barrier != nil:
		return choosable(p.r.Choices(*p.m.Barrier))
	case p.r.Paused:
		return []string{"resume"}
	case p.r.Phase == rotation.Held:
		return choosable(p.r.Choices(*p.r.Hold))
	default:
		return nil
	}
}

// beyond reports whether somebody else has ended the current version, and it
// depends on others what comes of it. While the previous one is Active, and may
// see that, it is ours to notice.
func (w *World) beyond() bool {
	r := w.p.r
	return r.Current.ID != "" && !w.cloud.key(r.Current.ID).active() &&
		!(r.At() == rotation.Draining && w.cloud.key(r.Previous.ID).active() && w.settings.Admin == nil && r.User.Name() == w.cloud.name)
}

// reason names the end of a life.
func (w *World) reason() string {
	p := w.p
	switch {
	case p.m.Barrier != nil:
		return "barred " + string(p.m.Barrier.Code)
	case p.r.Paused:
		return "paused"
	case p.r.Phase == rotation.Held:
		return "held " + string(p.r.Hold.Code)
	case w.beyond():
		return "killed by somebody else"
	case p.r.Current.ID != w.first:
		return newVersion
	default:
		return "the old version"
	}
}

const newVersion = "a new version"

// judgeEnd: at rest there is one key of ours in IAM, and it is a new one unless
// a person wanted the old one, or somebody else has ended one of ours.
func (w *World) judgeEnd() {
	r := w.p.r
	meddled := slices.ContainsFunc(w.cloud.keys, func(k accessKey) bool { return !k.hand.IsZero() })
	if r.Current.ID == w.first && !w.judge.wantsOld && !meddled {
		w.broken("it comes to rest without a new version")
	}
	for i := range w.cloud.keys {
		if k := &w.cloud.keys[i]; k.ours && k.there() && k.id != r.Current.ID && k.hand.IsZero() {
			w.broken("it comes to rest, and access key %s of ours is left in IAM", k.id)
		}
	}
	if r.Leaked || r.Back != nil || r.Victim != nil || r.Intent != nil {
		w.broken("it comes to rest with something left in its record")
	}
}

// Replay lives one schedule and tells log of each step. It ends where a person is
// asked and the schedule does not say what is chosen.
func Replay(s Schedule, log func(format string, args ...any)) (string, *Violation) {
	rec := newRecorder()
	rec.log = log
	w, err := scenarioNamed(s.Scenario).born(rec)
	if err != nil {
		return "", &Violation{s, err.Error()}
	}
	w.plan = plan{faults: slices.Clone(s.Faults), events: slices.Clone(s.Events)}
	for {
		e := w.live(nil)
		if e.broken != nil {
			e.broken.Schedule = s
			return "", e.broken
		}
		if !e.died {
			log("it ends with %s, after %d effects and %d points; a person may: %v", e.reason, w.effects, w.points, e.choices)
			return e.reason, nil
		}
	}
}
