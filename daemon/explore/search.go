package explore

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// Options are how far a search goes.
type Options struct {
	Quick   bool                        // one fault exhaustively, of two a sample
	Workers int                         // 0: two
	Seed    uint64                      // of the walks
	Walks   int                         // how many
	First   bool                        // stop at the first violation
	Only    string                      // one scenario alone; empty: all
	Tell    func(done, left, lives int) // progress, one call at a time; may be nil
}

// search is one search under way. What workers share is guarded by mu.
type search struct {
	o Options

	mu     sync.Mutex
	seen   map[uint64]struct{} // states that somebody goes on from, each with what may still befall it
	broken []Violation
	ends   map[string]map[string]int // by class of schedule, then by reason
	lives  atomic.Int64
	steps  atomic.Int64
	stop   atomic.Bool
	queue  queue
}

// budget is what may still befall a life.
type budget struct {
	faults int  // at any effect
	events int  // at any point
	asks   int  // how often a person is asked
	thin   int  // of the last of several disturbances only each thin-th is tried; 0 and 1: all
	sparse int  // the same of the first events
	all    bool // also at what repeats
}

// worker explores lives one after another.
type worker struct {
	*search
	rec *recorder
}

// base is a state from which lives begin, between two processes, and what led
// there.
type base struct {
	w    *World
	past Schedule
}

// fork lives on from a base under some faults and events, until it ends or comes
// to where another life has been, and then branches into all that can come after
// the last of them. origin is a hash of what led here.
func (k *worker) fork(b base, more plan, left budget, origin uint64) {
	if k.stop.Load() {
		return
	}
	sched := Schedule{b.past.Scenario, slices.Concat(b.past.Faults, more.faults), slices.Concat(b.past.Events, more.events)}
	w := b.w.clone()
	w.record, w.plan = k.rec, plan{faults: more.faults, events: more.events}
	k.rec.trace, k.rec.seats = make([]touch, 0, 256), make([]seat, 0, 128)
	k.lives.Add(1)
	br := branch{base: b, plan: more, left: left, sched: sched}
	var phase rotation.Phase
	e := w.live(func() bool {
		// Has anybody been here? It is asked right after the last disturbance, and
		// wherever a phase begins: there lives that were delayed meet again.
		if len(w.plan.faults)+len(w.plan.events) > 0 || w.phase() == phase {
			return false
		}
		phase = w.phase()
		at := w.state()
		if w.judge.vain || !k.new(at, left) {
			return true
		}
		br.stages = append(br.stages, stage{at, w.effects, w.points})
		return false
	})
	k.steps.Add(int64(w.steps - b.w.steps))
	br.points, br.trace, br.seats = w.points, k.rec.trace, k.rec.seats
	effect, point := br.after()
	br.stages = append([]stage{{origin, effect, point}}, br.stages...)
	switch {
	case e.broken != nil:
		k.fail(*e.broken, sched)
		return
	case e.cut && w.judge.vain:
		return
	case e.cut:
	case e.died:
		if at := w.state(); k.new(at, left) {
			k.fork(base{w, sched}, plan{}, left, at)
		}
	default:
		k.finish(e, sched)
		k.answer(br, e.choices)
	}
	if left.faults > 0 {
		k.disturb(br)
	}
	if left.events > 0 {
		k.stir(br)
	}
}

// branch is a life that was lived, to be lived again with more in it.
type branch struct {
	base
	plan
	left   budget
	sched  Schedule
	stages []stage // from the last disturbance on
	points int
	trace  []touch
	seats  []seat
}

// stage is a stretch of a life that begins with a state in which nobody was
// before. The first begins in the middle of an action, with what led there.
type stage struct {
	state         uint64
	effect, point int
}

// at is the hash of one possible disturbance, which is the same whichever life
// comes there first.
func (s stage) at(offset, what int) uint64 {
	return s.state ^ uint64(offset+1)*0x9E3779B97F4A7C15 ^ uint64(what+1)*0xC2B2AE3D27D4EB4F
}

// answer takes each choice that a person has at the end.
func (k *worker) answer(b branch, choices []string) {
	if b.left.asks == 0 {
		return
	}
	b.left.asks--
	last := b.stages[len(b.stages)-1]
	for i, word := range choices {
		k.next(b, b.with(Happening{b.points, word}), b.left, last.at(b.points-last.point, i+200))
	}
}

// disturb tries each fault at each effect that comes after what is planned.
func (k *worker) disturb(b branch) {
	from := b.stages[0].effect - b.w.effects
	last := b.left.faults+b.left.events == 1
	var few []bool
	for i, s := range b.stages {
		end := len(b.trace)
		if i+1 < len(b.stages) {
			end = b.stages[i+1].effect - b.w.effects
		}
		few = append(few, thinned(b.trace[s.effect-b.w.effects:end])...)
	}
	b.left.faults--
	for i := from; i < len(b.trace); i++ {
		if few[i-from] && !b.left.all {
			continue
		}
		for len(b.stages) > 1 && b.stages[1].effect <= b.w.effects+i {
			b.stages = b.stages[1:]
		}
		s := b.stages[0]
		for _, kind := range possible[b.trace[i].effect] {
			at := s.at(b.w.effects+i-s.effect, int(kind))
			if !b.first() && alike(b.trace, i, kind) || last && b.skips(at) {
				continue
			}
			f := Fault{b.w.effects + i, kind}
			k.next(b, plan{faults: append(slices.Clip(b.faults), f), events: b.events}, b.left, at)
		}
	}
}

// alike reports whether a fault leaves the very state that another one at the same
// effect, or at the one before it, leaves: to die before an effect is to die after
// the one before it in the same action, and a read leaves nothing behind. First
// faults are tried all the same.
func alike(trace []touch, i int, kind Kind) bool {
	inside := i > 0 && trace[i-1].action == trace[i].action
	switch kind {
	case CrashBefore, PowerBefore:
		return inside
	case CrashAfter, PowerAfter, After:
		return trace[i].effect == ItemGet
	default:
		return false
	}
}

// stir lets each event happen at each point that comes after what is planned.
func (k *worker) stir(b branch) {
	last := b.left.faults+b.left.events == 1
	seats := slices.DeleteFunc(slices.Clone(b.seats), func(s seat) bool { return s.at < b.stages[0].point || s.effects < b.stages[0].effect })
	var few []bool
	for i, at := range b.stages {
		few = append(few, thinnedSeats(slices.DeleteFunc(slices.Clone(seats), func(s seat) bool {
			return s.at < at.point || i+1 < len(b.stages) && s.at >= b.stages[i+1].point
		}))...)
	}
	b.left.events--
	for i, seat := range seats {
		if few[i] {
			continue
		}
		for len(b.stages) > 1 && b.stages[1].point <= seat.at {
			b.stages = b.stages[1:]
		}
		s := b.stages[0]
		for j, e := range events {
			at := s.at(seat.at-s.point, j+100)
			if e.own || strings.HasPrefix(e.name, resolving) || last && b.skips(at) || b.first() && b.left.sparse > 1 && (i+j)%b.left.sparse != 0 {
				continue // a person chooses where one is asked
			}
			k.next(b, b.with(Happening{seat.at, e.name}), b.left, at)
		}
	}
}

func (b branch) with(h Happening) plan {
	return plan{faults: b.faults, events: append(slices.Clip(b.events), h)}
}

// first reports whether nothing was planned yet.
func (b branch) first() bool { return len(b.sched.Faults)+len(b.sched.Events) == 0 }

// after is where what is planned is over: an effect and a point.
func (b branch) after() (effect, point int) {
	effect, point = b.w.effects, b.w.points
	if n := len(b.faults); n > 0 {
		effect = b.faults[n-1].At + 1
	}
	if n := len(b.events); n > 0 {
		point = b.events[n-1].At + 1
		for _, s := range b.seats {
			if s.at == point-1 {
				effect = max(effect, s.effects)
			}
		}
	}
	return effect, point
}

// skips thins out the last of several disturbances.
func (b branch) skips(at uint64) bool {
	return !b.first() && b.left.thin > 1 && at>>20%uint64(b.left.thin) != 0
}

// next goes on with a longer plan: at once, or, right at the beginning of a life,
// by whatever worker is free.
func (k *worker) next(b branch, more plan, left budget, origin uint64) {
	if b.first() {
		k.queue.add(func(k *worker) { k.fork(b.base, more, left, origin) })
		return
	}
	k.fork(b.base, more, left, origin)
}

// thinned tells of each effect whether it belongs to one of many actions alike:
// while a phase lasts the current version is proved, and uses are looked for,
// every hour. The first two and the last two of them stand for all in lives of
// more than one disturbance.
func thinned(trace []touch) []bool {
	few := make([]bool, len(trace))
	groups := map[string][]int{} // the actions of each group
	for _, t := range trace {
		if g := groups[t.repeat]; t.repeat != "" && (len(g) == 0 || g[len(g)-1] != t.action) {
			groups[t.repeat] = append(g, t.action)
		}
	}
	for i, t := range trace {
		if g := groups[t.repeat]; len(g) > 4 {
			few[i] = t.action > g[1] && t.action < g[len(g)-2]
		}
	}
	return few
}

// thinnedSeats does the same for the points after such actions.
func thinnedSeats(seats []seat) []bool {
	few := make([]bool, len(seats))
	groups := map[string][]int{}
	for i, s := range seats {
		if s.repeat != "" {
			groups[s.repeat] = append(groups[s.repeat], i)
		}
	}
	for _, all := range groups {
		for n, i := range all {
			few[i] = n >= 3 && n < len(all)-3
		}
	}
	return few
}

// new reports whether nobody has gone on from this state with as much ahead.
func (k *worker) new(state uint64, left budget) bool {
	at := mix(state, fmt.Sprint(left), nil, nil)
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, old := k.seen[at]; old {
		return false
	}
	k.seen[at] = struct{}{}
	return true
}

func (k *worker) fail(v Violation, s Schedule) {
	v.Schedule = s
	k.mu.Lock()
	defer k.mu.Unlock()
	k.broken = append(k.broken, v)
	if k.o.First {
		k.stop.Store(true)
	}
}

// finish counts the end of a life.
func (k *worker) finish(e ending, s Schedule) {
	class := classPeople
	expected := scenarioNamed(s.Scenario).ends
	switch {
	case len(s.Events) > 0:
	case !s.harmless() || e.stray:
		class = classLies
	case e.reason == newVersion || slices.Contains(expected, e.reason):
		class = classFaults
	default:
		k.fail(Violation{Text: "without anybody's doing it ends with " + e.reason}, s)
		return
	}
	if expected != nil {
		class += ", life " + s.Scenario
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ends[class] == nil {
		k.ends[class] = map[string]int{}
	}
	k.ends[class][e.reason]++
}

// The classes of schedules.
const (
	classFaults = "crashes, network, throttling, store"
	classLies   = "a keychain that lies, is emptied, or writes what a dead process sent"
	classPeople = "people, strangers, clocks"
)
