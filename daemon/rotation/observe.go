package rotation

import "time"

// Observe folds the outcome of an action into the memory. After a Save that is
// done, r is the record that was written before; the caller then goes on with
// a.Record.
func Observe(r Record, m Memory, a Action, o Outcome, s Settings, n Now) Memory {
	w := s.waits()
	switch a.Do {
	case Save:
		if o.Result != OK {
			m.Listed, m.Fresh, m.Survivor = nil, false, false // too old by the time the store is back
			return trouble(r, m, o, w, n)
		}
		made := m.Created != nil
		m = m.after(n)
		if made {
			m.Tries = 0
		}
		m.Unsent = a.Record.Phase == Creating && r.Phase == Steady && a.Record.Victim == nil
		return m
	case Note:
		m.Noted = true // evidence only: a full disk must not keep the secret out of the store
		return m
	case Reload:
		if o.Result != OK {
			return trouble(r, m, o, w, n)
		}
		m.Fresh = true
		return m.calm()
	case Create:
		return observeCreate(r, m, o, n)
	case Prove:
		return observeProve(r, m, a, o, s, w, n)
	}

	switch o.Result {
	case OK:
		m = m.calm()
	case Denied, Missing:
		if a.Do == LastUsedOf || a.Do == Delete && o.Result == Missing {
			break // evidence that is not to be had; a deletion that a List must confirm
		}
		m.Answer, m.AnswerTo = &o, a.Do
		return m.calm()
	default:
		m.Fresh, m.Survivor = false, false
		return trouble(r, m, o, w, n)
	}
	switch a.Do {
	case List:
		return observeList(r, m, o, w, n)
	case LastUsedOf:
		m.Evidence, m.EvidenceAt = &o, n.Local
	case Deactivate:
		m.Answer, m.AnswerTo = &o, a.Do
	case Delete:
		m.GoneAt, m.Listed = n.Local, nil
	}
	return m
}

// observeCreate tells a clear no from silence: only after a clear no nothing
// can have been made.
func observeCreate(r Record, m Memory, o Outcome, n Now) Memory {
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

func observeProve(r Record, m Memory, a Action, o Outcome, s Settings, w waits, n Now) Memory {
	good := o.Result == OK && o.ARN == r.User.ARN
	if a.Signer.ID == r.Current.ID { // the surviving version, or the clock
		if !good {
			m.Fresh, m.Survivor = false, false
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
			m.First = n.Local
		}
		m.Wins, m.Last = m.Wins+1, n.Local
		m = m.calm()
	case o.Result == OK || o.Result == Refused:
		m.Wins = 0
		if since := n.Local.Sub(m.LastRefused); !m.LastRefused.IsZero() && since > 0 {
			m.RefusedFor += min(since, 2*gap) // a sleep between two refusals is not ten minutes of them
		}
		m.LastRefused = n.Local
		m.RetryText = o.Text
	default:
		m.Wins = 0
		return trouble(r, m, o, w, n)
	}
	if m.Wins < 3 || m.Last.Sub(m.First) < s.Prove {
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
	m.Listed, m.ListedAt, m.Doubt = &o, n.Local, false
	clear := false
	switch {
	case r.Phase == Held:
		if len(strangers(o.Keys, r)) > 0 {
			m.Listed, m.RetryAt = nil, n.Local.Add(w.again/24)
		}
		return m
	case r.Phase == Creating && r.Victim == nil:
		clear = len(strangers(o.Keys, r)) == 0
	case r.Phase == Deleting:
		row := find(o.Keys, r.Victim.ID)
		clear = row == nil
		switch {
		case row == nil || !row.Active:
			m.Showing = time.Time{}
		case m.Showing.IsZero():
			m.Showing = n.Local
		}
		if row != nil && (row.Active && r.Victim.Why != NeverProved || !m.GoneAt.IsZero()) {
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
		m.ClearFrom = n.Local
	}
	m.Clear++
	if r.Phase == Creating || m.GoneAt.IsZero() {
		m.RetryAt = n.Local.Add(w.listGap)
		if r.Phase == Creating && m.Clear >= 3 && m.ListedAt.Sub(m.ClearFrom) >= 2*w.listGap {
			m.RetryAt = time.Time{}
		}
	}
	return m
}

// trouble makes the next try wait, longer each time; a secret that is not
// stored yet never waits long.
func trouble(r Record, m Memory, o Outcome, w waits, n Now) Memory {
	m.Fails++
	most := w.retryMost
	if m.Created != nil {
		most = min(most, 10*time.Second)
	}
	m.RetryAt = n.Local.Add(backoff(r.Current.ID, m.Fails, w.retry, most))
	m.RetryText = o.Text
	return m
}

// calm forgets earlier trouble.
func (m Memory) calm() Memory {
	m.Fails, m.RetryAt, m.RetryText = 0, time.Time{}, ""
	return m
}
