package rotation

import (
	"fmt"
	"slices"
	"time"
)

// Code names why a rotation is held.
type Code string

// The hold codes.
const (
	SecondKey       Code = "second-key"
	UsedElsewhere   Code = "used-elsewhere"
	OrphanUsed      Code = "orphan-used"
	AuthFailures    Code = "auth-failures"
	Reactivated     Code = "reactivated"
	RolledBack      Code = "rolled-back"
	CurrentDead     Code = "current-dead"
	NeverProves     Code = "never-proves"
	AccessDenied    Code = "access-denied"
	MFARequired     Code = "mfa-required"
	UserGone        Code = "user-gone"
	ClockDoubt      Code = "clock"
	StoreChanged    Code = "store-changed"
	Emptied         Code = "emptied"
	EndpointChanged Code = "endpoint-changed"
	OtherMachine    Code = "other-machine"
)

// Hold is a rotation that stopped because a person must decide. The store
// keeps code and parameters; the text is made on reading.
type Hold struct {
	Code  Code
	Phase Phase // where it came from, and where serving goes on by
	Since time.Time
	ID    string // the access key id in question, where there is one
	About string // service and region, endpoint or AWS's own words; never a secret
}

// holds gives each code its text and the words that `awskey resolve` takes.
// A code with phases comes from these alone.
var holds = map[Code]struct {
	text    func(Hold) string
	choices []string
	phases  []Phase
}{
	SecondKey: {func(h Hold) string {
		if h.ID == "" {
			return "the IAM user has a second access key that awskeyd did not make, and AWS allows two"
		}
		return fmt.Sprintf("the IAM user has a second access key %s that awskeyd did not make, and AWS allows two", Short(h.ID))
	}, []string{"wait", "delete-it"}, nil},
	UsedElsewhere: {func(h Hold) string {
		return fmt.Sprintf("access key %s was used after awskeyd had stopped handing it out (%s): some program holds a copy", Short(h.ID), h.About)
	}, []string{"wait", "deactivate", "rollback"}, []Phase{Draining}},
	OrphanUsed: {func(h Hold) string {
		return fmt.Sprintf("access key %s, made while its secret was lost, was used (%s): it may be somebody else's", Short(h.ID), h.About)
	}, []string{"wait", "deactivate"}, []Phase{Creating}},
	AuthFailures: {func(h Hold) string {
		return fmt.Sprintf("since access key %s was deactivated something goes wrong (%s): a program may still hold it", Short(h.ID), h.About)
	}, []string{"rollback", "delete"}, []Phase{Monitoring}},
	Reactivated: {func(h Hold) string {
		return fmt.Sprintf("access key %s was made active again by somebody else", Short(h.ID))
	}, []string{"rollback", "deactivate"}, []Phase{Deleting}},
	RolledBack: {func(h Hold) string {
		if h.Phase == Proving {
			return fmt.Sprintf("the rotation was stopped before the new access key %s was handed out; both keys are active", Short(h.ID))
		}
		return fmt.Sprintf("the earlier access key is handed out again in place of %s; both are active", Short(h.ID))
	}, []string{"keep", "forward"}, []Phase{Proving, Draining}},
	CurrentDead: {func(h Hold) string {
		return fmt.Sprintf("somebody else deactivated or deleted access key %s; the earlier one is handed out again", Short(h.ID))
	}, []string{"rollback", "replace"}, []Phase{Draining}},
	NeverProves: {func(h Hold) string {
		if h.Phase == Draining {
			return fmt.Sprintf("AWS does not accept the earlier access key %s any more, so that the newer one stays in use: %s", Short(h.ID), h.About)
		}
		return "new access keys were made four times and AWS refused each of them for ten minutes"
	}, []string{"retry"}, nil},
	AccessDenied: {func(h Hold) string {
		return "AWS does not allow the access key to be made or rotated: " + h.About
	}, []string{"retry"}, nil},
	MFARequired: {func(h Hold) string {
		return "a policy forbids it expressly, as one does that wants MFA for every change of an access key: " + h.About
	}, []string{"retry"}, nil},
	UserGone: {func(h Hold) string {
		return "AWS knows no such IAM user any more: " + h.About
	}, []string{"retry"}, nil},
	ClockDoubt: {func(h Hold) string {
		return "this machine's clock has jumped: access keys were handed out until " + h.About
	}, []string{"retry"}, nil},
	StoreChanged: {func(h Hold) string {
		return "the record in the store is not what awskeyd last wrote: " + h.About
	}, []string{"retry"}, nil},
	Emptied: {func(h Hold) string {
		return "the store has lost the record of this key"
	}, []string{"retry"}, nil},
	EndpointChanged: {func(h Hold) string {
		return fmt.Sprintf("this key was added through %s, which is not the endpoint in force", h.About)
	}, []string{"retry"}, nil},
	OtherMachine: {func(h Hold) string {
		return "the record was written on another machine, which may be rotating the same key"
	}, []string{"take-over"}, nil},
}

// Text says what happened, in a person's words.
func (h Hold) Text() string {
	if d, ok := holds[h.Code]; ok {
		return d.text(h)
	}
	return "held: " + string(h.Code)
}

// Choices are the words `awskey resolve` takes for the hold of this record, or
// for one that only the process knows. There is a way back only to a version
// whose secret the record holds.
func (r Record) Choices(h Hold) []string {
	return slices.DeleteFunc(slices.Clone(holds[h.Code].choices), func(word string) bool {
		return word == "rollback" && !r.restorable(h.ID)
	})
}

// Short is how a person reads an access key id: its ends.
func Short(id string) string {
	if len(id) <= 8 {
		return id
	}
	return id[:4] + "…" + id[len(id)-4:]
}
