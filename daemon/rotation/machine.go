package rotation

import (
	"slices"
	"time"
)

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
	LastUsedOf Verb = "last-used"  // iam:GetAccessKeyLastUsed of Target
	Deactivate Verb = "deactivate" // iam:UpdateAccessKey Inactive
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
	Target string    // Note, LastUsedOf, Deactivate, Delete
}

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
	Result  Result
	Text    string    // for a person; never a secret
	Date    time.Time // AWS's clock, zero where nothing answered
	Keys    []KeyInfo // List
	Version Version   // Create
	ARN     string    // Prove
	Used    time.Time // LastUsedOf; zero: AWS has seen no use
	Where   string    // LastUsedOf: service and region
}

// Now is the time, and what only the living process knows.
type Now struct {
	Local     time.Time
	Offset    time.Duration // AWS's clock minus the local one
	Known     bool          // this process has measured Offset, and the local clock has not jumped since
	Measured  time.Duration // Awake at that time
	Awake     time.Duration // monotonic, since this process began
	LockTaken time.Time     // local, when this process took the daemon's lock
	HandedOut time.Time     // the greatest Expiration this process gave for the previous version
	Noted     []string      // ids in the state folder: created by us, whatever became of them
}

// AWS is AWS's clock, or the local one while nobody knows better.
func (n Now) AWS() time.Time { return n.Local.Add(n.Offset).UTC() }

// local turns a time of AWS's clock into one of ours.
func (n Now) local(t time.Time) time.Time { return t.Add(-n.Offset) }

// doubtful reports whether gates must wait for the clock.
func (n Now) doubtful() bool { return n.Offset > 5*time.Minute || n.Offset < -5*time.Minute }

// Memory is what the process knows beyond the record. A crash loses it; the
// zero Memory is a process that has just begun. It belongs to one key.
type Memory struct {
	Barrier *Hold // the store cannot be trusted with this key: no action at all; written nowhere
	Doubt   bool  // the last write may have been lost: IAM is asked before anything is changed

	Unsent   bool     // creating: this process wrote the intent and has not sent the request
	Created  *Version // creating: answered, not yet stored
	Noted    bool     // creating: its id is in the state folder
	Answer   *Outcome // the answer that ends the phase, not yet written down
	AnswerTo Verb     // which action it answered
	Tries    int      // creations in a row that made nothing; outlives phases

	Listed    *Outcome // the last good List
	ListedAt  time.Time
	Clear     int // Lists in a row that agree: no orphan, or the victim not shown
	ClearFrom time.Time
	Showing   time.Time // deleting: since when Lists show the victim Active

	Wins        int // rounds in a row that succeeded
	First, Last time.Time
	RefusedFor  time.Duration // answered refusals, added up
	LastRefused time.Time
	Fresh       bool      // the record was read again from the store
	Survivor    bool      // the surviving version passed a round after that
	GoneAt      time.Time // deleting: when Delete was answered, local clock
	Evidence    *Outcome  // the last LastUsedOf that answered
	EvidenceAt  time.Time
	AwakeMark   time.Duration // Now.Awake when Record.Awake was last written
	Fails       int
	RetryAt     time.Time // local
	RetryText   string
}

// after is the memory with which a newly written record is entered.
func (m Memory) after(n Now) Memory {
	return Memory{Barrier: m.Barrier, Doubt: m.Doubt, Tries: m.Tries, AwakeMark: n.Awake}
}

// longest is beyond every time between two tries. One further off is the work of
// a clock that was set back.
const longest = 2 * time.Hour

// recent reports whether there is a List that may be acted on: what stood in
// IAM before a sleep, or before the network went, says nothing.
func (m Memory) recent(n Now) bool {
	return m.Listed != nil && n.Local.Sub(m.ListedAt).Abs() <= time.Minute
}

// Decide names the next action. The same arguments give the same action.
func Decide(r Record, m Memory, s Settings, n Now) Action {
	w := s.waits()
	switch {
	case m.Barrier != nil:
		return Action{Do: Wait, Why: ForPerson}
	case n.Local.Before(m.RetryAt) && m.RetryAt.Sub(n.Local) < longest:
		return Action{Do: Wait, Until: m.RetryAt, Why: ForRetry}
	case m.Created != nil:
		return keep(r, m, n) // a secret that only we know goes first, whatever else is wrong
	case s.TTL > r.MaxTTL:
		next := r.clone()
		next.MaxTTL = s.TTL
		return Action{Do: Save, Record: next}
	case r.Phase == Held:
		return decideHeld(r, m, s, n)
	case r.Endpoint != s.Endpoint:
		return hold(r, n, EndpointChanged, "", orAWS(r.Endpoint))
	case r.Paused:
		return Action{Do: Wait, Why: ForPerson}
	case m.Doubt && m.Answer != nil:
		return refused(r, *m.Answer, n)
	case m.Doubt:
		return Action{Do: List, Signer: r.Current} // a usable List ends the doubt
	}
	switch r.Phase {
	case Steady:
		return decideSteady(r, m, s, n)
	case Creating:
		return decideCreating(r, m, s, n, w)
	case Proving:
		return decideProving(r, m, s, n, w)
	case Draining:
		return decideDraining(r, m, s, n, w)
	case Monitoring:
		return decideMonitoring(r, m, s, n, w)
	default:
		return decideDeleting(r, m, s, n, w)
	}
}

func orAWS(endpoint string) string {
	if endpoint == "" {
		return "AWS itself"
	}
	return endpoint
}

// enter copies the record into a new phase.
func enter(r Record, p Phase, n Now) Record {
	next := r.clone()
	next.Phase, next.Since, next.Hold = p, n.AWS(), nil
	return next
}

// hold stops the rotation until a person, or the world, has changed something.
func hold(r Record, n Now, code Code, id, about string) Action {
	next := r.clone()
	next.Hold = &Hold{Code: code, Phase: r.At(), Since: n.AWS(), ID: id, About: Clip(about)}
	next.Phase = Held
	return Action{Do: Save, Record: next, Events: []Event{{"held", id, next.Hold.Text()}}}
}

// Clip keeps a hold's parameter small: the record has little room.
func Clip(s string) string {
	const most = 160
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

// decideSteady begins a rotation when it is due or asked for, and a fresh List
// shows no foreign second key.
func decideSteady(r Record, m Memory, s Settings, n Now) Action {
	start := r.NotBefore
	if !r.Asked {
		start = Due(r, s)
	}
	if n.AWS().Before(start) {
		return Action{Do: Wait, Until: n.local(start), Why: ForDue}
	}
	if m.Answer != nil {
		return refused(r, *m.Answer, n)
	}
	if !m.recent(n) {
		return Action{Do: List, Signer: r.Current}
	}
	others := strangers(m.Listed.Keys, r)
	switch {
	case len(others) == 0:
		next := enter(r, Creating, n)
		next.Intent = &Intent{At: whole(m.Listed.Date), Seen: ids(m.Listed.Keys)}
		return Action{Do: Save, Record: next, Events: []Event{{"began", r.Current.ID, "rotation began"}}}
	case slices.Contains(n.Noted, others[0].ID):
		// Ours: the write that named it was lost after its id was noted.
		return orphan(r, others[0], n)
	default:
		return hold(r, n, SecondKey, others[0].ID, "")
	}
}

// refused turns an answer that policy or a missing user gave into a hold.
func refused(r Record, o Outcome, n Now) Action {
	if o.Result == Missing {
		return hold(r, n, UserGone, r.Current.ID, o.Text)
	}
	return hold(r, n, AccessDenied, r.Current.ID, o.Text)
}

// usable reports whether a List can be acted on: one that does not show the
// current version Active, or still shows what we ended, comes from the past.
func usable(r Record, keys []KeyInfo) bool {
	current := find(keys, r.Current.ID)
	return current != nil && current.Active && !slices.ContainsFunc(keys, func(k KeyInfo) bool { return slices.Contains(r.Ended, k.ID) })
}

// strangers are the rows that the record does not name.
func strangers(keys []KeyInfo, r Record) []KeyInfo {
	known := r.Ids()
	if r.Intent != nil {
		known = append(known, r.Intent.Seen...)
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k KeyInfo) bool { return slices.Contains(known, k.ID) })
}

func ids(keys []KeyInfo) []string {
	all := make([]string, 0, len(keys))
	for _, k := range keys {
		all = append(all, k.ID)
	}
	slices.Sort(all)
	return all
}

func find(keys []KeyInfo, id string) *KeyInfo {
	for _, k := range keys {
		if k.ID == id {
			return &k
		}
	}
	return nil
}
