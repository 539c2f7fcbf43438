package rotation

import "slices"

// Decide names the next action. The same arguments give the same action.
func Decide(r Record, m Memory, s Settings, n Now) Action {
	w := s.waits()
	a := decide(r, m, s, n, w)
	if a.Do == Wait {
		return meanwhile(r, m, s, n, w, a)
	}
	return a
}

func decide(r Record, m Memory, s Settings, n Now, w waits) Action {
	switch {
	case m.Barrier != nil:
		return Action{Do: Wait, Why: ForPerson}
	case n.Local.Before(m.RetryAt) && m.RetryAt.Sub(n.Local) < longest:
		return Action{Do: Wait, Until: m.RetryAt, Why: ForRetry}
	case m.Created != nil:
		return keep(r, m, n) // a secret that only we know goes first, whatever else is wrong
	case n.Unsettled:
		return Action{Do: Save, Record: r} // a write of unknown outcome stands: nothing else before a later one is known
	case s.TTL > r.MaxTTL:
		next := r.clone()
		next.MaxTTL = s.TTL
		return Action{Do: Save, Record: next}
	case r.Phase == Held:
		return decideHeld(r, m, s, n)
	case r.Endpoint != s.Endpoint:
		return hold(r, n, EndpointChanged, "", orAWS(r.Endpoint))
	case r.Paused:
		return Action{Do: Wait, Why: ForPerson}
	case m.Doubt && m.Answer != nil:
		return refused(r, *m.Answer, n)
	case m.Doubt:
		return list(r, m, s) // a usable List ends the doubt
	case m.Loose:
		return Action{Do: Save, Record: r} // on disk, before anything is changed on its word
	}
	switch r.Phase {
	case Steady:
		return decideSteady(r, m, s, n)
	case Creating:
		return decideCreating(r, m, s, n, w)
	case Proving:
		return decideProving(r, m, s, n, w)
	case Draining:
		return decideDraining(r, m, s, n, w)
	case Monitoring:
		return decideMonitoring(r, m, s, n, w)
	default:
		return decideDeleting(r, m, s, n, w)
	}
}

// by is who signs a call to IAM: the administrator's current version where the
// key is rotated with one, else v.
func (s Settings) by(v Version) Version {
	if s.Admin != nil {
		return *s.Admin
	}
	return v
}

// list asks what IAM has. Where there is another version to go on with, the
// current one may be what is broken: then each signs in turn.
func list(r Record, m Memory, s Settings) Action {
	signer := r.Current
	if r.Phase == Proving && m.Fails%2 == 1 {
		signer = *r.Next
	}
	return Action{Do: List, Signer: s.by(signer)}
}

// everywhere is one round: a key is proved by both, each on a new connection,
// since STS alone, or one replica, proves little.
func everywhere() []Service { return []Service{STS, IAM} }

// prove is one round signed by v itself, whoever rotates it.
func prove(v Version) Action { return Action{Do: Prove, Signer: v, At: everywhere()} }

func orAWS(endpoint string) string {
	if endpoint == "" {
		return "AWS itself"
	}
	return endpoint
}

// enter copies the record into a new phase.
func enter(r Record, p Phase, n Now) Record {
	next := r.clone()
	next.Phase, next.Since, next.Hold = p, n.AWS(), nil
	return next
}

// hold stops the rotation until a person, or the world, has changed something.
func hold(r Record, n Now, code Code, id, about string) Action {
	next := r.clone()
	next.Hold = &Hold{Code: code, Phase: r.At(), Since: n.AWS(), ID: id, About: Clip(about)}
	next.Phase = Held
	return Action{Do: Save, Record: next, Events: []Event{{"held", id, next.Hold.Text()}}}
}

// Clip keeps a hold's parameter small: the record has little room.
func Clip(s string) string {
	const most = 144
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

// decideSteady begins a rotation when it is due or asked for, and a fresh List
// shows no foreign second key.
func decideSteady(r Record, m Memory, s Settings, n Now) Action {
	start := r.NotBefore
	if !r.Asked {
		start = Due(r, s)
	}
	if n.AWS().Before(start) {
		return Action{Do: Wait, Until: n.local(start), Why: ForDue}
	}
	if m.Answer != nil {
		return refused(r, *m.Answer, n)
	}
	if !m.recent(n) {
		return list(r, m, s)
	}
	others := strangers(m.Listed.Keys, r)
	switch i := slices.IndexFunc(others, func(k KeyInfo) bool { return n.made(k.ID) }); {
	case i >= 0: // the write that named it was lost after its id was noted
		return orphan(r, others[i], n)
	case len(others) == 0, r.unborn() && len(others) == 1: // a user's other key is no business of the first one's
		next := enter(r, Creating, n)
		next.Intent = &Intent{At: whole(m.Listed.Date), Seen: ids(m.Listed.Keys)}
		return Action{Do: Save, Record: next, Events: []Event{{"began", r.Current.ID, "a new access key is to be made"}}}
	default:
		return hold(r, n, SecondKey, others[0].ID, "")
	}
}

// refused turns an answer that policy or a missing user gave into a hold.
func refused(r Record, o Outcome, n Now) Action {
	switch {
	case o.Result == Missing:
		return hold(r, n, UserGone, r.Current.ID, o.Text)
	case o.Explicit:
		return hold(r, n, MFARequired, r.Current.ID, o.Text)
	default:
		return hold(r, n, AccessDenied, r.Current.ID, o.Text)
	}
}

// usable reports whether a List can be acted on: one that does not show the
// current version Active, or still shows what we ended, comes from the past.
func usable(r Record, keys []KeyInfo) bool {
	current := find(keys, r.Current.ID)
	alive := current != nil && current.Active || r.unborn()
	if r.Phase == Proving { // somebody may have ended the current version: that is no news from the past
		next := find(keys, r.Next.ID)
		alive = alive || next != nil && (next.Active || r.Back != nil)
	}
	return alive && !slices.ContainsFunc(keys, func(k KeyInfo) bool { return slices.Contains(r.Ended, k.ID) })
}

// strangers are the rows that the record does not name.
func strangers(keys []KeyInfo, r Record) []KeyInfo {
	known := r.Ids()
	if r.Intent != nil {
		known = append(known, r.Intent.Seen...)
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k KeyInfo) bool { return slices.Contains(known, k.ID) })
}

func ids(keys []KeyInfo) []string {
	all := make([]string, 0, len(keys))
	for _, k := range keys {
		all = append(all, k.ID)
	}
	slices.Sort(all)
	return all
}

func find(keys []KeyInfo, id string) *KeyInfo {
	for _, k := range keys {
		if k.ID == id {
			return &k
		}
	}
	return nil
}
