package rotation

// Withdraw gives up a next version that nobody was given, at the word of a person
// who leaves: it goes the way of every version that is not wanted any more. False:
// there is none, or a hold, a pause or the way back keeps it from being touched.
func Withdraw(r Record, n Now) (Record, bool) {
	switch {
	case r.At() != Proving || r.Back != nil || r.unborn() || r.Paused:
		return r, false
	case r.Phase == Held && r.Hold.Code != RolledBack: // any other hold tells that AWS would refuse
		return r, false
	}
	next := giveUp(r, Dropped, n)
	next.CountFrom, next.Asked = n.AWS(), false
	return next, true
}

// Settling reports whether, as far as AWS can be reached, a next version that
// nobody was given is about to be made or to be gone, in a matter of seconds.
func Settling(r Record) bool {
	switch {
	case r.Paused || r.unborn():
		return false
	case r.Phase == Creating:
		return r.Victim == nil
	case r.Phase == Deleting:
		return r.Victim.unused()
	default:
		return false
	}
}

// GiveOut freezes every step that changes IAM, and remembers that the current
// version is in other hands from now on: should the key stay after all, it is
// given the grace of an imported one. False: both is so already.
func GiveOut(r Record) (Record, bool) {
	if r.Paused && r.Current.Imported {
		return r, false
	}
	next := Pause(r)
	next.Current.Imported = true
	return next, true
}
