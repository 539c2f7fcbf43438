package rotation

import (
	"fmt"
	"slices"
	"time"
)

// Code names why a rotation is held.
type Code string

// The hold codes of this stage.
const (
	SecondKey       Code = "second-key"
	UsedElsewhere   Code = "used-elsewhere"
	OrphanUsed      Code = "orphan-used"
	AuthFailures    Code = "auth-failures"
	Reactivated     Code = "reactivated"
	NeverProves     Code = "never-proves"
	AccessDenied    Code = "access-denied"
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
var holds = map[Code]struct {
	text    func(Hold) string
	choices []string
}{
	SecondKey: {func(h Hold) string {
		if h.ID == "" {
			return "the IAM user has a second access key that awskeyd did not make, and AWS allows two"
		}
		return fmt.Sprintf("the IAM user has a second access key %s that awskeyd did not make, and AWS allows two", Short(h.ID))
	}, []string{"wait", "delete-it"}},
	UsedElsewhere: {func(h Hold) string {
		return fmt.Sprintf("access key %s was used after awskeyd had stopped handing it out (%s): some program holds a copy", Short(h.ID), h.About)
	}, []string{"wait", "deactivate"}},
	OrphanUsed: {func(h Hold) string {
		return fmt.Sprintf("access key %s, made while its secret was lost, was used (%s): it may be somebody else's", Short(h.ID), h.About)
	}, []string{"wait", "deactivate"}},
	AuthFailures: {func(h Hold) string {
		return fmt.Sprintf("somebody tried access key %s after it was deactivated (%s)", Short(h.ID), h.About)
	}, []string{"delete"}},
	Reactivated: {func(h Hold) string {
		return fmt.Sprintf("access key %s was made active again by somebody else", Short(h.ID))
	}, []string{"deactivate"}},
	NeverProves: {func(h Hold) string {
		return "new access keys were made four times and AWS refused each of them for ten minutes"
	}, []string{"retry"}},
	AccessDenied: {func(h Hold) string {
		return "AWS does not allow this user to rotate its own access key: " + h.About
	}, []string{"retry"}},
	UserGone: {func(h Hold) string {
		return "AWS knows no such IAM user any more: " + h.About
	}, []string{"retry"}},
	ClockDoubt: {func(h Hold) string {
		return "this machine's clock has jumped: leases are out until " + h.About
	}, []string{"retry"}},
	StoreChanged: {func(h Hold) string {
		return "the record in the store is not what awskeyd last wrote: " + h.About
	}, []string{"retry"}},
	Emptied: {func(h Hold) string {
		return "the store has lost the record of this key"
	}, []string{"retry"}},
	EndpointChanged: {func(h Hold) string {
		return fmt.Sprintf("this key was added through %s, which is not the endpoint in force", h.About)
	}, []string{"retry"}},
	OtherMachine: {func(h Hold) string {
		return "the record was written on another machine, which may be rotating the same key"
	}, []string{"take-over"}},
}

// Text says what happened, in a person's words.
func (h Hold) Text() string {
	if d, ok := holds[h.Code]; ok {
		return d.text(h)
	}
	return "held: " + string(h.Code)
}

// Choices are the words `awskey resolve` takes.
func (h Hold) Choices() []string { return slices.Clone(holds[h.Code].choices) }

// Short is how a person reads an access key id: its ends.
func Short(id string) string {
	if len(id) <= 8 {
		return id
	}
	return id[:4] + "…" + id[len(id)-4:]
}
