package explore

import (
	"context"
	"fmt"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// process is one run of the daemon, as far as one key goes. It follows the
// rules of package keys to the letter: what is durable comes from the store, all
// else is forgotten when it dies.
type process struct {
	store     *store.Store
	lock      time.Time     // local, when it took the daemon's lock
	began     time.Duration // of the machine's awake time
	noted     []string
	loaded    bool
	fails     int // to read the record
	tries     int // in a row, while store or network are away
	surprises int // how often the store held something else, and it began afresh

	r       rotation.Record
	m       rotation.Memory
	clock   rotation.Clock
	handed  []promise
	stop    time.Time // until then it tries to store a created version before it stops; zero: it goes on
	repeats string    // what the action under way is one of many of
}

var ctx = context.Background()

// start begins a process.
func (w *World) start() {
	w.lives++
	w.p = &process{
		store: store.New(items{w}, store.Identity{Machine: "machine", Instance: fmt.Sprintf("run%d", w.lives)}),
		lock:  w.local(), began: w.awake, noted: w.notes[:len(w.notes):len(w.notes)],
	}
	w.judge.begin()
	w.forgetLeases()
	w.say("a process begins")
	w.verdict()
}

// die ends the process; with the machine, which is up again some minutes later.
func (w *World) die(power bool) {
	w.say("the process dies")
	k := &w.keychain
	clear(k.lies)
	k.history, k.odd = 0, false
	w.p = nil
	w.touched = true
	if power {
		k.lose()
		w.verdict()
		w.sleep(5 * time.Minute)
		w.awake = 0
	}
	w.verdict()
}

// clockNow is the time with all that only this process knows.
func (w *World) clockNow() rotation.Now {
	p := w.p
	at := w.instant()
	n := rotation.Now{Local: at.Wall, Awake: at.Awake, LockTaken: p.lock, Noted: p.noted, Unsettled: p.store.Unsettled(keyName)}
	n.Offset, n.Known, n.Measured = p.clock.At(at)
	if p.r.Previous != nil {
		for _, h := range p.handed {
			if h.id == p.r.Previous.ID {
				n.HandedOut = h.until
			}
		}
	}
	return n
}

func (w *World) instant() rotation.Instant {
	return rotation.Instant{Wall: w.local(), Awake: w.awake - w.p.began}
}

// decide asks the machine, twice: it must be a function.
func (w *World) decide() rotation.Action {
	p := w.p
	n := w.clockNow()
	a := rotation.Decide(p.r, p.m, w.settings, n)
	if w.steps%8 != 0 {
		// seldom, for the speed of the search
	} else if b := rotation.Decide(p.r, p.m, w.settings, n); a.Do != b.Do || a.Why != b.Why || !a.Until.Equal(b.Until) || a.Target != b.Target || a.Signer.ID != b.Signer.ID || a.Record.Phase != b.Record.Phase {
		w.broken("Decide is no function: %s, then %s", a.Do, b.Do)
	}
	if a.Do == rotation.Wait && !a.Until.IsZero() && !a.Until.After(n.Local) {
		w.broken("it waits for a time that is over (%s)", a.Why)
	}
	return a
}

// step is one action, or one half of a wait.
func (w *World) step() {
	p := w.p
	w.steps++
	if !p.loaded {
		p.repeats = ""
		w.open()
		return
	}
	a := w.decide()
	if !p.stop.IsZero() {
		w.stopped()
	}
	if a.Do != rotation.Wait {
		w.perform(a)
		return
	}
	d := time.Hour
	if !a.Until.IsZero() {
		d = a.Until.Sub(w.local())
	}
	if w.told() {
		w.say("%s waits %s (%s)", describe(p.r), d.Round(time.Millisecond), a.Why)
	}
	if !p.stop.IsZero() {
		w.pass(min(d, 250*time.Millisecond))
		return
	}
	if a.Why == rotation.ForRetry && (w.now.Before(w.keychain.locked) || w.now.Before(w.cloud.offline)) {
		if p.tries++; p.tries > 40 { // a timer may be late; the search is faster for it
			d = max(d, w.scenario.away/50)
		}
	} else {
		p.tries = 0
	}
	half := d / 2
	w.pass(half)
	w.point()
	if !p.stop.IsZero() {
		return
	}
	if b := w.decide(); b.Do == rotation.Wait { // else something has changed meanwhile
		d -= half
		if !b.Until.IsZero() && p.tries <= 40 {
			d = min(d, b.Until.Sub(w.local()))
		}
		w.pass(d)
	}
}

// stopped carries out a stop, unless a created version must be stored first.
func (w *World) stopped() {
	p := w.p
	switch {
	case p.m.Created == nil:
		panic(died{})
	case p.m.Fails > 0 && w.now.After(p.stop):
		id := p.m.Created.ID
		w.say("it cannot be stored: %s is deleted again", rotation.Short(id))
		w.judge.undone = id
		by := p.r.Current
		if w.settings.Admin != nil {
			by = *w.settings.Admin
		}
		w.request(AskDelete, rotation.Action{Do: rotation.Delete, Signer: by, Target: id}, p.r.User.Name())
		panic(died{})
	}
}

// perform does one action and folds its outcome into the memory.
func (w *World) perform(a rotation.Action) {
	p := w.p
	w.judge.busy(w, a)
	p.repeats = repeats(p.r, a)
	if w.told() {
		w.say("%s: %s", describe(p.r), act(a))
	}
	var o rotation.Outcome
	switch a.Do {
	case rotation.Save:
		if w.save(a, false) == nil {
			return
		}
		o = rotation.Outcome{Result: rotation.Failed, Text: "not saved"}
	case rotation.Reload:
		o = w.reload()
	case rotation.Note:
		o = rotation.Outcome{Result: rotation.OK}
		w.note(a.Target)
	default:
		w.judgeSend(a)
		sent := w.instant()
		o = w.ask(a)
		p.clock.Measure(o.Date, sent, w.instant())
		w.judgeAnswer(a, o)
		if w.told() {
			w.say("aws: %s %s", o.Result, rowsText(o))
		}
	}
	w.observe(a, o)
}

func (w *World) observe(a rotation.Action, o rotation.Outcome) {
	p := w.p
	barrier := p.m.Barrier
	p.m = rotation.Observe(p.r, p.m, a, o, w.settings, w.clockNow())
	if p.m.Barrier == nil {
		p.m.Barrier = barrier
	}
}

// ask performs a call to AWS; a round is several.
func (w *World) ask(a rotation.Action) rotation.Outcome {
	if w.settings.Endpoint != w.p.r.Endpoint {
		w.broken("%s is sent to another AWS than the key was added through", a.Do)
	}
	user := w.p.r.User.Name()
	switch a.Do {
	case rotation.Prove, rotation.Check:
		return w.round(a, user)
	case rotation.List:
		return w.request(AskList, a, user)
	case rotation.Witness:
		return w.request(AskWitness, a, user)
	case rotation.Look:
		return w.request(AskLook, a, user)
	case rotation.Create:
		return w.request(AskCreate, a, user)
	case rotation.Deactivate:
		return w.request(AskDeactivate, a, user)
	case rotation.Activate:
		return w.request(AskActivate, a, user)
	case rotation.Delete:
		return w.request(AskDelete, a, user)
	}
	w.broken("an action that nobody knows: %s", a.Do)
	return rotation.Outcome{}
}

// round asks the services of a round in turn. A refusal by policy at IAM is a
// success here: the key authenticated.
func (w *World) round(a rotation.Action, user string) rotation.Outcome {
	var o rotation.Outcome
	who := ""
	for _, s := range a.At {
		e := AskIAM
		if s == rotation.STS {
			e = AskSTS
		}
		o = w.request(e, a, user)
		if e == AskSTS && o.Result == rotation.OK {
			who = o.ARN
		}
		if e == AskIAM && (o.Result == rotation.Denied || o.Result == rotation.Missing && who != "" && who != w.p.r.User.ARN) {
			o.Result, o.Text = rotation.OK, ""
		}
		if o.Result != rotation.OK {
			return o
		}
		w.judgeRound(a, e)
	}
	o.ARN = who
	return o
}

// note writes an id to the state folder. The process knows it in any case.
func (w *World) note(id string) {
	kind := w.effect(NoteID)
	w.judgeText(id)
	w.p.noted = append(w.p.noted, id)
	if kind == Late {
		w.pass(w.scenario.slow)
	}
	if kind != Before {
		w.notes = append(w.notes[:len(w.notes):len(w.notes)], id)
	}
	w.after(kind)
}

// repeats names what an action is one of many of: while a phase lasts the
// current version is proved each hour, uses are looked for, hours are counted.
func repeats(r rotation.Record, a rotation.Action) string {
	switch {
	case a.Do == rotation.Check, a.Do == rotation.Look && a.Watch:
		return string(r.Phase) + " " + string(a.Do)
	case a.Do == rotation.Save && a.Record.Phase == rotation.Monitoring && r.Phase == rotation.Monitoring && a.Record.Awake != r.Awake:
		return "awake"
	default:
		return ""
	}
}

func describe(r rotation.Record) string {
	s := string(r.Phase)
	if r.Phase == rotation.Held {
		s += " (" + string(r.Hold.Code) + " in " + string(r.Hold.Phase) + ")"
	}
	if r.Paused {
		s += ", paused"
	}
	return s
}

func act(a rotation.Action) string {
	s := string(a.Do)
	if a.Do == rotation.Save {
		s += " " + describe(a.Record)
	}
	if a.Signer.ID != "" {
		s += " by " + rotation.Short(a.Signer.ID)
	}
	if a.Target != "" {
		s += " on " + rotation.Short(a.Target)
	}
	return s
}

func rowsText(o rotation.Outcome) string {
	s := ""
	for _, k := range o.Keys {
		st := "inactive"
		if k.Active {
			st = "active"
		}
		s += rotation.Short(k.ID) + " " + st + "; "
	}
	if !o.Used.IsZero() {
		s += "used " + o.Used.Format(time.DateTime)
	}
	return s
}
