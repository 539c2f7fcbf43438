package explore

import (
	"bytes"
	"slices"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// judgeLoad: what was held or paused still is.
func (w *World) judgeLoad(r rotation.Record, certain bool) {
	j := &w.judge
	j.doubt = !certain
	was := j.sure
	// A write that was never confirmed may still be undone, but not once it was
	// read, and nothing is on its way that could do it.
	j.sure = certain || !w.unsynced() && len(w.keychain.late) == 0
	if !certain || !was || j.hostile || j.taken {
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
	w.verdict()
	if k := w.cloud.key(r.Current.ID); k != nil {
		if was := w.cloud.key(w.judge.serving); k.told && was != nil && was != k && was.active() && !w.judge.wantsOld {
			w.broken("access key %s is handed out again although it is known to others", rotation.Short(k.id))
		}
		k.switched, w.judge.serving = time.Time{}, k.id
		if w.judge.current != k.id { // and a late write has taken its place already
			k.switched = w.now
		}
	}
	if r.Phase != rotation.Creating {
		w.judge.sent = false
	}
	w.judge.held, w.judge.paused = "", r.Paused
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
	w.judgeForgets(was, r)
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

// judgeForgets: what the record no longer names is gone from IAM, and no key of
// ours is there that it never named.
func (w *World) judgeForgets(was, r rotation.Record) {
	if k := w.cloud.key(w.victimOf(was)); was.At() == rotation.Deleting && r.At() == rotation.Steady && k.there() && k.hand.IsZero() {
		w.broken("access key %s is taken for deleted, and it is not", rotation.Short(k.id))
	}
	if was.At() != rotation.Creating || r.At() != rotation.Steady || was.Intent == nil || w.judge.hostile || w.keychain.stray {
		return
	}
	for i := range w.cloud.keys {
		k := &w.cloud.keys[i]
		if k.made && k.there() && k.hand.IsZero() && !slices.Contains(was.Intent.Seen, k.id) {
			w.broken("it concludes that no access key was made, and there is %s", rotation.Short(k.id))
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
func (w *World) judgeSaved(was, r rotation.Record, payload []byte) {
	w.judge.saved = w.steps
	w.record.table.way(was.At(), r.At())
	k, v := &w.keychain, w.view()
	switch {
	case w.judge.taken:
		w.broken("it writes over what another machine wrote")
	case w.unsynced():
		w.broken("a write is called done before it is on disk")
	case k.lied[0] || k.lied[1], k.liar && k.landed: // nobody could know: the numbers of slots rest on a lie
	case v.err != nil || !bytes.Equal(v.payload, payload):
		w.broken("a write is called done, and the store holds something else")
	case !v.both && !k.landed:
		w.broken("a write is called done, and one slot does not hold it")
	}
}
