package explore

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// Violation is a promise that a life has broken.
type Violation struct {
	Schedule Schedule
	Text     string
}

func (v Violation) String() string { return v.Text + "\n    replay: " + v.Schedule.String() }

// judge is what the world remembers to tell whether the promises are kept. It
// takes the machine's word for nothing but what it asks for.
type judge struct {
	faults  int // so far
	events  int
	hostile bool // one of the faults was not harmless
	vain    bool // one of the events changed nothing

	held    rotation.Code // as the process was told; empty: it is not
	paused  bool
	sure    bool // and no write since may have ended it
	sent    bool // CreateAccessKey, for the intent that stands
	serving string
	doubt   bool          // the last write may have been lost, and IAM was not asked since
	slept   bool          // and AWS was not asked since
	skew    time.Duration // of the clock when AWS was last asked
	current string

	saved, reloaded      int // steps of the last write, and of the last time it was read again
	provedSTS, provedIAM int // of the last time the current version signed successfully
	provedAt             time.Time
	undone               string // the id that a stop deletes again
	wantsOld             bool   // a person asked for the old version to stay
	heldCodes            []rotation.Code
}

func (j judge) clone() judge {
	j.heldCodes = slices.Clone(j.heldCodes)
	return j
}

// begin forgets what only one process can have done.
func (j *judge) begin() {
	j.saved, j.reloaded, j.provedSTS, j.provedIAM = 0, 0, 0, 0
	j.slept = true
}

// broken ends the life.
func (w *World) broken(format string, args ...any) {
	v := Violation{Text: fmt.Sprintf(format, args...)}
	w.say("BROKEN: %s", v.Text)
	panic(over{v})
}

// busy bounds how much is done while no time goes by.
func (j *judge) busy(w *World, a rotation.Action) {
	if w.idle++; w.idle > 40 {
		w.broken("it spins: %d actions in a moment, the last is %s", w.idle, a.Do)
	}
	w.judgeText(a.Target)
	for _, e := range a.Events {
		w.judgeText(e.Name + e.ID + e.Text)
	}
}

// judgeText: a secret is nowhere but in the store.
func (w *World) judgeText(s string) {
	if strings.Contains(s, canary) {
		w.broken("a secret is in a text")
	}
}

// view is a record as a fresh process would read it.
type view struct {
	r   rotation.Record
	err error
}

func (w *World) view() *view {
	items := w.keychain.items
	sum := mix(mix(0, "a", items[keyName+".a"], nil), "b", items[keyName+".b"], nil)
	if v := w.record.views[sum]; v != nil {
		return v
	}
	v := &view{}
	rec, err := store.New(shelf(items), store.Identity{Machine: "machine", Instance: "judge"}).Load(ctx, keyName)
	if err == nil {
		v.r, err = rotation.Decode(rec.Payload)
	}
	if err == nil {
		again, encErr := rotation.Encode(v.r)
		if err = encErr; err == nil && !bytes.Equal(again, rec.Payload) {
			err = fmt.Errorf("it is not the same when it is written again")
		}
	}
	v.err = err
	if len(w.record.views) > 20000 {
		clear(w.record.views)
	}
	w.record.views[sum] = v
	return v
}

// verdict holds the world as it is now against what must be true at every
// instant, whatever process lives or dies.
func (w *World) verdict() {
	if !w.touched {
		return
	}
	w.touched = false
	v := w.view() // of a keychain that seems empty, too: it comes back

	if v.err != nil {
		w.broken("no process can read the record any more: %v", v.err)
	}
	r := v.r
	for _, ver := range []*rotation.Version{&r.Current, r.Next, r.Previous} {
		if ver != nil && ver.ID != "" {
			if k := w.cloud.key(ver.ID); k != nil && k.secret == ver.Secret.Reveal() {
				k.stored = true
			}
		}
	}
	if r.Current.ID == "" {
		return
	}
	if r.Current.ID != w.judge.current {
		if k := w.cloud.key(w.judge.current); k != nil && k.switched.IsZero() {
			k.switched = w.now
		}
		w.judge.current = r.Current.ID
	}
	k := w.cloud.key(r.Current.ID)
	switch {
	case k == nil || k.secret != r.Current.Secret.Reveal():
		w.broken("the store's current access key %s is none, or its secret is wrong", rotation.Short(r.Current.ID))
	case !k.active() && k.hand.IsZero():
		w.broken("the store's current access key %s does not work", rotation.Short(k.id))
	}
}

// judgeLoad: what was held or paused still is.
func (w *World) judgeLoad(r rotation.Record, certain bool) {
	j := &w.judge
	j.doubt = !certain
	if !certain || !j.sure || j.hostile {
		return
	}
	if j.held != "" && r.Phase != rotation.Held {
		w.broken("the hold %s is forgotten", j.held)
	}
	if j.paused && !r.Paused {
		w.broken("the pause is forgotten")
	}
}

// confirmed is a version that the process takes for current from now on.
func (w *World) confirmed(r rotation.Record) {
	if k := w.cloud.key(r.Current.ID); k != nil {
		if was := w.cloud.key(w.judge.serving); k.leaked && was != nil && was != k && was.active() && !w.judge.wantsOld {
			w.broken("access key %s is handed out again although it is known to others", rotation.Short(k.id))
		}
		k.switched, w.judge.serving = time.Time{}, k.id
	}
	if r.Phase != rotation.Creating {
		w.judge.sent = false
	}
	w.judge.held, w.judge.paused, w.judge.sure = "", r.Paused, true
	if r.Phase == rotation.Held {
		w.judge.held = r.Hold.Code
		if !slices.Contains(w.judge.heldCodes, r.Hold.Code) {
			w.judge.heldCodes = append(w.judge.heldCodes, r.Hold.Code)
		}
	}
}

// judgeSave holds a write against the table of ways and the gates.
func (w *World) judgeSave(was rotation.Record, a rotation.Action, person bool) {
	r := a.Record
	from, to := was.At(), r.At()
	w.judge.sure = false
	if from != to && !slices.ContainsFunc(rotation.Ways, func(y rotation.Way) bool { return y.From == from && y.To == to }) {
		w.broken("no way leads from %s to %s", from, to)
	}
	if r.Phase == rotation.Held {
		w.judgeText(r.Hold.Text() + r.Hold.About + r.Hold.ID)
		if len(r.Choices(*r.Hold)) == 0 {
			w.broken("the hold %s leaves a person nothing to choose", r.Hold.Code)
		}
	}
	decides := r.Victim != nil && r.Victim.Decided && (was.Victim == nil || !was.Victim.Decided)
	deletes := from == rotation.Monitoring && to == rotation.Deleting && r.Phase != rotation.Held
	if r.Victim != nil && r.Victim.Why == rotation.NeverProved && (was.Victim == nil || was.Victim.ID != r.Victim.ID) {
		if k := w.cloud.key(r.Victim.ID); !k.dud && k.hand.IsZero() && w.now.Sub(k.created) < 10*w.scenario.patience && w.everywhere(k) {
			w.broken("it gives up access key %s, which works", rotation.Short(k.id))
		}
	}
	if k := w.cloud.key(w.victimOf(r)); deletes && !person && !was.Leaked && k.hand.IsZero() && w.up-k.up < w.scenario.watch-time.Minute {
		w.broken("it goes on to delete after having been awake for %s", w.up-k.up)
	}
	if alarm := w.cloud.alarm; deletes && !person && !was.Leaked && !alarm.IsZero() && w.now.Sub(alarm) > w.scenario.alarm && w.blind.IsZero() && !w.scenario.blind && !w.now.Before(w.cloud.denied) {
		w.broken("it goes on to delete although alarms are on for %s", w.now.Sub(alarm))
	}
	if (decides || deletes) && !person && !was.Leaked {
		if w.judge.slept || w.judge.skew != w.skew {
			w.broken("it trusts a clock that has jumped")
		}
		if w.skew.Abs() > 5*time.Minute+5*time.Second {
			w.broken("a gate opens although this machine's clock is wrong by %s", w.skew)
		}
	}
}

func (w *World) victimOf(r rotation.Record) string {
	if r.Victim == nil {
		return ""
	}
	return r.Victim.ID
}

// judgeSaved takes note of a write that is done.
func (w *World) judgeSaved(was rotation.Record, a rotation.Action) {
	w.judge.saved = w.steps
	w.record.table.way(was.At(), a.Record.At())
}

// judgeSend holds a call that changes IAM against what must come before it.
func (w *World) judgeSend(a rotation.Action) {
	switch a.Do {
	case rotation.Create, rotation.Deactivate, rotation.Activate, rotation.Delete:
	default:
		return
	}
	j, p := &w.judge, w.p
	switch {
	case j.held != "":
		w.broken("%s is sent while it is held (%s)", a.Do, j.held)
	case j.paused:
		w.broken("%s is sent while it is paused", a.Do)
	case j.doubt:
		w.broken("%s is sent though the last write may have been lost", a.Do)
	case p.store.Unsettled(keyName):
		w.broken("%s is sent while the outcome of a write is unknown", a.Do)
	case w.unsynced():
		w.broken("%s is sent before the record is on disk", a.Do)
	}
	v := w.view()
	if w.now.Before(w.keychain.empty) {
		return // since it was read again
	}
	switch a.Do {
	case rotation.Create:
		w.judgeCreate(v.r)
	case rotation.Deactivate, rotation.Delete:
		w.judgeProof(a)
		w.judgeTime(a, v.r)
	}
}

func (w *World) unsynced() bool {
	for name := range w.keychain.unsynced {
		if strings.HasPrefix(name, keyName+".") {
			return true
		}
	}
	return false
}

// judgeCreate: one attempt per intent, and the intent is durable.
func (w *World) judgeCreate(r rotation.Record) {
	if r.Phase != rotation.Creating || r.Intent == nil {
		w.broken("CreateAccessKey is sent without a durable intent")
	}
	if w.judge.sent {
		w.broken("CreateAccessKey is sent a second time")
	}
	w.judge.sent = true
}

// judgeProof: read again, then proved at both services, just now.
func (w *World) judgeProof(a rotation.Action) {
	j := &w.judge
	switch {
	case j.reloaded < j.saved || j.reloaded == 0:
		w.broken("%s is sent without reading the record again", a.Do)
	case w.p.r.Current.ID == "": // nothing survives that could prove itself
	case j.provedSTS < j.reloaded || j.provedIAM < j.reloaded || w.now.Sub(j.provedAt) > 2*time.Minute:
		w.broken("%s is sent though the surviving version has not just proved itself at STS and IAM", a.Do)
	}
}

// judgeTime holds the end of a key against all that must be over.
// A call may take its time between the decision and the moment at which it counts.
func (w *World) judgeTime(a rotation.Action, r rotation.Record) {
	k := w.cloud.key(a.Target)
	if r.Victim == nil || r.Victim.ID != a.Target {
		w.broken("%s of %s, which the record does not name", a.Do, a.Target)
	}
	if k == nil || k.leaked || k.named != "" || !k.hand.IsZero() {
		return
	}
	s := w.settings
	since := func(t time.Time, least time.Duration) bool {
		return w.now.Sub(t) >= least-2*time.Second-2*w.scenario.slow
	}
	switch why := r.Victim.Why; {
	case a.Do == rotation.Deactivate && !r.Victim.Decided:
		w.broken("a deactivation that was not decided")
	case a.Do == rotation.Deactivate && why == rotation.Rotated:
		grace := s.Grace
		if !k.made {
			grace = s.ImportedGrace
		}
		switch served := w.p.lock.Add(r.MaxTTL + s.Settle); {
		case k.switched.IsZero() || !since(k.switched, grace):
			w.broken("deactivated %s after the switch, within the grace of %s", w.now.Sub(k.switched), grace)
		case w.local().Before(served):
			w.broken("deactivated %s before leases of an earlier process are over", served.Sub(w.local()))
		case !s.Loopback && !k.copied.IsZero() && !k.copied.After(k.switched) && !w.scenario.blind && w.blind.IsZero() && w.cloud.denied.IsZero():
			w.broken("deactivated although it is used elsewhere")
		}
	case a.Do == rotation.Deactivate && why == rotation.Orphaned && !(r.Leaked && slices.Contains(w.p.noted, k.id)) && !since(k.created, w.scenario.orphan):
		w.broken("an orphan is touched %s after it was made", w.now.Sub(k.created))
	case a.Do == rotation.Delete && (why == rotation.Rotated || why == rotation.Orphaned) && !r.Leaked && !since(k.inactive, s.Monitor):
		w.broken("deleted %s after it was made inactive", w.now.Sub(k.inactive))
	}
}

// judgeAnswer: a List ends the doubt, a dated answer makes the clock known.
func (w *World) judgeAnswer(a rotation.Action, o rotation.Outcome) {
	if a.Do == rotation.List && o.Result == rotation.OK {
		w.judge.doubt = false
	}
	if !o.Date.IsZero() {
		w.judge.slept, w.judge.skew = false, w.skew
	}
}

func (w *World) judgeRound(a rotation.Action, e Effect) {
	j := &w.judge
	if a.Signer.ID != w.p.r.Current.ID {
		return
	}
	j.provedAt = w.now
	if e == AskSTS {
		j.provedSTS = w.steps
	} else {
		j.provedIAM = w.steps
	}
}

// judgeOwner: only what is ours is changed.
func (w *World) judgeOwner(a rotation.Action, k *accessKey) {
	if !k.ours && k.named == "" {
		w.broken("%s of a stranger's access key %s", a.Do, k.id)
	}
}

// judgeEnding judges a key's end at the moment at which AWS carries it out.
func (w *World) judgeEnding(a rotation.Action, k *accessKey, to state) {
	w.judgeOwner(a, k)
	justNow := func(k *accessKey) bool { return k != nil && !k.hand.IsZero() && w.now.Sub(k.hand) < 2*time.Minute }
	undo := w.judge.undone == k.id
	if k.active() && k.until.After(w.local()) && !k.leaked && !justNow(k) {
		w.broken("%s of %s while credentials of it are out for another %s", a.Do, rotation.Short(k.id), k.until.Sub(w.local()))
	}
	if to == gone && k.active() && !justNow(k) && !undo && (!k.until.IsZero() || !k.stored) {
		w.broken("%s is deleted while Active", rotation.Short(k.id))
	}
	if w.now.Before(w.keychain.empty) {
		return
	}
	v := w.view()
	if v.err != nil || v.r.Current.ID == "" {
		return
	}
	current := w.cloud.key(v.r.Current.ID)
	if current == k {
		w.broken("%s of the current access key", a.Do)
	}
	if !current.active() && !justNow(current) && k.active() && k.stored {
		w.broken("%s of the last access key that works", a.Do)
	}
}
