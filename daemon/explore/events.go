package explore

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// event is something that people or clocks do, whenever they like. It reports
// whether it had any effect.
type event struct {
	name string
	does func(w *World) bool
	own  bool // belongs to the life that names it, and happens in no other
}

// events are all of them, by who does them. A person's choices at a hold are
// events too: resolve:WORD.
var events = []event{
	// The person whose key it is.
	{"rotate", func(w *World) bool { return w.askRotate(false) }, false},
	{"leaked", func(w *World) bool { return w.askRotate(true) }, false},
	{"pause", func(w *World) bool {
		return !w.p.r.Paused && w.asked(func(r rotation.Record) (rotation.Record, error) { return rotation.Pause(r), nil })
	}, false},
	{"resume", func(w *World) bool {
		return w.p.r.Paused && w.asked(func(r rotation.Record) (rotation.Record, error) { return rotation.Resume(r), nil })
	}, false},
	{"eject", func(w *World) bool { return w.eject() }, false},
	{"rollback", func(w *World) bool {
		if !w.asked(func(r rotation.Record) (rotation.Record, error) {
			return rotation.Rollback(r, w.settings, w.clockNow())
		}) {
			return false
		}
		w.judge.wantsOld = true
		return true
	}, false},
	{"stop", func(w *World) bool { // as the system does at the end of a session
		w.p.stop = w.now.Add(30 * time.Second)
		return true
	}, false},
	{"ttl", func(w *World) bool { // longer leases from now on
		was := w.settings.TTL
		w.settings.TTL = min(was*2, w.settings.Grace-w.settings.Settle)
		return w.settings.TTL != was
	}, false},
	{"endpoint", func(w *World) bool {
		if w.settings.Endpoint != w.scenario.settings.Endpoint {
			return false
		}
		w.settings.Endpoint = "http://127.0.0.1:1"
		w.later(w.scenario.away, "endpoint")
		return true
	}, false},

	// Somebody else with rights over the user.
	{"kill-current", func(w *World) bool { return w.byHand(w.p.r.Current.ID, inactive) }, false},
	{"delete-current", func(w *World) bool { return w.byHand(w.p.r.Current.ID, gone) }, false},
	{"kill-victim", func(w *World) bool { return w.byHand(w.victim(), inactive) }, false},
	{"revive-victim", func(w *World) bool { return w.byHand(w.victim(), active) }, false},
	{"delete-victim", func(w *World) bool { return w.byHand(w.victim(), gone) }, false},
	{"delete-next", func(w *World) bool { return w.p.r.Next != nil && w.byHand(w.p.r.Next.ID, gone) }, false},
	{"second-key", func(w *World) bool { return w.newcomer() }, false},
	{"elsewhere", func(w *World) bool { // another machine rotates the same user
		if !w.newcomer() {
			return false
		}
		w.later(w.scenario.away, "elsewhere")
		return true
	}, false},
	{"deny", func(w *World) bool { return w.deny(false) }, false},
	{"deny-mfa", func(w *World) bool { return w.deny(true) }, false},
	{"rename", func(w *World) bool {
		was := w.cloud.name
		w.cloud.name = "robert"
		return was != w.cloud.name
	}, false},
	{"user-gone", func(w *World) bool {
		for i := range w.cloud.keys {
			if k := &w.cloud.keys[i]; k.user == "bob" {
				k.set(w.now, gone)
				k.hand = w.now
			}
		}
		w.touched = true
		return true
	}, false},
	{"blind", func(w *World) bool { // nobody may ask for last-used any more
		was := w.blind
		w.blind = w.now.Add(1000 * time.Hour)
		return was.IsZero()
	}, false},
	{"administrator", func(w *World) bool { // the administrator's own key is rotated
		if w.settings.Admin == nil {
			return false
		}
		old, next := w.settings.Admin.ID, "AKIABOSS000000000002"
		if old == next {
			return false
		}
		k := accessKey{id: next, secret: secretOf(next), user: "boss", created: w.now, status: []status{{w.now.Add(-time.Hour), active}}}
		w.cloud.keys = append(w.cloud.keys, k)
		w.cloud.key(old).set(w.now, inactive)
		w.settings.Admin = versionOf(&k)
		return true
	}, false},

	// Programs.
	{"copied", func(w *World) bool { // some program keeps a copy of the key in use and uses it for ever
		k := w.cloud.key(w.p.r.Current.ID)
		if k == nil || !k.copied.IsZero() {
			return false
		}
		k.copied = w.now
		return true
	}, false},
	{"alarm", func(w *World) bool {
		was := w.cloud.alarm
		w.cloud.alarm = w.now
		return was.IsZero()
	}, false},

	// The machine.
	{"half-written", func(w *World) bool { // it dies in the middle of a write: only one slot is left
		name := w.keychain.older()
		if name == "" {
			return false
		}
		w.record.table.happened(w.phase(), "half-written")
		delete(w.keychain.items, name)
		w.die(true)
		panic(died{})
	}, true},

	{"taken", func(w *World) bool { return w.taken() }, false}, // another one writes the record

	// The clock.
	{"forward", func(w *World) bool { // an hour, and right again much later
		w.later(w.scenario.away, "hop")
		return w.turn(time.Hour)
	}, false},
	{"back", func(w *World) bool {
		w.later(w.scenario.away, "back")
		return w.turn(-time.Hour)
	}, false},
	{"hop", func(w *World) bool { // an hour forward, and right again half an hour later
		w.later(30*time.Minute, "hop")
		return w.turn(time.Hour)
	}, false},
	{"day", func(w *World) bool { // a day forward, and right again a minute later
		w.later(time.Minute, "day")
		return w.turn(3 * w.scenario.away)
	}, false},
	{"sleep", func(w *World) bool {
		w.judge.slept = true
		w.say("the machine sleeps")
		w.sleep(w.scenario.away)
		return true
	}, false},
}

// mends undo what does not last.
var mends = map[string]func(w *World){
	"endpoint": func(w *World) { w.settings.Endpoint = w.scenario.settings.Endpoint },
	"hop":      func(w *World) { w.turn(-time.Hour) },
	"back":     func(w *World) { w.turn(time.Hour) },
	"day":      func(w *World) { w.turn(-3 * w.scenario.away) },
	"elsewhere": func(w *World) { // it deletes what it takes for the old key, and goes on with its own
		v := w.view()
		if v.err == nil && !w.now.Before(w.keychain.empty) {
			w.byHand(v.r.Current.ID, gone)
		}
	},
}

func init() {
	words := []string{"wait", "deactivate", "rollback", "delete", "delete-it", "keep", "forward", "replace", "retry", "take-over"}
	for _, word := range words {
		events = append(events, event{name: resolving + word, does: func(w *World) bool { return w.resolve(word) }})
	}
}

// resolving begins the names of a person's choices.
const resolving = "resolve:"

func eventNamed(name string) *event {
	for i := range events {
		if events[i].name == name {
			return &events[i]
		}
	}
	return nil
}

// point is a moment between two actions at which people and clocks may act.
func (w *World) point() {
	at := w.points
	w.points++
	if w.record.seats != nil {
		w.record.seats = append(w.record.seats, seat{w.phase(), w.p.repeats, at, w.effects})
	}
	for len(w.plan.events) > 0 && w.plan.events[0].At == at {
		name := w.plan.events[0].Event
		w.plan.events = w.plan.events[1:]
		w.happen(name)
	}
	if w.plan.draw != nil {
		if name := w.plan.draw.event(w); name != "" {
			w.happen(name)
		}
	}
	if s := w.scenario; s.then != "" && !w.then && w.phase() == s.when {
		w.then = true
		w.happen(s.then)
	}
}

func (w *World) happen(name string) {
	w.say("point %d: %s", w.points-1, name)
	w.judge.events++
	if strings.HasPrefix(name, resolving) || name == "resume" {
		w.waiting = time.Time{} // a person has looked
	}
	if !eventNamed(name).does(w) {
		w.judge.vain = true
		w.say("which changes nothing")
		return
	}
	w.record.table.happened(w.phase(), name)
	w.verdict()
}

// victim is whoever is on the way out.
func (w *World) victim() string {
	if w.p.loaded && w.p.r.Victim != nil {
		return w.p.r.Victim.ID
	}
	return ""
}

// byHand is an administrator who changes one key.
func (w *World) byHand(id string, to state) bool {
	k := w.cloud.key(id)
	if k == nil || !k.there() || k.status[len(k.status)-1].state == to {
		return false
	}
	k.set(w.now, to)
	k.hand, w.touched = w.now, true
	return true
}

// stranger makes a second key that is not ours.
func (w *World) stranger() *accessKey {
	if len(w.rows(w.now)) >= 2 {
		return nil
	}
	id := fmt.Sprintf("AKIASTRANGER%08d", len(w.cloud.keys))
	w.cloud.keys = append(w.cloud.keys, accessKey{
		id: id, secret: secretOf(id), user: "bob", created: w.now.Truncate(time.Second), status: []status{{w.now, active}},
	})
	return &w.cloud.keys[len(w.cloud.keys)-1]
}

// newcomer makes one and uses it.
func (w *World) newcomer() bool {
	k := w.stranger()
	if k == nil {
		return false
	}
	k.copied = w.now
	return true
}

// taken is another machine that shares the keychain: it writes the record under
// its own name.
func (w *World) taken() bool {
	v := w.view()
	if v.err != nil || w.judge.taken || w.now.Before(w.keychain.empty) {
		return false
	}
	other := store.New(foreign{shelf(w.keychain.items)}, store.Identity{Machine: "elsewhere", Instance: "other"})
	if err := other.TakeOver(ctx, keyName, v.payload); err != nil {
		w.broken("another machine cannot take the record over: %v", err)
	}
	clear(w.keychain.unsynced)
	w.keychain.odd, w.keychain.late = true, nil
	w.judge.taken, w.touched = true, true
	return true
}

// foreign is the keychain as another machine sees it.
type foreign struct{ shelf }

func (f foreign) Set(_ context.Context, name string, data []byte) error {
	f.shelf[name] = bytes.Clone(data)
	return nil
}

func (w *World) deny(explicit bool) bool {
	if w.now.Before(w.cloud.denied) {
		return false
	}
	w.cloud.denied, w.cloud.explicit = w.now.Add(w.scenario.away), explicit
	return true
}

// turn sets the local clock.
func (w *World) turn(by time.Duration) bool {
	w.skew += by
	w.say("the clock is set by %s", by)
	return true
}

func versionOf(k *accessKey) *rotation.Version {
	return &rotation.Version{ID: k.id, Secret: secretValue(k.secret), Created: k.created, Imported: !k.made}
}
