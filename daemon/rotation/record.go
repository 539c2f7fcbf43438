// Package rotation decides how an access key is replaced: create, prove,
// switch, drain, deactivate, monitor, delete.
//
// It is pure. [Decide] looks at the durable record, the process's memory and
// the time, and names the one next action; [Observe] folds that action's
// outcome back into the memory. Somebody else performs the actions. It must
// never read a clock, speak to AWS or a keychain, start a goroutine or keep
// state of its own: that is what lets a test visit every order of faults.
package rotation

import (
	"slices"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/store/secret"
)

// Phase is where a key's rotation stands. The words travel in JSON.
type Phase string

// The phases, in the order of a rotation. Each is entered by one durable write.
const (
	Steady     Phase = "steady"     // one current version, nothing under way
	Creating   Phase = "creating"   // the intent is durable; a key of ours may exist that is not stored
	Proving    Phase = "proving"    // next is stored and is tried until it works everywhere
	Draining   Phase = "draining"   // next became current; previous is still Active for leases that are out
	Monitoring Phase = "monitoring" // the victim is Inactive; anybody who misses it can still be helped
	Deleting   Phase = "deleting"   // the victim is being deleted
	Held       Phase = "held"       // a person must decide
)

// Version is one access key id with its secret.
type Version struct {
	ID       string
	Secret   secret.Value
	Created  time.Time // AWS's CreateDate, whole seconds; zero where AWS would not tell
	Imported bool      // not created by the daemon: somebody may hold a copy for ever
}

// User is the IAM user that the key belongs to.
type User struct {
	ARN string // arn:PARTITION:iam::ACCOUNT:user/PATH/NAME
}

// renamed reports whether arn is the same user under another name or path: an
// access key id never moves to another user, so it is if the account is.
func (u User) renamed(arn string) bool {
	other := User{ARN: arn}
	return arn != u.ARN && other.Account() == u.Account() && strings.Contains(arn, ":user/")
}

// Account is the twelve digits in the ARN.
func (u User) Account() string {
	if parts := strings.SplitN(u.ARN, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// Name is the last element of the ARN. It is always sent to IAM: policies with
// a condition on the user's own ARN refuse calls without it
// (99designs/aws-vault#190).
func (u User) Name() string { return u.ARN[strings.LastIndexByte(u.ARN, '/')+1:] }

// Intent is written before CreateAccessKey is sent, so that a key whose answer
// was lost can be told from a stranger's.
type Intent struct {
	At   time.Time // AWS's clock, from the Date header of the List that came before
	Seen []string  // the ids that List showed
}

// Why a version is to be ended.
type Why string

// The reasons, each with its own right to act on the id.
const (
	Rotated     Why = "rotated"      // the previous version of a rotation
	Leaked      Why = "leaked"       // the same, and known to others
	Orphaned    Why = "orphaned"     // created by us, its secret lost on the way
	NeverProved Why = "never-proved" // a next version that did not work; may be deleted while Active
	Asked       Why = "asked"        // a person told us to delete this second key
	Dropped     Why = "dropped"      // a person did not want this next version; may be deleted while Active
)

// Victim names the one id that may be deactivated or deleted, and how far the
// decision has gone. Nothing else in IAM is ever changed.
type Victim struct {
	ID      string
	Why     Why
	Since   time.Time // AWS's clock when it was named
	Decided bool      // to deactivate: written down before the call is made
}

// unused reports whether nobody can ever have been given the victim by us, so
// that it may be deleted while Active.
func (v Victim) unused() bool { return v.Why == NeverProved || v.Why == Dropped }

// Back is a return to a version that was handed out before.
type Back struct {
	Since   time.Time // AWS's clock when it was decided
	Sent    bool      // a deactivation of that version may have been sent before
	Forward bool      // the newer version again, after a rollback
}

// Record is all that is durable of one key: its versions and its phase. One
// write of it is one step.
type Record struct {
	User     User
	Endpoint string        // the endpoint_url it was added through; empty is AWS
	MaxTTL   time.Duration // the largest ttl ever in force for its versions

	Phase    Phase
	Since    time.Time // AWS's clock at the phase's start
	Current  Version
	Next     *Version // proving, and deleting after it was given up
	Previous *Version // draining, monitoring, deleting
	Intent   *Intent  // creating
	Victim   *Victim  // whoever is on the way out

	CountFrom time.Time // what the schedule counts from, AWS's clock
	NotBefore time.Time // no rotation starts earlier (back-off); a person's request overrides it
	GaveUp    int       // next versions given up in a row
	Asked     bool      // a person asked for this rotation
	Paused    bool      // a person froze every step that changes IAM
	Leaked    bool      // a person says the current version is known to others: no grace for it
	With      string    // the key whose user makes this one's first version; empty once there is one
	Back      *Back     // proving: next is an earlier version to return to

	Switched      time.Time     // the switch, local clock, for served_until
	Stopped       time.Time     // AWS's clock; by then the old one was handed out no more. Zero: nobody has known of the switch yet
	DeactivateAt  time.Time     // AWS's clock; end of the grace
	PatientAt     time.Time     // AWS's clock; end of the grace where no last-used evidence is to be had
	DeactivatedAt time.Time     // AWS's clock
	DeleteAt      time.Time     // AWS's clock
	Awake         time.Duration // how long the daemon was awake since the deactivation
	Excused       time.Time     // AWS's clock; a person knows of the uses of the victim up to here

	Hold  *Hold
	Ended []string // the last four ids we ended: a List from the past does not make them strangers
}

// New is the record of a key just taken in. Created may be zero.
func New(user User, v Version, endpoint string, ttl time.Duration, now time.Time) Record {
	r := Record{User: user, Endpoint: endpoint, MaxTTL: ttl, Phase: Steady, Since: whole(now), Current: v, CountFrom: v.Created}
	if r.CountFrom.IsZero() {
		r.CountFrom = whole(now)
	}
	return r
}

// NewUnborn is the record of a key whose first version the user of another key,
// with, is about to make.
func NewUnborn(user User, with, endpoint string, ttl time.Duration, now time.Time) Record {
	return Record{User: user, With: with, Endpoint: endpoint, MaxTTL: ttl, Phase: Steady, Since: whole(now), Asked: true}
}

// unborn reports whether there is no version yet that could be handed out.
func (r Record) unborn() bool { return r.Current.ID == "" }

// At is the phase whose rules hold: of a held record the phase it came from.
func (r Record) At() Phase {
	if r.Phase == Held && r.Hold != nil {
		return r.Hold.Phase
	}
	return r.Phase
}

// Ids lists every access key id the record names as still being in IAM.
func (r Record) Ids() []string {
	ids := []string{}
	for _, v := range []*Version{&r.Current, r.Next, r.Previous} {
		if v != nil && v.ID != "" {
			ids = append(ids, v.ID)
		}
	}
	if r.Victim != nil && !slices.Contains(ids, r.Victim.ID) {
		ids = append(ids, r.Victim.ID)
	}
	return ids
}

// ServedUntil is the local time after which no lease of the previous version
// can be out, given the greatest Expiration that this process handed out of it
// and when it took the daemon's lock. An earlier process may have handed out
// leases that nobody remembers: hence the floor.
func (r Record) ServedUntil(handedOut, lockTaken time.Time) time.Time {
	floor := r.Switched
	if lockTaken.After(floor) {
		floor = lockTaken
	}
	floor = floor.Add(r.MaxTTL)
	if handedOut.After(floor) {
		return handedOut
	}
	return floor
}

// clone copies r so deep that changing the copy cannot touch r.
func (r Record) clone() Record {
	c := r
	c.Next, c.Previous, c.Intent, c.Victim, c.Hold = copied(r.Next), copied(r.Previous), copied(r.Intent), copied(r.Victim), copied(r.Hold)
	c.Back = copied(r.Back)
	c.Ended = slices.Clone(r.Ended)
	return c
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// ended remembers id as gone.
func (r *Record) ended(id string) {
	r.Ended = append(r.Ended, id)
	if n := len(r.Ended); n > 4 {
		r.Ended = slices.Clone(r.Ended[n-4:])
	}
}

// whole cuts to the whole seconds that AWS's own times have.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
