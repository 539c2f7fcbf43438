package main

import (
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// phase says in plain words where a key stands, in at most 33 columns.
func phase(k api.Key, now time.Time) string {
	switch {
	case k.Phase == "held" && k.Hold != nil:
		return "held: " + printable(k.Hold.Code)
	case k.Paused:
		return paused(k)
	case unborn(k):
		if k.Phase == "proving" {
			return "first key is being proved"
		}
		return "first key is being made"
	case k.Back && k.Next != nil:
		return "going back to " + short(k.Next.AccessKeyID)
	case k.Leaked:
		return leaked(k)
	}
	prev := k.Previous
	switch k.Phase {
	case "creating":
		if prev != nil { // a request was answered and its answer lost
			return "a stray key is ended first"
		}
		return "new key is being made"
	case "proving":
		return "new key is being proved"
	case "draining":
		if off := offAt(prev); off != nil && off.After(now) {
			return "old key works until " + clock(*off, now)
		}
		return "old key still works"
	case "monitoring":
		if prev != nil && prev.DeleteAt != nil && prev.DeleteAt.After(now) {
			return "old key is off, deleted " + day(*prev.DeleteAt, now)
		}
		return "old key is off"
	case "deleting":
		if k.Next != nil {
			return "new key is being given up"
		}
		return "old key is being deleted"
	}
	return printable(k.Phase)
}

// offAt is when the old key is deactivated at the earliest: after a restart of
// the service, programs may hold it for longer than its grace.
func offAt(p *api.Previous) *time.Time {
	switch {
	case p == nil:
		return nil
	case p.DeactivateAt != nil && p.ServedUntil != nil && p.ServedUntil.After(*p.DeactivateAt):
		return p.ServedUntil
	}
	return p.DeactivateAt
}

// unborn tells a key whose first access key is still to come. One whose record
// cannot be read has none to show either, and is held.
func unborn(k api.Key) bool { return k.AccessKeyID == "" && k.Phase != "held" }

// leaked is phase where the old key is not spared.
func leaked(k api.Key) string {
	switch k.Phase {
	case "proving":
		return "leaked, new key is being proved"
	case "draining":
		return "leaked, old key is shut off now"
	case "monitoring", "deleting":
		return "leaked, making room for a new key"
	}
	return "leaked, new key is being made"
}

// paused says what a pause has stopped.
func paused(k api.Key) string {
	switch {
	case unborn(k):
		return "paused, first key waits"
	case k.Back && k.Next != nil:
		return "paused, going back to " + short(k.Next.AccessKeyID)
	}
	switch k.Phase {
	case "creating", "proving":
		return "paused, new key waits"
	case "draining", "monitoring", "deleting":
		return "paused, old key stays"
	}
	return "paused"
}

// age says how long ago t was.
func age(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	return span(now.Sub(*t))
}

// due says when the next rotation comes.
func due(k api.Key, now time.Time) string {
	switch {
	case k.DueAt == nil || k.Paused || k.Phase == "held" || unborn(k) || k.Back:
		return "-"
	case k.Phase == "creating" || k.Phase == "proving":
		return "now"
	case !k.DueAt.After(now):
		return "due"
	}
	return "in " + span(k.DueAt.Sub(now))
}

// nextRotation is due in full.
func nextRotation(k api.Key, now time.Time) string {
	switch {
	case k.Paused:
		return "not while it is paused"
	case k.Phase == "held":
		return "not while it is held"
	case unborn(k):
		return "not before it has a first key"
	case k.Back:
		return "not while it goes back"
	case k.Phase == "creating" || k.Phase == "proving":
		return "under way"
	case !k.DueAt.After(now):
		return "due"
	}
	return clock(*k.DueAt, now) + ", in " + span(k.DueAt.Sub(now))
}
