package rotation

import "time"

// Settings are the resolved configuration of one key.
type Settings struct {
	Every         time.Duration // interval; unused when Schedule is set
	Schedule      string        // five-field cron, local time
	TTL           time.Duration // of a lease
	Prove         time.Duration // how long the next version must succeed
	Settle        time.Duration // added to served_until
	Grace         time.Duration // from the switch to deactivation
	ImportedGrace time.Duration // the same for an imported version
	Monitor       time.Duration // from deactivation to deletion
	Endpoint      string        // the endpoint in force; empty is AWS
	Loopback      bool          // the record's endpoint is on loopback: the fixed waits shrink
	Admin         *Version      // another user's current version signs the calls to IAM; nil: the key's own
}

// waits are the times that are no setting. Sources: the IAM user guide on
// eventual consistency (which gives no bound), on last-used data (late by
// hours) and measured propagation of seconds to a minute.
type waits struct {
	intentStale  time.Duration // an intent older than this is not acted on
	createWindow time.Duration // an orphan's CreateDate lies at most this far behind the intent
	orphanWait   time.Duration // how long an orphan stays Active
	listGap      time.Duration // between the Lists that conclude "no orphan" or "gone"
	stale        time.Duration // how long a List may show the past
	evidence     time.Duration // how late last-used data is
	giveUp       time.Duration // answered refusals before a next version is given up
	proveGap     time.Duration // at most, between rounds
	awake        time.Duration // the daemon's own watch before a deletion
	again        time.Duration // "wait" as a person's choice; also how often a hold looks again by itself
	retry        time.Duration // first back-off after trouble
	retryMost    time.Duration
	check        time.Duration    // between two checks of the current version
	checkAgain   time.Duration    // after one that AWS refused
	look         time.Duration    // between two looks while monitoring
	inFlight     time.Duration    // after it, no call of an earlier process is executed any more
	gaveUp       [3]time.Duration // back-off after a next version was given up
}

// CreateTimeout is the time limit of one CreateAccessKey request.
const CreateTimeout = 30 * time.Second

// grain is how much earlier than the true last use LastUsedDate may be
// (IAM user guide, getting credential reports).
const grain = 15 * time.Minute

func (s Settings) waits() waits {
	if s.Loopback {
		return waits{
			intentStale: 30 * time.Second, createWindow: 30*time.Second + CreateTimeout + time.Minute,
			orphanWait: s.Grace, listGap: 1500 * time.Millisecond, stale: 8 * time.Second, evidence: 0,
			giveUp: 20 * time.Second, proveGap: time.Second, awake: 0, again: 5 * time.Second,
			retry: 100 * time.Millisecond, retryMost: 2 * time.Second,
			check: 10 * time.Second, checkAgain: time.Second, look: time.Second, inFlight: 2 * time.Second,
			gaveUp: [3]time.Duration{time.Second, 2 * time.Second, 4 * time.Second},
		}
	}
	return waits{
		intentStale: 30 * time.Second, createWindow: 30*time.Second + CreateTimeout + time.Minute,
		orphanWait: 24 * time.Hour, listGap: 5 * time.Minute, stale: 10 * time.Minute, evidence: 4 * time.Hour,
		giveUp: 10 * time.Minute, proveGap: 15 * time.Second, awake: 24 * time.Hour, again: 24 * time.Hour,
		retry: 5 * time.Second, retryMost: 15 * time.Minute,
		check: time.Hour, checkAgain: 20 * time.Second, look: 6 * time.Hour, inFlight: 2 * CreateTimeout,
		gaveUp: [3]time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour},
	}
}
