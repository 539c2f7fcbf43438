package rotation

import "time"

// Refusal is why a person's request cannot be carried out now.
type Refusal struct {
	Held     bool      // a hold must be resolved first
	Choice   bool      // the word is none of the hold's choices
	Possible time.Time // when a rotation that is under way is expected to be over; zero if unknown
	Text     string
}

// Error is the text for the person.
func (e *Refusal) Error() string { return e.Text }

// Rotate asks for a rotation now. Leaked: the current version is known to
// others, and no grace is given to anybody.
func Rotate(r Record, s Settings, leaked bool) (Record, error) {
	switch {
	case r.Paused:
		return r, &Refusal{Held: true, Text: "the rotation is paused"}
	case leaked:
		return leak(r)
	case r.Phase == Held:
		return r, &Refusal{Held: true, Text: "the rotation is held: " + r.Hold.Text()}
	case r.Phase != Steady:
		return r, &Refusal{Possible: Over(r, s), Text: "a rotation is already under way"}
	}
	next := r.clone()
	next.Asked, next.NotBefore = true, time.Time{}
	return next, nil
}

// leak begins a rotation without grace, or takes the grace from one that is
// under way: whatever is on its way out makes room first. A hold ends by it,
// unless the second place is taken by a key that is not certainly ours.
func leak(r Record) (Record, error) {
	next := r.clone()
	switch {
	case r.unborn():
		return r, &Refusal{Text: "its first access key is still being made"}
	case r.Back != nil:
		return r, &Refusal{Text: "it is just going back to an earlier access key"}
	case r.Phase == Held && (r.Hold.Code == SecondKey || r.Hold.Code == OrphanUsed || r.Hold.Code == EndpointChanged):
		return r, &Refusal{Held: true, Text: "the rotation is held: " + r.Hold.Text()}
	case r.Phase == Held && r.Hold.Code == Reactivated:
		next = again(next)
	case r.Phase == Held:
		next.Phase = r.Hold.Phase
	}
	if next.Victim != nil && next.Victim.Why == Rotated {
		next.Victim.Why = Leaked // no way back to that one either
	}
	next.Hold, next.Leaked, next.Asked, next.NotBefore = nil, true, true, time.Time{}
	return next, nil
}

// again takes a victim that somebody made active once more through deactivation
// and monitoring.
func again(r Record) Record {
	r.Phase = Draining
	if r.Victim.Why == Orphaned || r.Victim.Why == Asked {
		r.Phase = Creating
	}
	r.Victim.Decided = true
	return r
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
