package main

import (
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// step is one step of what goes on in the fake: its event is told first, its
// effect seen at the next look.
type step struct {
	event api.Event
	do    func(*api.Key)
	told  bool
}

const newID = "AKIAI44QH8DHBEXAMPLE"

// at is an event of k so many seconds from now.
func at(k api.Key, seconds int, word, id, text string) api.Event {
	return api.Event{Time: testNow.Add(time.Duration(seconds) * time.Second), Key: k.Name, Event: word, AccessKeyID: id, Text: text}
}

func nothing(*api.Key) {}

func held(code, text, phase string, choices ...string) func(*api.Key) {
	return func(k *api.Key) {
		k.Phase, k.Hold = "held", &api.Hold{Code: code, Text: text, Choices: choices, Phase: phase, Since: &testNow}
	}
}

// rotationOf is what a rotation of k does: of a key named fails it ends in a
// hold, of one named gives-up the new key never works.
func rotationOf(k api.Key) []step {
	off := testNow.Add(80 * time.Minute)
	made := step{event: at(k, 1, "created", newID, "a new access key is in the store: "+short(newID)), do: func(k *api.Key) {
		k.Phase, k.Next = "proving", &api.Next{AccessKeyID: newID}
	}}
	steps := []step{{event: at(k, 0, "began", k.AccessKeyID, "a new access key is to be made"), do: func(k *api.Key) { k.Phase = "creating" }}}
	switch k.Name {
	case "fails":
		return append(steps, step{event: at(k, 2, "held", k.AccessKeyID, deniedText), do: held("access-denied", deniedText, "steady", "retry")})
	case "gives-up":
		return append(steps, made, step{event: at(k, 601, "gave-up", newID, "AWS goes on refusing the new access key "+short(newID)+"; it is deleted and the old one stays"), do: func(k *api.Key) { k.Phase = "deleting" }})
	case "forever":
		return append(steps, made)
	}
	return append(steps, made, step{event: at(k, 62, "switched", newID, short(newID)+" works and is handed out from now on"), do: func(k *api.Key) {
		k.Phase, k.Next = "draining", nil
		k.Previous = &api.Previous{AccessKeyID: k.AccessKeyID, Status: "Active", DeactivateAt: &off}
		k.AccessKeyID = newID
	}})
}

const deniedText = "AWS does not allow the access key to be rotated: not authorized to perform iam:CreateAccessKey"

// leakedOf is what a rotation of k does if its access key has leaked: an
// inactive old key goes first.
func leakedOf(k api.Key) (steps []step) {
	if p := k.Previous; p != nil {
		steps = append(steps,
			step{event: at(k, 0, "making-room", p.AccessKeyID, short(p.AccessKeyID)+" is deleted to make room"), do: func(k *api.Key) { k.Phase = "deleting" }},
			step{event: at(k, 0, "deleted", p.AccessKeyID, short(p.AccessKeyID)+" is deleted"), do: func(k *api.Key) { k.Phase, k.Previous = "steady", nil }})
	}
	steps = append(steps, rotationOf(k)...)
	return append(steps, step{event: at(k, 63, "deactivated", k.AccessKeyID, short(k.AccessKeyID)+" is inactive"), do: func(k *api.Key) {
		k.Phase, k.Previous.Status, k.Leaked = "monitoring", "Inactive", false
	}})
}

// rollbackOf is what happens on the way back from k: of a key named fails AWS
// refuses the earlier access key, of one named stays somebody else has called
// it off.
func rollbackOf(k api.Key) []step {
	earlier, newer := k.Previous.AccessKeyID, k.AccessKeyID
	steps := []step{{event: at(k, 0, "rolling-back", earlier, short(earlier)+" is made active again and proved; meanwhile "+short(newer)+" stays in use"), do: nothing}}
	refused := "AWS does not accept the earlier access key " + short(earlier) + " any more, so that the newer one stays in use: the security token included in the request is invalid"
	switch k.Name {
	case "fails":
		return append(steps, step{event: at(k, 601, "held", earlier, refused), do: held("never-proves", refused, "draining", "retry")})
	case "forever":
		return steps
	case "stays":
		return append(steps, step{event: at(k, 9, "resolved", "", "resolved: forward"), do: func(k *api.Key) { k.Phase, k.Back, k.Next = "draining", false, nil }})
	}
	return append(steps, step{event: at(k, 62, "rolled-back", earlier, short(earlier)+" is handed out again from now on"), do: func(k *api.Key) {
		k.Back, k.Next, k.AccessKeyID = false, nil, earlier
		k.Previous = &api.Previous{AccessKeyID: newer, Status: "Active"}
		held("rolled-back", "the earlier access key is handed out again in place of "+short(newer)+"; both are active", "draining", "keep", "forward")(k)
	}})
}

// firstOf is what the making of k's first access key does.
func firstOf(k api.Key) []step {
	made := step{event: at(k, 1, "created", newID, "a new access key is in the store: "+short(newID)), do: func(k *api.Key) {
		k.Phase, k.Next = "proving", &api.Next{AccessKeyID: newID}
	}}
	switch k.Name {
	case "fails":
		return []step{{event: at(k, 1, "held", "", deniedText), do: held("access-denied", deniedText, "steady", "retry")}}
	case "gives-up":
		return []step{made, {event: at(k, 601, "gave-up", newID, "AWS goes on refusing the new access key "+short(newID)+"; it is deleted and the old one stays"), do: func(k *api.Key) { k.Phase, k.Next = "deleting", nil }}}
	case "forever":
		return []step{made}
	}
	due := testNow.Add(75 * 24 * time.Hour)
	return []step{made, {event: at(k, 62, "made", newID, short(newID)+" works and is handed out from now on"), do: func(k *api.Key) {
		k.Phase, k.Next, k.AccessKeyID, k.CreatedAt, k.DueAt = "steady", nil, newID, &testNow, &due
	}}}
}
