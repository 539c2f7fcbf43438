package rotation

import (
	"slices"
	"time"
)

// keep stores a version that CreateAccessKey just told: nobody else knows its
// secret, and AWS never tells it again.
func keep(r Record, m Memory, n Now) Action {
	if !m.Noted {
		return Action{Do: Note, Target: m.Created.ID}
	}
	next := enter(r, Proving, n)
	next.Intent, next.Next = nil, copied(m.Created)
	return Action{Do: Save, Record: next, Events: []Event{{"created", m.Created.ID, "a new access key is in the store: " + Short(m.Created.ID)}}}
}

// decideCreating sends CreateAccessKey once, and finds out what became of it.
//
// IAM has no idempotency token for it: a second request after a lost answer
// would make a second key, whose secret nobody knows, and fill the limit of two
// (API_CreateAccessKey). So the request is sent only by the process that wrote
// the intent and knows that it has not been sent; every other process, and this
// one after anything but a clear answer, looks in IAM for an orphan.
func decideCreating(r Record, m Memory, s Settings, n Now, w waits) Action {
	switch {
	case r.Victim != nil:
		return decideOrphan(r, m, s, n, w)
	case m.Answer != nil && m.AnswerTo != Create:
		return refused(r, *m.Answer, n)
	case m.Answer != nil:
		next := enter(r, Steady, n)
		next.Intent = nil
		if m.Answer.Result == Denied || m.Answer.Result == Missing {
			return refused(next, *m.Answer, n)
		}
		next.NotBefore = n.AWS().Add(backoff(r.Current.ID, m.Tries, w.retry, w.retryMost))
		return Action{Do: Save, Record: next, Events: []Event{{"not-created", "", "AWS made no new access key: " + m.Answer.Text}}}
	case m.Unsent && !n.Known:
		return list(r, m, s) // the clock was set since: how old is the intent?
	case m.Unsent && n.AWS().Sub(r.Intent.At).Abs() > w.intentStale:
		next := enter(r, Steady, n) // nothing was sent: begin anew
		next.Intent = nil
		next.NotBefore = n.AWS().Add(12 * w.retry) // but not in a circle, where the store is slow
		return Action{Do: Save, Record: next}
	case m.Unsent:
		return Action{Do: Create, Signer: s.by(r.Current)}
	case n.AWS().Before(r.NotBefore): // a person said wait
		return Action{Do: Wait, Until: n.local(r.NotBefore), Why: ForPerson}
	case m.Listed == nil:
		return list(r, m, s)
	}

	// The request may have been executed: find out what became of it.
	unknown := strangers(m.Listed.Keys, r)
	switch i := slices.IndexFunc(unknown, func(k KeyInfo) bool { return n.made(k.ID) }); {
	case i >= 0:
		return orphan(r, unknown[i], n)
	case len(unknown) == 0 && m.cleared(r, w):
		next := enter(r, Steady, n)
		next.Intent = nil
		return Action{Do: Save, Record: next, Events: []Event{{"no-orphan", "", "the interrupted request made no access key"}}}
	case len(unknown) == 0:
		return list(r, m, s)
	case len(unknown) == 1 && dated(unknown[0], r, w):
		return orphan(r, unknown[0], n)
	default:
		return hold(r, n, SecondKey, unknown[0].ID, "")
	}
}

// dated reports whether an unknown key was created between the intent and its
// request's time limit, and so by our own lost request.
func dated(k KeyInfo, r Record, w waits) bool {
	return !k.Created.Before(r.Intent.At) && !k.Created.After(r.Intent.At.Add(w.createWindow))
}

// orphan names a key of ours whose secret is lost. It stays Active for a
// while, in case the rule was wrong and somebody uses it.
func orphan(r Record, k KeyInfo, n Now) Action {
	next := enter(r, Creating, n)
	if next.Intent == nil {
		next.Intent = &Intent{At: k.Created, Seen: []string{r.Current.ID}}
	}
	next.Victim = &Victim{ID: k.ID, Why: Orphaned, Since: n.AWS()}
	if k.Created.After(next.Victim.Since) {
		next.Victim.Since = k.Created // by AWS's own word; our clock may be slow, and not be known to be yet
	}
	return Action{Do: Save, Record: next, Events: []Event{{"orphan", k.ID, "an access key of ours, whose secret was lost, will be ended: " + Short(k.ID)}}}
}

// decideOrphan ends a key of ours whose secret is lost: it stays Active for a
// day, so that a wrong guess harms nobody, and any use of it is a person's
// business. After that it goes the way of every victim.
func decideOrphan(r Record, m Memory, s Settings, n Now, w waits) Action {
	if r.Victim.Decided {
		return deactivate(r, m, s, n)
	}
	if r.Leaked && n.made(r.Victim.ID) {
		return decided(r) // certainly ours, and its place is needed now
	}
	if a, wait := clock(r, s, n); wait {
		return a
	}
	gate := n.local(r.Victim.Since.Add(w.orphanWait))
	if n.Local.Before(gate) {
		return Action{Do: Wait, Until: gate, Why: ForGrace}
	}
	patient := n.local(r.Victim.Since.Add(max(w.orphanWait, s.ImportedGrace)))
	if a, wait := evidence(r, m, s, n, gate, patient, r.Victim.Since, true); wait {
		return a
	}
	switch e := m.Evidence; {
	case e.Used.After(r.Excused):
		return hold(r, n, OrphanUsed, r.Victim.ID, e.Where)
	case e.Result == OK || n.made(r.Victim.ID):
		return decided(r)
	case m.Answer != nil:
		return refused(r, *m.Answer, n)
	case !m.recent(n):
		return list(r, m, s)
	case find(m.Listed.Keys, r.Victim.ID) == nil:
		return Action{Do: Save, Record: enter(r, Deleting, n)} // somebody else ended it; Lists must confirm it
	default: // ours by its date alone, and nobody tells whether it was used
		return hold(r, n, AccessDenied, r.Victim.ID, e.Text)
	}
}

// decideProving tries the next version until it works everywhere, as far as that
// can be known: AWS gives no bound for propagation, one success proves one
// replica, and a key that STS knows IAM may still refuse (IAM user guide,
// eventual consistency; rhyeal/aws-rotate-iam-keys#81). The switch that follows
// is one write; leases of the old version are counted from its time.
func decideProving(r Record, m Memory, s Settings, n Now, w waits) Action {
	switch {
	case r.Back != nil:
		return decideBack(r, m, s, n, w)
	case m.NewARN != "" && r.unborn(): // no version in use tells it
		return adoptName(r, m)
	case m.proved(s) && r.unborn():
		next := enter(r, Steady, n)
		next.Current, next.Next, next.With = *r.Next, nil, ""
		next.CountFrom, next.Asked, next.GaveUp, next.NotBefore = n.AWS(), false, 0, time.Time{}
		return Action{Do: Save, Record: next, Events: []Event{{"made", next.Current.ID, Short(next.Current.ID) + " works and is handed out from now on"}}}
	case m.proved(s):
		next := switched(r, s, n)
		next.Asked, next.GaveUp, next.NotBefore = false, 0, time.Time{}
		return Action{Do: Save, Record: next, Events: []Event{{"switched", next.Current.ID, Short(next.Current.ID) + " works and is handed out from now on"}}}
	case m.RefusedFor >= w.giveUp:
		// Answered refusals only: a day without network says nothing of the key.
		a := Action{Do: Save, Record: giveUp(r, NeverProved, n)}
		a.Events = []Event{{"gave-up", r.Next.ID, "AWS goes on refusing the new access key " + Short(r.Next.ID) + "; it is deleted and the old one stays"}}
		return a
	default:
		return prove(*r.Next)
	}
}

// proved reports whether whole rounds succeeded often and long enough, in a row.
func (m Memory) proved(s Settings) bool { return m.Wins >= 3 && m.Last-m.First >= s.Prove }

// switched makes the next version current; the old one drains from now on.
func switched(r Record, s Settings, n Now) Record {
	next := enter(r, Draining, n)
	previous := r.Current
	next.Current, next.Next, next.Previous, next.Back = *r.Next, nil, &previous, nil
	// Up: leases are counted from here.
	next.Switched, next.Stopped = n.Local.UTC().Truncate(time.Millisecond).Add(time.Millisecond), time.Time{}
	return drain(next, s, n)
}

// drain begins the grace of the previous version, and the time to the next
// rotation. Its deadlines are fixed here: an edit counts from the next phase.
func drain(r Record, s Settings, n Now) Record {
	r.Victim = &Victim{ID: r.Previous.ID, Why: Rotated, Since: n.AWS()}
	if r.Leaked {
		r.Victim.Why = Leaked
	}
	grace := s.Grace
	if r.Previous.Imported {
		grace = s.ImportedGrace
	}
	r.CountFrom, r.Excused = n.AWS(), time.Time{}
	r.DeactivateAt, r.PatientAt = n.AWS().Add(grace), n.AWS().Add(max(grace, s.ImportedGrace))
	return r
}

// giveUp names the next version, which nobody was given, as the one to end.
func giveUp(r Record, why Why, n Now) Record {
	next := enter(r, Deleting, n)
	next.Victim = &Victim{ID: r.Next.ID, Why: why, Since: n.AWS()}
	return next
}

// round is the time between two rounds of proving.
func round(s Settings, w waits) time.Duration {
	return min(w.proveGap, max(s.Prove/4, 50*time.Millisecond))
}
