package rotation

import "time"

// Verb is the kind of an action.
type Verb string

// The actions. A Save is durable only after it was read back; every call to
// AWS is one attempt, each request on a new connection.
const (
	Wait       Verb = "wait"       // nothing to do before Until
	Save       Verb = "save"       // write Record to the store; it becomes the record
	Reload     Verb = "reload"     // read the record from the store and compare it with the one in hand
	Note       Verb = "note"       // write Target, an id that CreateAccessKey just told, to the state folder
	List       Verb = "list"       // iam:ListAccessKeys, all pages
	Create     Verb = "create"     // iam:CreateAccessKey
	Prove      Verb = "prove"      // one round: sts:GetCallerIdentity and iam:ListAccessKeys
	Check      Verb = "check"      // the same round, signed by the current version once an hour
	Witness    Verb = "witness"    // iam:ListAccessKeys signed by the previous version, when AWS refuses the current one
	Look       Verb = "look"       // every place that may tell of a use of Target: last-used, CloudTrail; see Action.Watch
	Deactivate Verb = "deactivate" // iam:UpdateAccessKey Inactive
	Activate   Verb = "activate"   // iam:UpdateAccessKey Active
	Delete     Verb = "delete"     // iam:DeleteAccessKey
)

// Action is the one next thing to do.
type Action struct {
	Do     Verb
	Until  time.Time // Wait: local clock; zero waits for a person or for new settings
	Why    Waiting   // Wait
	Record Record    // Save
	Events []Event   // Save: what to tell the history once it is done
	Signer Version   // calls to AWS
	Target string    // Note, Look, Deactivate, Activate, Delete
	At     []Service // Prove, Check: what the round calls, in this order, each on a new connection
	Since  time.Time // Look: AWS's clock; uses and trouble count from here
	Watch  bool      // Look: the configured log group and alarms too
}

// Service is one of AWS's, as far as a round asks it.
type Service string

// The services of a round. STS alone proves little: a key that it knows IAM may
// still refuse (boto/botocore#3600).
const (
	STS Service = "sts"
	IAM Service = "iam"
)

// Waiting says what a Wait is for.
type Waiting string

// What the machine waits for.
const (
	ForDue      Waiting = "due"
	ForPerson   Waiting = "person" // held or paused
	ForRetry    Waiting = "retry"
	ForLeases   Waiting = "leases"
	ForGrace    Waiting = "grace"
	ForEvidence Waiting = "evidence"
	ForMonitor  Waiting = "monitor"
	ForAwake    Waiting = "awake"
	ForCalls    Waiting = "calls" // an earlier deactivation may still be executed
	ForClock    Waiting = "clock" // this machine's clock and AWS's differ too much
)

// Event is a line for the history.
type Event struct {
	Name string // a stable word
	ID   string // the access key id it is about
	Text string // for a person
}

// Result classes what AWS said, as far as the machine cares.
type Result string

// The results of a call.
const (
	OK        Result = "ok"
	Refused   Result = "refused"   // the signing key is unknown, inactive, or its secret is wrong
	Denied    Result = "denied"    // it authenticated; policy says no
	Missing   Result = "missing"   // NoSuchEntity
	Full      Result = "full"      // LimitExceeded
	Throttled Result = "throttled" // nothing was done
	Rejected  Result = "rejected"  // another 4xx: nothing was done
	NotSent   Result = "not-sent"  // certainly never reached AWS
	Ambiguous Result = "ambiguous" // may have been executed, now or later
	Failed    Result = "failed"    // store and files: not done
)

// KeyInfo is one row of a List.
type KeyInfo struct {
	ID      string
	Active  bool
	Created time.Time
}

// Outcome is what became of an action.
type Outcome struct {
	Result   Result
	Text     string    // for a person; never a secret
	Date     time.Time // AWS's clock, zero where nothing answered
	Keys     []KeyInfo // List
	Version  Version   // Create
	ARN      string    // Prove
	Used     time.Time // Look: the latest use that any place tells of; zero: none
	Where    string    // Look: service and region of it
	Trouble  string    // Look with Watch: an alarm, or failed authentication in the log group, for a person; empty is none seen
	Blind    []string  // Look: the places that could not be asked, each with its reason; never "clean"
	Explicit bool      // Denied by an explicit deny, as a policy that wants MFA does
}
