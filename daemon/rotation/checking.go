package rotation

import (
	"cmp"
	"slices"
	"time"
)

// enough refused checks in a row are no accident of one replica.
const enough = 3

// meanwhile is what is done while a rotation, or the time between two, waits:
// the current version is proved once an hour. If AWS goes on refusing it while
// the previous one, still Active, sees in a List that it is not, the previous
// one is handed out again. There is no other second guess.
func meanwhile(r Record, m Memory, s Settings, n Now, w waits, a Action) Action {
	next := r.clone()
	switch {
	case m.Barrier != nil || m.Created != nil || n.Unsettled || r.unborn() || r.Endpoint != s.Endpoint:
		return a
	case a.Why == ForRetry && m.Stuck:
		return a // until the store is back, nothing new
	case m.NewARN != "":
		a := adoptName(r, m)
		if r.Phase == Held && slices.Contains([]Code{UserGone, AccessDenied, MFARequired}, r.Hold.Code) { // of the old name, perhaps
			a.Record = released(a.Record, n)
		}
		return a
	case m.Condemned:
		return replaceDead(r, s, n)
	case m.Dead >= enough && r.At() == Draining && n.Known && s.Admin == nil && !r.Excused.After(n.AWS()):
		// The previous version is about to sign: that is no use by a stranger.
		next.Excused = n.AWS().Add(time.Minute)
		return Action{Do: Save, Record: next}
	case m.Dead >= enough && r.At() == Draining && n.Known:
		return Action{Do: Witness, Signer: s.by(*r.Previous)}
	}
	at := m.CheckAt
	if at == 0 {
		at = jitter(r.Current.ID, w.check) // a thousand keys do not begin at once
	}
	if n.Awake >= at {
		return Action{Do: Check, Signer: r.Current, At: everywhere()}
	}
	if due := n.Local.Add(at - n.Awake); a.Until.IsZero() || due.Before(a.Until) {
		a.Until = due
	}
	return a
}

// adoptName takes the user's new name into the record.
func adoptName(r Record, m Memory) Action {
	next := r.clone()
	next.User.ARN = m.NewARN
	return Action{Do: Save, Record: next, Events: []Event{{"renamed", "", "the IAM user is now " + m.NewARN}}}
}

// observeCheck never delays anything else: without network, the next one tells.
func observeCheck(r Record, m Memory, o Outcome, w waits, n Now) Memory {
	m.CheckAt = n.Awake + w.check
	switch {
	case o.Result == OK && o.ARN == r.User.ARN:
		m.Dead, m.DeadText = 0, ""
	case o.Result == OK && r.User.renamed(o.ARN):
		m.NewARN = o.ARN
	case o.Result == OK || o.Result == Refused:
		if m.Dead = min(m.Dead+1, enough); m.Dead < enough {
			m.CheckAt = n.Awake + w.checkAgain
		} else {
			m.DeadText = cmp.Or(o.Text, "it is not accepted")
		}
	}
	return m
}

// observeWitness believes the previous version only if it is Active itself.
func observeWitness(r Record, m Memory, o Outcome) Memory {
	m.Dead = 0 // or the same would be asked at once; the next check begins anew
	if o.Result != OK {
		return m
	}
	current, previous := find(o.Keys, r.Current.ID), find(o.Keys, r.Previous.ID)
	m.Condemned = (current == nil || !current.Active) && previous != nil && previous.Active
	return m
}

// replaceDead hands the previous version out again, in place of one that
// somebody else has deactivated or deleted.
func replaceDead(r Record, s Settings, n Now) Action {
	next := enter(r, Draining, n)
	dead := r.Current
	next.Current, next.Previous = *r.Previous, &dead
	next.Switched, next.Stopped = n.Local.UTC().Truncate(time.Millisecond).Add(time.Millisecond), time.Time{}
	next = drain(next, s, n)
	next.DeactivateAt, next.PatientAt = time.Time{}, time.Time{}
	a := hold(next, n, CurrentDead, dead.ID, "")
	a.Events = append([]Event{{"current-dead", next.Current.ID, Short(next.Current.ID) + " is handed out again, since " + Short(dead.ID) + " is not active any more"}}, a.Events...)
	return a
}
