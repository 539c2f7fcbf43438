package rotation

import "time"

// Observe folds the outcome of an action into the memory. After a Save that is
// done, r is the record that was written before; the caller then goes on with
// a.Record.
func Observe(r Record, m Memory, a Action, o Outcome, s Settings, n Now) Memory {
	w := s.waits()
	m = m.forward(n)
	m.Stuck = false
	switch a.Do {
	case Save:
		if o.Result != OK {
			m.Stuck = true
			return trouble(r, m.Aged(), o, w, n) // what is known will be too old when the store is back
		}
		was := m
		m = m.after(n)
		switch v := was.Created; {
		case v == nil:
		case a.Record.Next != nil && a.Record.Next.ID == v.ID:
			m.Tries = 0
		default: // a write about something else: the secret is still ours alone
			m.Created, m.Noted = v, was.Noted
		}
		m.Unsent = a.Record.Phase == Creating && r.Phase == Steady && a.Record.Victim == nil
		if a.Record.Phase == r.Phase { // a look is as good as before
			m.Evidence, m.EvidenceAt = was.Evidence, was.EvidenceAt
		}
		if a.Record.Current.ID != r.Current.ID { // proved a moment ago
			m.Dead, m.DeadText, m.CheckAt, m.Stopped = 0, "", n.Awake+w.check, n.AWS()
		}
		return m
	case Note:
		m.Noted = true // evidence only: a full disk must not keep the secret out of the store
		return m
	case Reload:
		if o.Result != OK {
			return trouble(r, m, o, w, n)
		}
		m.Fresh, m.FreshAt, m.Survivor = true, n.Local, false
		return m.calm()
	case Create:
		return observeCreate(r, m, o, n)
	case Prove:
		return observeProve(r, m, a, o, s, w, n)
	case Check:
		return observeCheck(r, m, o, w, n)
	case Witness:
		return observeWitness(r, m, o)
	}

	switch {
	case o.Result == OK && o.Date.IsZero():
		return trouble(r, m, Outcome{Text: "an answer came without a date; it cannot be AWS's"}, w, n)
	case o.Result == OK:
		m = m.calm()
	case o.Result == Denied || o.Result == Missing:
		if a.Do == Look || a.Do == Delete && o.Result == Missing {
			break // evidence that is not to be had; a deletion that a List must confirm
		}
		if r.Phase == Held {
			m.RetryAt = n.Local.Add(w.again / 24) // it only looks whether the reason is gone
			return m
		}
		m.Answer, m.AnswerTo = &o, a.Do
		return m.calm()
	default:
		return trouble(r, m, o, w, n)
	}
	switch a.Do {
	case List:
		return observeList(r, m, o, w, n)
	case Look:
		m.Evidence, m.EvidenceAt = &o, n.Local
	case Deactivate:
		m.Answer, m.AnswerTo = &o, a.Do
	case Activate:
		m.Activated, m.Shown = true, false
	case Delete:
		m = m.anew()
		m.Gone, m.GoneAt = true, n.Awake
	}
	return m
}

// observeCreate tells a clear no from silence: only after a clear no nothing
// can have been made. The Lists before it say nothing of what it made.
func observeCreate(r Record, m Memory, o Outcome, n Now) Memory {
	m.Clear = 0
	m.Unsent = false
	switch o.Result {
	case OK:
		m.Created = copied(&o.Version)
	case Ambiguous:
		m.RetryText = o.Text
	default:
		m.Tries++
		m.Answer, m.AnswerTo = &o, Create
	}
	return m
}

// observeProve counts the rounds of a next version, and takes one of the current
// version as proof that it survives, if the record was read again before.
func observeProve(r Record, m Memory, a Action, o Outcome, s Settings, w waits, n Now) Memory {
	good := o.Result == OK && o.ARN == r.User.ARN
	if a.Signer.ID == r.Current.ID { // the surviving version, or the clock
		if !good || o.Date.IsZero() {
			if o.Result == OK {
				o.Text = "the access key belongs to " + o.ARN + " and not to " + r.User.ARN
			}
			return trouble(r, m, o, w, n)
		}
		m.Survivor = m.Fresh
		return m.calm()
	}
	gap := round(s, w)
	switch {
	case good:
		if m.Wins == 0 {
			m.First = n.Awake
		}
		m.Wins, m.Last = m.Wins+1, n.Awake
		m = m.calm()
	case o.Result == OK && r.User.renamed(o.ARN) && r.unborn():
		m.Wins, m.NewARN = 0, o.ARN
	case o.Result == OK && r.User.renamed(o.ARN):
		m.Wins, m.CheckAt = 0, n.Awake // the user has another name: a check by the current version takes it in
		m.RetryText = "the IAM user is now " + o.ARN
	case o.Result == OK || o.Result == Refused:
		m.Wins = 0 // in a row: another replica may not know the key yet
		if since := n.Local.Sub(m.LastRefused); !m.LastRefused.IsZero() && since > 0 {
			m.RefusedFor += min(since, 2*gap) // a sleep between two refusals is not ten minutes of them
		}
		m.LastRefused = n.Local
		m.RetryText = o.Text
	default:
		if o.Result != Throttled { // which says nothing of the key
			m.Wins = 0
		}
		return trouble(r, m, o, w, n)
	}
	if m.Wins < 3 || m.Last-m.First < s.Prove {
		m.RetryAt = n.Local.Add(gap)
	}
	return m
}

// observeList keeps a List that can be acted on, and counts those that agree.
func observeList(r Record, m Memory, o Outcome, w waits, n Now) Memory {
	if !usable(r, o.Keys) {
		m.Listed, m.Clear = nil, 0
		return trouble(r, m, Outcome{Text: "AWS does not list the current access key " + Short(r.Current.ID) + " as active, or still lists an old one"}, w, n)
	}
	m.Loose = m.Loose || m.Doubt
	m.Listed, m.ListedAt, m.ListedAwake, m.Doubt = &o, n.Local, n.Awake, false
	clear := false
	switch {
	case r.Phase == Held:
		if len(strangers(o.Keys, r)) > 0 {
			m.Listed, m.RetryAt = nil, n.Local.Add(w.again/24)
		}
		return m
	case r.Back != nil:
		row := find(o.Keys, r.Next.ID)
		clear = row == nil
		m.Shown = row != nil && row.Active && !r.Back.pending(n, w)
		if row != nil && !row.Active { // once more
			m.Activated, m.RetryAt = false, n.Local.Add(min(w.listGap/5, 5*time.Second))
		}
	case r.Phase == Creating && r.Victim == nil:
		clear = len(strangers(o.Keys, r)) == 0
	case r.Phase == Deleting:
		row := find(o.Keys, r.Victim.ID)
		clear = row == nil
		switch {
		case row == nil || !row.Active:
			m.Showing = false
		case !m.Showing:
			m.Showing, m.ShowingFrom = true, n.Awake
		}
		if row != nil && (row.Active && !r.Victim.unused() || m.Gone) {
			m.RetryAt = n.Local.Add(min(w.listGap/5, 5*time.Second)) // look again: it may come from the past
		}
	default:
		return m
	}
	if !clear {
		m.Clear = 0
		return m
	}
	if m.Clear == 0 {
		m.ClearFrom = n.Awake
	}
	m.Clear++
	if !m.Gone && !m.cleared(r, w) {
		m.RetryAt = n.Local.Add(w.listGap)
	}
	return m
}

// cleared reports whether enough Lists, over enough time, have not shown what
// was looked for: one alone may come from the past.
func (m Memory) cleared(r Record, w waits) bool {
	span := w.stale
	if r.Phase == Creating {
		span = 2 * w.listGap
	}
	return m.Clear >= 3 && m.ListedAwake-m.ClearFrom >= span
}

// trouble makes the next try wait, longer each time; a secret that is not
// stored yet never waits long. Earlier trouble counts until a record is written,
// or none has come for a while: a List that succeeds while the store is away is
// no reason to hurry.
func trouble(r Record, m Memory, o Outcome, w waits, n Now) Memory {
	if n.Awake-m.FailedAt > 2*w.retryMost {
		m.Fails = 0
	}
	m.Fails, m.FailedAt = m.Fails+1, n.Awake
	most := w.retryMost
	if m.Created != nil {
		most = min(most, 10*time.Second)
	}
	m.RetryAt = n.Local.Add(backoff(r.Current.ID, m.Fails, w.retry, most))
	m.RetryText = o.Text
	// What was read and proved for a change of IAM does not outlive a minute, or
	// anything but a plea for patience: the world may be another one.
	if o.Result != Throttled || m.RetryAt.Sub(n.Local) > time.Minute {
		m = m.anew()
	}
	return m
}

// anew forgets what was read and proved for a change of IAM.
func (m Memory) anew() Memory {
	m.Listed, m.Fresh, m.Survivor = nil, false, false
	return m
}

// forward drops times that lie ahead: the local clock was set back, and what
// was counted from them would never end.
func (m Memory) forward(n Now) Memory {
	for _, t := range []*time.Time{&m.EvidenceAt, &m.LastRefused} {
		if t.After(n.Local) {
			*t = time.Time{}
		}
	}
	return m
}

// calm ends the waiting for another try.
func (m Memory) calm() Memory {
	m.RetryAt, m.RetryText = time.Time{}, ""
	return m
}
