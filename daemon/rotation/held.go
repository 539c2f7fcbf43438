package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// decideHeld waits for a person, or for the reason to go away by itself.
func decideHeld(r Record, m Memory, s Settings, n Now) Action {
	switch {
	case r.Hold.Code == EndpointChanged && r.Endpoint == s.Endpoint:
		return Action{Do: Save, Record: released(r, n), Events: []Event{{"released", "", "the endpoint is again the one the key was added through"}}}
	case r.Hold.Code == ClockDoubt && r.At() == Draining && !ahead(r, s, n):
		return Action{Do: Save, Record: released(r, n), Events: []Event{{"released", "", "the clock is right again"}}}
	case r.Endpoint != s.Endpoint || r.Paused: // no call to an AWS that may be another one
		return Action{Do: Wait, Why: ForPerson}
	case r.Hold.Code == SecondKey && m.Listed == nil:
		return Action{Do: List, Signer: r.Current}
	case r.Hold.Code == SecondKey && len(strangers(m.Listed.Keys, r)) == 0:
		return Action{Do: Save, Record: released(r, n), Events: []Event{{"released", r.Hold.ID, "the second access key is gone"}}}
	default:
		return Action{Do: Wait, Why: ForPerson}
	}
}

// released goes on where the hold began.
func released(r Record, n Now) Record { return enter(r, r.Hold.Phase, n) }

// Refusal is why a person's request cannot be carried out now.
type Refusal struct {
	Held     bool      // a hold must be resolved first
	Choice   bool      // the word is none of the hold's choices
	Possible time.Time // when a rotation that is under way is expected to be over; zero if unknown
	Text     string
}

// Error is the text for the person.
func (e *Refusal) Error() string { return e.Text }

// Rotate asks for a rotation now.
func Rotate(r Record, s Settings) (Record, error) {
	switch {
	case r.Phase == Held:
		return r, &Refusal{Held: true, Text: "the rotation is held: " + r.Hold.Text()}
	case r.Phase != Steady:
		return r, &Refusal{Possible: Over(r, s), Text: "a rotation is already under way"}
	case r.Paused:
		return r, &Refusal{Held: true, Text: "the rotation is paused"}
	}
	next := r.clone()
	next.Asked, next.NotBefore = true, time.Time{}
	return next, nil
}

// Over is when the rotation under way is expected to end, at the latest if
// nothing goes wrong; zero where that cannot be told yet.
func Over(r Record, s Settings) time.Time {
	switch r.At() {
	case Draining:
		return r.PatientAt.Add(s.Monitor)
	case Monitoring:
		return r.DeleteAt
	default:
		return time.Time{}
	}
}

// Pause freezes, Resume frees every step that changes IAM. Serving goes on.
func Pause(r Record) Record {
	next := r.clone()
	next.Paused = true
	return next
}

// Resume undoes Pause.
func Resume(r Record) Record {
	next := r.clone()
	next.Paused = false
	return next
}

// BadChoice refuses a word that settles no such hold.
func BadChoice(h Hold, word string) error {
	return &Refusal{Choice: true, Text: fmt.Sprintf("%q is not a choice here; choose one of: %s", word, strings.Join(h.Choices(), ", "))}
}

// Resolve carries a person's choice into the record. The hold that counts is
// the record's own; holds that only the process knows are the runner's.
func Resolve(r Record, word string, s Settings, n Now) (Record, error) {
	if r.Phase != Held {
		return r, &Refusal{Choice: true, Text: "it is not held"}
	}
	h := *r.Hold
	if !slices.Contains(h.Choices(), word) {
		return r, BadChoice(h, word)
	}
	next := released(r, n)
	again := n.AWS().Add(s.waits().again)
	switch word {
	case "wait":
		switch h.Code {
		case SecondKey:
			next.NotBefore = again
		case OrphanUsed: // what was used so far is excused; a later use is not
			next.Victim.Since, next.Excused = again.Add(-s.waits().orphanWait), n.AWS()
		default:
			next.DeactivateAt, next.PatientAt, next.Excused = again, again, n.AWS()
		}
	case "deactivate": // through the same guards as any other deactivation
		if h.Phase == Deleting { // it was reactivated: through monitoring once more
			next.Phase = Draining
			if next.Victim.Why == Orphaned || next.Victim.Why == Asked {
				next.Phase = Creating
			}
		}
		next.Victim.Decided = true
	case "delete":
		next.Phase = Deleting
	case "delete-it": // a person's word makes this one id ours to end, by the usual way
		if h.ID == "" {
			return r, &Refusal{Choice: true, Text: "awskeyd does not know the second key's id yet; choose wait"}
		}
		next.Phase = Creating
		next.Intent = &Intent{At: n.AWS(), Seen: []string{r.Current.ID}}
		next.Victim = &Victim{ID: h.ID, Why: Asked, Since: n.AWS(), Decided: true}
	}
	return next, nil
}
