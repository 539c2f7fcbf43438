package rotation

import "time"

// clock keeps gates shut while this machine's clock and AWS's are not known to
// agree. The first answer of a process tells, and one every ten minutes while
// they do not: the clock may have been set right, or the measure been wrong.
func clock(r Record, s Settings, n Now) (Action, bool) {
	switch {
	case (!n.Known || n.doubtful() && n.Awake-n.Measured >= 10*time.Minute) && r.unborn():
		return Action{Do: List, Signer: s.by(r.Current)}, true
	case !n.Known || n.doubtful() && n.Awake-n.Measured >= 10*time.Minute:
		return prove(r.Current), true
	case n.doubtful():
		return Action{Do: Wait, Until: n.Local.Add(10 * time.Minute), Why: ForClock}, true
	default:
		return Action{}, false
	}
}

// evidence looks for uses of the victim since a time, not before gate. Where AWS
// cannot tell (or tells of no use at all, unless never is an answer), the
// patient time is waited out and AWS asked once more.
func evidence(r Record, m Memory, s Settings, n Now, gate, patient, since time.Time, never bool) (Action, bool) {
	look := Action{Do: Look, Signer: s.by(r.Current), Target: r.Victim.ID, Since: since}
	if m.Evidence == nil || m.EvidenceAt.Before(gate) {
		return look, true
	}
	if !m.Evidence.Used.IsZero() || m.Evidence.Result == OK && never {
		return Action{}, false
	}
	if n.Local.Before(patient) {
		return Action{Do: Wait, Until: patient, Why: ForEvidence}, true
	}
	if m.EvidenceAt.Before(patient) {
		return look, true
	}
	return Action{}, false
}

// decideDraining waits until nobody can be using the previous version any more:
// every lease of it is over and settled, the grace is over, and AWS has seen no
// later use. A use that our own clients cannot have made means that somebody
// holds a copy, and deactivating would break them: that is a person's decision.
func decideDraining(r Record, m Memory, s Settings, n Now, w waits) Action {
	if r.Leaked && !r.Victim.Decided {
		return decided(r) // a thief has it: no lease, grace or clock counts
	}
	if r.Leaked {
		return deactivate(r, m, s, n)
	}
	if r.Stopped.IsZero() {
		// The switch may have become durable without its process knowing: that one
		// went on handing out the old version until it died. We do not.
		next := r.clone()
		switch next.Stopped = m.Stopped; {
		case !m.Stopped.IsZero():
		case !n.Known:
			return prove(r.Current)
		default:
			next.Stopped = n.AWS()
		}
		return Action{Do: Save, Record: next}
	}
	served := r.ServedUntil(n.HandedOut, n.LockTaken)
	if ahead(r, s, n) {
		return hold(r, n, ClockDoubt, r.Victim.ID, served.UTC().Format(time.RFC3339))
	}
	if a, wait := clock(r, s, n); wait {
		return a
	}
	// Also when the decision is written down already: an earlier process may
	// have handed out leases that this one has never heard of.
	if gate := served.Add(s.Settle); n.Local.Before(gate) {
		return Action{Do: Wait, Until: gate, Why: ForLeases}
	}
	if r.Victim.Decided {
		return deactivate(r, m, s, n)
	}
	// Of our own clients none can have used it later. Not served: every start of
	// the daemon moves that on, and would excuse a stranger.
	last := r.Stopped.Add(r.MaxTTL)
	if lease := n.HandedOut.Add(n.Offset); lease.After(last) {
		last = lease
	}
	gate, why := served.Add(max(s.Settle, w.evidence)), ForEvidence
	if told := n.local(last.Add(2*grain + w.evidence)); w.evidence > 0 && told.After(gate) {
		gate = told // before that, a later use need not show
	}
	if end := n.local(r.DeactivateAt); end.After(gate) {
		gate, why = end, ForGrace
	}
	if n.Local.Before(gate) {
		return Action{Do: Wait, Until: gate, Why: why}
	}
	if a, wait := evidence(r, m, s, n, gate, n.local(r.PatientAt), last, false); wait {
		return a
	}
	if m.Evidence.Used.After(last.Add(grain)) && m.Evidence.Used.After(r.Excused) {
		return hold(r, n, UsedElsewhere, r.Victim.ID, m.Evidence.Where)
	}
	return decided(r)
}

// ahead reports whether leases would be out for longer than any was given: the
// local clock was set back.
func ahead(r Record, s Settings, n Now) bool {
	return r.ServedUntil(n.HandedOut, n.LockTaken).After(n.Local.Add(r.MaxTTL + s.Settle))
}

// decided writes down that the victim is to be deactivated, before it is.
func decided(r Record) Action {
	next := r.clone()
	next.Victim.Decided = true
	return Action{Do: Save, Record: next}
}

// deactivate carries the decision out: the record is read again, the surviving
// version proves itself once more, and only then the victim is made Inactive.
func deactivate(r Record, m Memory, s Settings, n Now) Action {
	switch {
	case m.Answer != nil && m.Answer.Result == OK:
		text := Short(r.Victim.ID) + " is inactive; it could still be made active again"
		if r.Leaked {
			text = Short(r.Victim.ID) + " is inactive"
		}
		return Action{Do: Save, Record: deactivated(r, s, n), Events: []Event{{"deactivated", r.Victim.ID, text}}}
	case m.Answer != nil && m.Answer.Result == Missing:
		next := enter(r, Deleting, n) // somebody was faster; a List must confirm it
		return Action{Do: Save, Record: next}
	case m.Answer != nil:
		return refused(r, *m.Answer, n)
	case !m.fresh(n):
		return Action{Do: Reload}
	case !m.Survivor && !r.unborn():
		return prove(r.Current)
	default:
		return Action{Do: Deactivate, Signer: s.by(r.Current), Target: r.Victim.ID}
	}
}

// deactivated is the record after the victim was made Inactive. Its deadlines are
// fixed here: an edit of the settings counts from the next phase.
func deactivated(r Record, s Settings, n Now) Record {
	next := enter(r, Monitoring, n)
	next.DeactivatedAt, next.DeleteAt, next.Awake = n.AWS(), n.AWS().Add(s.Monitor), 0
	next.Leaked = r.Leaked && r.Asked // else it was this one, and it is done
	return next
}

// decideMonitoring leaves the victim Inactive for as long as a mistake may take
// to show: one call makes it Active again, and nothing brings it back once it is
// deleted. Days in which the daemon slept do not count, since nobody could have
// complained to it.
func decideMonitoring(r Record, m Memory, s Settings, n Now, w waits) Action {
	if r.Leaked {
		return Action{Do: Save, Record: enter(r, Deleting, n), Events: []Event{{"making-room", r.Victim.ID, Short(r.Victim.ID) + " is deleted to make room"}}}
	}
	if a, wait := clock(r, s, n); wait {
		return a
	}
	awake := r.Awake + n.Awake - m.AwakeMark
	if awake < w.awake && n.Awake-m.AwakeMark >= time.Hour {
		next := r.clone()
		next.Awake = awake
		return Action{Do: Save, Record: next}
	}
	look := Action{Do: Look, Signer: s.by(r.Current), Target: r.Victim.ID, Since: r.DeactivatedAt, Watch: true}
	if m.Evidence == nil || n.Local.Sub(m.EvidenceAt) >= w.look {
		return look
	}
	if about, yes := missed(r, *m.Evidence); yes {
		return hold(r, n, AuthFailures, r.Victim.ID, about)
	}
	gate, until, why := n.local(r.DeleteAt), n.local(r.DeleteAt), ForMonitor
	if late := n.local(r.DeactivatedAt.Add(w.evidence)); late.After(gate) {
		gate, until = late, late
	}
	if left := w.awake - awake; left > 0 {
		// Not a point in time: the machine may sleep. Come back to count.
		until = n.Local.Add(min(left, time.Hour))
		if gate.Before(until) {
			why = ForAwake
		}
	} else if !n.Local.Before(gate) {
		if m.EvidenceAt.Before(gate) || n.Local.Sub(m.EvidenceAt) > time.Hour {
			return look
		}
		a := Action{Do: Save, Record: enter(r, Deleting, n)}
		if m.Evidence.Result != OK {
			a.Events = []Event{{"no-evidence", r.Victim.ID, "AWS does not tell whether " + Short(r.Victim.ID) + " was tried since; nobody has complained"}}
		}
		return a
	}
	if again := m.EvidenceAt.Add(w.look); again.Before(until) {
		until = again
	}
	return Action{Do: Wait, Until: until, Why: why}
}

// missed says what tells that somebody missed the victim.
func missed(r Record, e Outcome) (about string, yes bool) {
	switch {
	case e.Trouble != "":
		return e.Trouble, true
	case e.Used.After(r.DeactivatedAt.Add(grain)):
		return e.Where, true
	default:
		return "", false
	}
}

// decideDeleting deletes the victim and makes sure that it is gone.
//
// A List decides, never an error code: NoSuchEntity may speak of the user, and
// one List may come from the past. So both "still Active" and "not there" must
// be seen over a time in which every replica has caught up, unless this process
// had the deletion answered itself.
func decideDeleting(r Record, m Memory, s Settings, n Now, w waits) Action {
	look := list(r, m, s)
	switch {
	case m.Answer != nil:
		return refused(r, *m.Answer, n)
	case !m.recent(n):
		return look
	}
	row := find(m.Listed.Keys, r.Victim.ID)
	switch {
	case row == nil && (m.Gone || m.cleared(r, w)):
		return finished(r, n, w)
	case row == nil:
		return look
	case m.Gone && m.ListedAwake-m.GoneAt < w.stale:
		return look // shown from the past
	case r.Victim.Decided && r.DeactivatedAt.IsZero():
		// UpdateAccessKey did not find it, perhaps for want of the user's new name:
		// once no List can come from the past any more, it is deactivated after all.
		if until := r.Since.Add(w.stale); n.AWS().Before(until) {
			return Action{Do: Wait, Until: n.local(until), Why: ForCalls}
		}
		return Action{Do: Save, Record: again(enter(r, Deleting, n))}
	case row.Active && !r.Victim.unused():
		if m.ListedAwake-m.ShowingFrom >= w.stale {
			return hold(r, n, Reactivated, r.Victim.ID, "")
		}
		return look
	case !m.fresh(n):
		return Action{Do: Reload}
	case !m.Survivor && !r.unborn():
		return prove(r.Current)
	default:
		return Action{Do: Delete, Signer: s.by(r.Current), Target: r.Victim.ID}
	}
}

// finished is the way back to steady once the victim is gone from IAM.
func finished(r Record, n Now, w waits) Action {
	next := enter(r, Steady, n)
	next.ended(r.Victim.ID)
	next.Leaked = r.Leaked && r.Asked
	next.Previous, next.Next, next.Intent, next.Victim = nil, nil, nil, nil
	next.Switched, next.Stopped, next.DeactivateAt, next.PatientAt, next.DeactivatedAt, next.DeleteAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	next.Awake, next.Excused = 0, time.Time{}
	events := []Event{{"deleted", r.Victim.ID, Short(r.Victim.ID) + " is deleted"}}
	if r.Victim.Why == NeverProved {
		next.GaveUp++
		if next.GaveUp > len(w.gaveUp) {
			next.GaveUp = 0
			h := hold(next, n, NeverProves, "", "")
			h.Events = append(events, h.Events...)
			return h
		}
		next.NotBefore = n.AWS().Add(w.gaveUp[next.GaveUp-1])
	}
	return Action{Do: Save, Record: next, Events: events}
}
