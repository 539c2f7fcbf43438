package rotation

import (
	"fmt"
	"slices"
	"time"
)

// Rollback asks for the way back to the version that was handed out before. It
// begins with a durable intent; [decideBack] goes on. While a new version is
// only being proved there is nothing to go back to: it is left alone, and a
// person says what becomes of it.
func Rollback(r Record, s Settings, n Now) (Record, error) {
	held := r.Phase == Held
	switch at := r.At(); {
	case r.Paused:
		return r, &Refusal{Held: true, Text: "the rotation is paused"}
	case held && r.Hold.Code == RolledBack:
		return r, &Refusal{Held: true, Text: "it was rolled back already: " + r.Hold.Text()}
	case held && !slices.Contains(r.Choices(*r.Hold), "rollback"):
		return r, &Refusal{Held: true, Text: "the rotation is held: " + r.Hold.Text()}
	case held:
		return Resolve(r, "rollback", s, n)
	case r.Leaked || r.Victim != nil && r.Victim.Why == Leaked:
		return r, &Refusal{Text: "the earlier access key is known to others"}
	case r.Back != nil && r.Back.Forward:
		next := switched(r, s, n) // stop going forward: the older one is current, as it was
		next.Current, next.Previous, next.Switched, next.Stopped = r.Current, r.Next, r.Switched, r.Stopped
		next.Victim.ID = next.Previous.ID
		return rolledBack(next, n), nil
	case r.Back != nil:
		return r, &Refusal{Text: "it is already going back to access key " + Short(r.Next.ID)}
	case at == Proving && !r.unborn():
		return hold(r, n, RolledBack, r.Next.ID, "").Record, nil
	case (at == Draining || at == Monitoring) && r.restorable(r.Victim.ID):
		return back(r, n), nil
	case at == Deleting:
		return r, &Refusal{Text: fmt.Sprintf("access key %s is being deleted", Short(r.Victim.ID))}
	default:
		return r, &Refusal{Text: "there is no earlier access key to go back to"}
	}
}

// restorable reports whether the record holds the secret of a version that was
// current before, and that nobody else is known to have.
func (r Record) restorable(id string) bool {
	return r.Previous != nil && r.Previous.ID == id && (r.Victim == nil || r.Victim.Why != Leaked)
}

// back is the durable intent: the earlier version is to be proved and switched
// to, and the newer one is handed out meanwhile.
func back(r Record, n Now) Record {
	next := enter(r, Proving, n)
	next.Back = &Back{Since: n.AWS(), Sent: r.Phase != Draining || r.Victim.Decided}
	next.Next, next.Previous, next.Victim = r.Previous, nil, nil
	next.DeactivateAt, next.PatientAt, next.DeactivatedAt, next.DeleteAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	next.Awake, next.Excused = 0, time.Time{}
	return next
}

// decideBack returns to an earlier version: it is made Active, a deactivation
// that may still be on its way is waited out, a List must show it Active, and it
// is proved like any next version. Then one write switches.
func decideBack(r Record, m Memory, s Settings, n Now, w waits) Action {
	signer := r.Current
	if m.Fails%2 == 1 { // the current version may be what is broken
		signer = *r.Next
	}
	switch {
	case m.Answer != nil && m.AnswerTo == Activate && m.Answer.Result == Missing:
		return lost(r, s, n, m.Answer.Text)
	case m.Answer != nil:
		return refused(r, *m.Answer, n)
	case m.proved(s):
		next := switched(r, s, n)
		if r.Back.Forward {
			return Action{Do: Save, Record: next, Events: []Event{{"switched", next.Current.ID, Short(next.Current.ID) + " is handed out again from now on"}}}
		}
		next = rolledBack(next, n)
		return Action{Do: Save, Record: next, Events: []Event{
			{"rolled-back", next.Current.ID, Short(next.Current.ID) + " is handed out again from now on"},
			{"held", next.Hold.ID, next.Hold.Text()},
		}}
	case m.RefusedFor >= w.giveUp, m.cleared(r, w):
		return lost(r, s, n, m.RetryText)
	case !m.Activated && !m.fresh(n):
		return Action{Do: Reload}
	case !m.Activated:
		return Action{Do: Activate, Signer: s.by(signer), Target: r.Next.ID}
	case r.Back.pending(n, w):
		return Action{Do: Wait, Until: n.local(r.Back.Since.Add(w.inFlight)), Why: ForCalls}
	case !m.Shown:
		return list(r, m, s)
	default:
		return prove(*r.Next)
	}
}

// pending reports whether a deactivation sent before the rollback may yet be
// executed: what a List shows until then may not last.
func (b Back) pending(n Now, w waits) bool { return b.Sent && n.AWS().Before(b.Since.Add(w.inFlight)) }

// rolledBack holds a record that has just switched back: both versions stay
// Active, and no timer runs.
func rolledBack(r Record, n Now) Record {
	r.DeactivateAt, r.PatientAt = time.Time{}, time.Time{}
	return hold(r, n, RolledBack, r.Victim.ID, "").Record
}

// lost ends a rollback to a version that AWS has no more, or goes on refusing:
// the newer one stays, and a person must know.
func lost(r Record, s Settings, n Now, about string) Action {
	next := enter(r, Draining, n)
	next.Previous, next.Next, next.Back = r.Next, nil, nil
	return hold(drain(next, s, n), n, NeverProves, r.Next.ID, about)
}
