package rotation

import (
	"slices"
	"time"
)

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
	Unsettled bool          // the outcome of this process's last write of the record is unknown
}

// AWS is AWS's clock, or the local one while nobody knows better.
func (n Now) AWS() time.Time { return n.Local.Add(n.Offset).UTC() }

// local turns a time of AWS's clock into one of ours.
func (n Now) local(t time.Time) time.Time { return t.Add(-n.Offset) }

// made reports whether an access key is certainly ours: its id was noted when
// AWS told it.
func (n Now) made(id string) bool { return slices.Contains(n.Noted, id) }

// doubtful reports whether gates must wait for the clock.
func (n Now) doubtful() bool { return n.Offset > 5*time.Minute || n.Offset < -5*time.Minute }

// Memory is what the process knows beyond the record. A crash loses it; the
// zero Memory is a process that has just begun. It belongs to one key.
type Memory struct {
	Barrier *Hold // the store cannot be trusted with this key: no action at all; written nowhere
	Doubt   bool  // the last write may have been lost: IAM is asked before anything is changed
	Loose   bool  // and the record in hand may not be on disk: it is written again
	Stuck   bool  // the last Save failed

	Unsent   bool     // creating: this process wrote the intent and has not sent the request
	Created  *Version // creating: answered, not yet stored
	Noted    bool     // creating: its id is in the state folder
	Answer   *Outcome // the answer that ends the phase, not yet written down
	AnswerTo Verb     // which action it answered
	Tries    int      // creations in a row that made nothing; outlives phases

	Listed      *Outcome      // the last good List
	ListedAt    time.Time     // local: a sleep makes it old
	ListedAwake time.Duration // Now.Awake then: no step of the wall clock makes two Lists lie further apart
	Clear       int           // Lists in a row that agree: no orphan, or the victim not shown
	ClearFrom   time.Duration // Now.Awake at the first of them
	Showing     bool          // deleting: the last Lists show the victim Active
	ShowingFrom time.Duration // Now.Awake at the first of them

	Wins        int           // rounds in a row that succeeded
	First, Last time.Duration // Now.Awake at the first and the last of them: no step of the wall clock makes them enough
	RefusedFor  time.Duration // answered refusals, added up
	LastRefused time.Time
	Fresh       bool // the record was read again from the store
	FreshAt     time.Time
	Survivor    bool          // the surviving version passed a round after that
	Gone        bool          // deleting: Delete was answered
	GoneAt      time.Duration // Now.Awake then
	Evidence    *Outcome      // the last Look that answered
	EvidenceAt  time.Time
	AwakeMark   time.Duration // Now.Awake when Record.Awake was last written

	Stopped time.Time // AWS's clock: when this process knew that the switch was durable

	Activated bool // rollback: Activate was answered, and no later List has shown otherwise
	Shown     bool // rollback: a List has shown the earlier version Active

	CheckAt   time.Duration // Now.Awake at the next check of the current version; zero: none was made yet
	Dead      int           // checks in a row that AWS refused, up to enough
	DeadText  string        // what AWS said to them
	Condemned bool          // and the previous version, Active, has seen that the current one is not
	NewARN    string        // what a check told: the IAM user was renamed

	Fails     int           // troubles since a record was written
	FailedAt  time.Duration // Now.Awake at the last of them
	RetryAt   time.Time     // local
	RetryText string
}

// after is the memory with which a newly written record is entered.
func (m Memory) after(n Now) Memory {
	return Memory{
		Barrier: m.Barrier, Doubt: m.Doubt, Tries: m.Tries, AwakeMark: n.Awake,
		CheckAt: m.CheckAt, Dead: m.Dead, DeadText: m.DeadText, Stopped: m.Stopped,
	}
}

// Aged leaves out what was proved before the store was away, or the keys stood
// still: it is seen to again, since the world may be another one by now.
func (m Memory) Aged() Memory {
	m = m.anew()
	m.Wins, m.Shown = 0, false
	if m.Condemned {
		m.Condemned, m.Dead = false, enough
	}
	return m
}

// longest is beyond every time between two tries. One further off is the work of
// a clock that was set back.
const longest = 2 * time.Hour

// recent reports whether there is a List that may be acted on: what stood in
// IAM before a sleep, or before the network went, says nothing.
func (m Memory) recent(n Now) bool {
	return m.Listed != nil && n.Local.Sub(m.ListedAt).Abs() <= time.Minute
}

// fresh reports whether the record was read again a moment ago. What was read,
// and proved after it, does not outlive a sleep.
func (m Memory) fresh(n Now) bool {
	return m.Fresh && n.Local.Sub(m.FreshAt).Abs() <= time.Minute
}
