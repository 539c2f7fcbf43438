package explore

import (
	"math/rand/v2"
	"slices"
)

// walker draws faults and events at random for a while.
type walker struct {
	intn     func(n int) int // 0 is the harmless choice
	until    int             // effects
	every    int             // one effect in so many fails
	people   bool            // events happen as well
	harmless bool            // only faults after which nobody need be asked
	made     *Schedule       // what it drew
}

func (d *walker) fault(w *World, e Effect) Kind {
	at := w.effects - 1
	if at >= d.until || d.intn(d.every) != 1 {
		return Done
	}
	kind := possible[e][d.intn(len(possible[e]))]
	if d.harmless && !kind.harmless() {
		return Done
	}
	d.made.Faults = append(d.made.Faults, Fault{at, kind})
	return kind
}

func (d *walker) event(w *World) string {
	if !d.people || w.effects >= d.until || d.intn(12*d.every/10) != 1 {
		return ""
	}
	drawn := events[d.intn(len(events))]
	name := drawn.name
	if drawn.own || name == "user-gone" && d.intn(8) != 1 {
		return "" // after the latter nothing comes
	}
	d.made.Events = append(d.made.Events, Happening{w.points - 1, name})
	return name
}

// walk is one life at random, and the schedule by which it can be lived again.
// After the trouble is over a person answers what is asked, and the life must
// come to rest.
func walk(b base, d *walker, rec *recorder) (e ending, made Schedule, asked, steps int) {
	w := b.w.clone()
	w.record = rec
	made.Scenario = b.past.Scenario
	d.made = &made
	w.plan.draw = d
	for {
		e = w.live(nil)
		switch {
		case e.broken != nil:
			return e, made, asked, w.steps
		case e.died:
			continue
		case len(e.choices) > 0 && asked < 12:
			asked++
			word := e.choices[d.intn(len(e.choices))]
			at := w.points
			made.Events = append(made.Events, Happening{at, word})
			w.plan.events = []Happening{{at, word}}
			continue
		}
		return e, made, asked, w.steps
	}
}

// stroll adds the random walks of one life to the queue.
func (s *search) stroll(b base) {
	each := s.o.Walks / len(Scenarios)
	const batch = 50
	for from := 0; from < each; from += batch {
		s.queue.add(func(k *worker) {
			for i := from; i < min(from+batch, each) && !k.stop.Load(); i++ {
				k.wander(b, i)
			}
		})
	}
}

func (k *worker) wander(b base, i int) {
	rng := rand.New(rand.NewPCG(k.o.Seed, uint64(i)<<8^mix(0, b.past.Scenario, nil, nil)))
	d := &walker{intn: rng.IntN, until: 150 + rng.IntN(400), every: 8 << rng.IntN(4), people: i%2 == 1}
	k.rec.trace, k.rec.seats = nil, nil
	e, made, asked, steps := walk(b, d, k.rec)
	k.lives.Add(1)
	k.steps.Add(int64(steps))
	if e.broken != nil {
		k.fail(*e.broken, made)
		return
	}
	if asked > 0 && !d.people && !e.stray && b.w.scenario.ends == nil && !slices.ContainsFunc(made.Faults, func(f Fault) bool { return !f.Kind.harmless() }) {
		k.fail(Violation{Text: "a person is asked without anybody's doing"}, made)
		return
	}
	k.finish(e, made)
}
