package explore

import (
	"slices"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

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
	if k := &w.keychain; !v.both && !k.landed && !k.lied[0] && !k.lied[1] {
		w.broken("%s is sent though one slot does not hold the record", a.Do)
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
	if (r.Phase != rotation.Creating || r.Intent == nil) && !w.keychain.lying() {
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
	// Clocks are compared by whole seconds. A write may take its time between the
	// decision, from which a grace counts, and the moment at which it is durable.
	const exact = 2 * time.Second
	since := func(t time.Time, least, slack time.Duration) bool { return w.now.Sub(t) >= least-slack }
	switch why := r.Victim.Why; {
	case a.Do == rotation.Deactivate && !r.Victim.Decided:
		w.broken("a deactivation that was not decided")
	case a.Do == rotation.Deactivate && why == rotation.Rotated:
		grace := s.Grace
		if !k.made {
			grace = s.ImportedGrace
		}
		switch served := w.p.lock.Add(r.MaxTTL + s.Settle); {
		case k.switched.IsZero() || !since(k.switched, grace, exact+2*w.scenario.slow):
			w.broken("deactivated %s after the switch, within the grace of %s", w.now.Sub(k.switched), grace)
		case w.local().Before(served):
			w.broken("deactivated %s before leases of an earlier process are over", served.Sub(w.local()))
		case !s.Loopback && !k.copied.IsZero() && !k.copied.After(k.switched) && !w.scenario.blind && w.blind.IsZero() && w.cloud.denied.IsZero():
			w.broken("deactivated although it is used elsewhere")
		}
	case a.Do == rotation.Deactivate && why == rotation.Orphaned && !(r.Leaked && slices.Contains(w.p.noted, k.id)) && !since(k.created, w.scenario.orphan, exact):
		w.broken("an orphan is touched %s after it was made", w.now.Sub(k.created))
	case a.Do == rotation.Delete && (why == rotation.Rotated || why == rotation.Orphaned) && !r.Leaked && !since(k.inactive, s.Monitor, exact):
		w.broken("deleted %s after it was made inactive", w.now.Sub(k.inactive))
	}
}

// judgeAnswer: a List ends the doubt, a dated answer makes the clock known, and
// what was read and proved before a call is good for that call alone, unless AWS
// only asked for patience.
func (w *World) judgeAnswer(a rotation.Action, o rotation.Outcome) {
	if (a.Do == rotation.Deactivate || a.Do == rotation.Delete) && o.Result != rotation.Throttled {
		w.judge.reloaded = 0
	}
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

// judgeEnding judges a key's end at the moment at which AWS carries it out. Leases
// are held against the clock as it was when the call was sent, wrong by skew: one
// that was set since, nobody could take into account.
func (w *World) judgeEnding(a rotation.Action, k *accessKey, to state, skew time.Duration) {
	w.judgeOwner(a, k)
	justNow := func(k *accessKey) bool { return k != nil && !k.hand.IsZero() && w.now.Sub(k.hand) < 2*time.Minute }
	undo := w.judge.undone == k.id
	if local := w.now.Add(skew); k.active() && k.until.After(local) && !k.leaked && !justNow(k) {
		w.broken("%s of %s while credentials of it are out for another %s", a.Do, rotation.Short(k.id), k.until.Sub(local))
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
