package rotation

import (
	"fmt"
	"slices"
	"strings"
)

// decideHeld waits for a person, or for the reason to go away by itself.
func decideHeld(r Record, m Memory, s Settings, n Now) Action {
	look := r.Hold.Since.Add(s.waits().again / 24) // not at once: the next List may be older than the one that said so
	switch {
	case r.Hold.Code == EndpointChanged && r.Endpoint == s.Endpoint:
		return Action{Do: Save, Record: released(r, n), Events: []Event{{"released", "", "the endpoint is again the one the key was added through"}}}
	case r.Hold.Code == ClockDoubt && r.At() == Draining && !ahead(r, s, n):
		return Action{Do: Save, Record: released(r, n), Events: []Event{{"released", "", "the clock is right again"}}}
	case r.Endpoint != s.Endpoint || r.Paused: // no call to an AWS that may be another one
		return Action{Do: Wait, Why: ForPerson}
	case r.Hold.Code == SecondKey && n.AWS().Before(look):
		return Action{Do: Wait, Until: n.local(look), Why: ForPerson}
	case r.Hold.Code == SecondKey && m.Listed == nil:
		return list(r, m, s)
	case r.Hold.Code == SecondKey && len(strangers(m.Listed.Keys, r)) == 0:
		return Action{Do: Save, Record: released(r, n), Events: []Event{{"released", r.Hold.ID, "the second access key is gone"}}}
	default:
		return Action{Do: Wait, Why: ForPerson}
	}
}

// released goes on where the hold began.
func released(r Record, n Now) Record { return enter(r, r.Hold.Phase, n) }

// BadChoice refuses a word that settles no such hold.
func BadChoice(choices []string, word string) error {
	return &Refusal{Choice: true, Text: fmt.Sprintf("%q is not a choice here; choose one of: %s", word, strings.Join(choices, ", "))}
}

// Resolve carries a person's choice into the record. The hold that counts is
// the record's own; holds that only the process knows are the runner's.
func Resolve(r Record, word string, s Settings, n Now) (Record, error) {
	if r.Phase != Held {
		return r, &Refusal{Choice: true, Text: "it is not held"}
	}
	h := *r.Hold
	if choices := r.Choices(h); !slices.Contains(choices, word) {
		return r, BadChoice(choices, word)
	}
	next := released(r, n)
	later := n.AWS().Add(s.waits().again)
	switch word {
	case "wait":
		switch h.Code {
		case SecondKey:
			next.NotBefore = later
		case OrphanUsed: // what was used so far is excused; a later use is not
			next.Victim.Since, next.Excused = later.Add(-s.waits().orphanWait), n.AWS()
		default:
			next.DeactivateAt, next.PatientAt, next.Excused = later, later, n.AWS()
		}
	case "deactivate": // through the same guards as any other deactivation
		if next.Victim.Decided = true; h.Phase == Deleting {
			next = again(next)
		}
	case "delete":
		next.Phase = Deleting
	case "delete-it": // a person's word makes this one id ours to end, by the usual way
		if h.ID == "" {
			return r, &Refusal{Choice: true, Text: "awskeyd does not know the second key's id yet; choose wait"}
		}
		next.Phase = Creating
		next.Intent = &Intent{At: n.AWS(), Seen: next.Ids()}
		next.Victim = &Victim{ID: h.ID, Why: Asked, Since: n.AWS(), Decided: true}
	case "rollback":
		if h.Code == CurrentDead { // it is back already: that becomes final
			return drain(next, s, n), nil
		}
		return back(next, n), nil
	case "keep":
		if h.Phase == Proving {
			next = giveUp(next, Dropped, n)
			next.CountFrom, next.Asked = n.AWS(), false
			return next, nil
		}
		return drain(next, s, n), nil
	case "forward":
		if h.Phase == Draining {
			next = back(next, n)
			next.Back.Forward = true
		}
	case "replace":
		next.Phase, next.Asked = Deleting, true
	}
	return next, nil
}
