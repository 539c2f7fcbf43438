package explore

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

// service is one of AWS's, each of several replicas that lag behind.
type service uint8

const (
	sts service = iota
	iam
	others // whatever the clients use
	services
)

// lags are how far the replicas of each service are behind the truth. A new
// connection reaches the next replica in turn. The world keeps one promise that
// the proof of a new key rests on: other services learn of it no later than
// `prove` after every replica of STS and IAM has.
type lags [services][3]time.Duration

// cloud is AWS as far as one user's access keys go. Its clock is the world's.
type cloud struct {
	keys []accessKey
	turn [services]int // the replica that the next connection reaches
	late []lateCall
	made int // keys made by our calls
	dud  int // the next that many made are accepted nowhere

	name     string // of the user, as it is now
	denied   time.Time
	explicit bool
	offline  time.Time
	alarm    time.Time // since when the alarms are on; zero: they are not
}

// accessKey is one key with all that ever became of it.
type accessKey struct {
	id, secret string
	user       string
	ours       bool      // taken in or made by our call, and no stranger's
	made       bool      // by our call
	dud        bool      // no service ever accepts it
	created    time.Time // whole seconds
	status     []status
	hand       time.Time // when somebody else last changed it; zero: never

	until       time.Time     // the greatest Expiration handed out, local clock
	first, last time.Time     // uses by our clients
	copied      time.Time     // since when somebody uses a copy; zero: nobody
	stored      bool          // a durable record held its secret
	leaked      bool          // a person said so, or may have: its leases count no more
	told        bool          // and was told that it is written down
	named       string        // what a person told us to do with it
	switched    time.Time     // when another version durably took its place
	inactive    time.Time     // when we made it inactive
	up          time.Duration // how long processes had run by then
}

// status is what a key is from a time on.
type status struct {
	at    time.Time
	state state
}

type state uint8

const (
	gone state = iota
	inactive
	active
)

func (c cloud) clone() cloud {
	c.keys, c.late = slices.Clone(c.keys), slices.Clone(c.late)
	for i := range c.keys {
		c.keys[i].status = slices.Clip(c.keys[i].status) // append copies
	}
	return c
}

func (c *cloud) key(id string) *accessKey {
	for i := range c.keys {
		if c.keys[i].id == id {
			return &c.keys[i]
		}
	}
	return nil
}

// at is what a replica knows that has heard of everything up to t.
func (k *accessKey) at(t time.Time) state {
	for i := len(k.status) - 1; i >= 0; i-- {
		if !k.status[i].at.After(t) {
			return k.status[i].state
		}
	}
	return gone
}

// active is the truth.
func (k *accessKey) active() bool { return k != nil && k.status[len(k.status)-1].state == active }

func (k *accessKey) there() bool { return k.status[len(k.status)-1].state != gone }

func (k *accessKey) set(now time.Time, s state) {
	if k.status[len(k.status)-1].state != s {
		k.status = append(k.status, status{now, s})
	}
}

// accepted reports whether a service accepts a key's signature on a connection
// to a replica.
func (w *World) accepted(s service, replica int, v rotation.Version) bool {
	k := w.cloud.key(v.ID)
	return k != nil && !k.dud && v.Secret.Reveal() == k.secret && k.at(w.now.Add(-w.scenario.lags[s][replica])) == active
}

// everywhere reports whether every replica of the services that clients use
// accepts a key now.
func (w *World) everywhere(k *accessKey) bool {
	for _, lag := range w.scenario.lags[others] {
		if k == nil || k.dud || k.at(w.now.Add(-lag)) != active {
			return false
		}
	}
	return true
}

// connect draws the replica of a new connection.
func (c *cloud) connect(s service) int {
	c.turn[s] = (c.turn[s] + 1) % len(lags{}[s])
	return c.turn[s]
}

// lateCall is a request that timed out and is executed all the same.
type lateCall struct {
	at     time.Time
	effect Effect
	action rotation.Action
	user   string
	skew   time.Duration // of the machine's clock when it was sent
}

// callTime is how long an ordinary call takes.
const callTime = 150 * time.Millisecond

// said are the words of AWS in this world, by result.
var said = map[rotation.Result]string{
	rotation.Refused: "InvalidClientTokenId", rotation.Denied: "AccessDenied", rotation.Missing: "NoSuchEntity", rotation.Full: "LimitExceeded",
	rotation.Throttled: "Throttling", rotation.Rejected: "ValidationError", rotation.NotSent: "no network", rotation.Ambiguous: "no answer",
}

func (w *World) answered(r rotation.Result) rotation.Outcome {
	o := rotation.Outcome{Result: r, Text: said[r]}
	if r != rotation.NotSent && r != rotation.Ambiguous {
		o.Date = w.now.Truncate(time.Second)
	}
	return o
}

// request is one call to AWS on a new connection.
func (w *World) request(e Effect, a rotation.Action, user string) rotation.Outcome {
	kind := w.effect(e)
	c := &w.cloud
	skew := w.skew
	if kind == Away {
		c.offline = w.now.Add(w.scenario.away)
	}
	if w.now.Before(c.offline) || kind == Before {
		w.pass(callTime)
		return w.answered(rotation.NotSent)
	}
	w.pass(callTime)
	switch kind {
	case Throttled:
		return w.answered(rotation.Throttled)
	case Rejected:
		return w.answered(rotation.Rejected)
	case Unsure:
		w.pass(w.scenario.slow)
		return w.answered(rotation.Ambiguous)
	case Late:
		if e.changes() {
			c.late = append(c.late, lateCall{w.now.Add(w.scenario.slow), e, a, user, skew})
			return w.answered(rotation.Ambiguous)
		}
		w.pass(w.scenario.slow)
	}
	o := w.execute(e, a, user, kind == Past, skew)
	w.after(kind)
	if kind == After {
		w.pass(w.scenario.slow)
		return w.answered(rotation.Ambiguous)
	}
	return o
}

// execute is what AWS does with a request that has reached it, sent when the
// machine's clock was wrong by skew.
func (w *World) execute(e Effect, a rotation.Action, user string, past bool, skew time.Duration) rotation.Outcome {
	c := &w.cloud
	s := iam
	if e == AskSTS {
		s = sts
	}
	replica := c.connect(s)
	if !w.accepted(s, replica, a.Signer) {
		return w.answered(rotation.Refused)
	}
	if k := c.key(a.Signer.ID); !k.hand.IsZero() {
		k.last = w.now
	}
	own := user == c.name || user == ""
	target := c.key(a.Target)
	switch {
	case e == AskSTS:
		o := w.answered(rotation.OK)
		o.ARN = arn(c.name)
		if k := c.key(a.Signer.ID); k.user != "bob" {
			o.ARN = arn(k.user)
		}
		return o
	case w.now.Before(c.denied):
		o := w.answered(rotation.Denied)
		o.Explicit = c.explicit
		return o
	case e == AskLook && w.now.Before(w.blind), e == AskLook && w.scenario.blind:
		return w.answered(rotation.Denied)
	case !own && e != AskLook: // which names no user (API_GetAccessKeyLastUsed)
		return w.answered(rotation.Missing)
	case (e == AskDeactivate || e == AskActivate || e == AskDelete) && (target == nil || !target.there()):
		return w.answered(rotation.Missing)
	}
	o := w.answered(rotation.OK)
	switch e {
	case AskList, AskIAM, AskWitness:
		lag := w.scenario.lags[iam][replica]
		if past {
			lag = w.scenario.past
		}
		o.Keys = w.rows(w.now.Add(-lag))
	case AskLook:
		o.Used, o.Where = w.lastUse(target)
		if a.Watch && !c.alarm.IsZero() {
			o.Trouble = "alarm of failed calls"
		}
	case AskCreate:
		return w.create(o)
	case AskDeactivate:
		w.judgeEnding(a, target, inactive, skew)
		if target.active() {
			target.inactive, target.up = w.now, w.up
		}
		target.set(w.now, inactive)
		w.touched = true
	case AskActivate:
		w.judgeOwner(a, target)
		target.set(w.now, active)
		w.touched = true
	case AskDelete:
		w.judgeEnding(a, target, gone, skew)
		target.set(w.now, gone)
		w.touched = true
	}
	return o
}

func (w *World) create(o rotation.Outcome) rotation.Outcome {
	c := &w.cloud
	if len(w.rows(w.now)) >= 2 {
		return w.answered(rotation.Full)
	}
	c.made++
	id := fmt.Sprintf("AKIAMADE%012d", c.made)
	k := accessKey{id: id, secret: secretOf(id), user: "bob", ours: true, made: true, created: w.now.Truncate(time.Second), status: []status{{w.now, active}}}
	if c.dud > 0 {
		c.dud--
		k.dud = true
	}
	c.keys = append(c.keys, k)
	o.Version = rotation.Version{ID: id, Secret: secret.New(k.secret), Created: k.created}
	return o
}

// canary is part of every secret, and may be part of nothing else.
const canary = "SeCrEt"

func secretOf(id string) string { return canary + strings.Repeat("/", 20) + id[8:] }

func arn(user string) string { return "arn:aws:iam::123456789012:user/eng/" + user }

// rows is what a List shows of the user's keys as they were at t.
func (w *World) rows(t time.Time) []rotation.KeyInfo {
	var rows []rotation.KeyInfo
	for i := range w.cloud.keys {
		k := &w.cloud.keys[i]
		if st := k.at(t); k.user == "bob" && st != gone {
			rows = append(rows, rotation.KeyInfo{ID: k.id, Active: st == active, Created: k.created})
		}
	}
	return rows
}

// lastUse is what AWS tells of the last use of a key: late, and as the begin of
// a span of time, a quarter of an hour.
func (w *World) lastUse(k *accessKey) (time.Time, string) {
	if k == nil {
		return time.Time{}, ""
	}
	known := w.now.Add(-w.scenario.useLate)
	var last time.Time
	if !k.first.IsZero() && !k.first.After(known) {
		last = k.last
		if last.After(known) {
			last = known
		}
	}
	if !k.copied.IsZero() && !k.copied.After(known) && known.After(last) {
		last = known // attempts with an inactive key show as well
	}
	if last.IsZero() {
		return last, ""
	}
	return last.Truncate(w.scenario.grain), "s3 in eu-west-1"
}

// arrive executes the late requests whose time has come.
func (w *World) arrive() {
	for len(w.cloud.late) > 0 && !w.now.Before(w.cloud.late[0].at) {
		l := w.cloud.late[0]
		w.cloud.late = w.cloud.late[1:]
		o := w.execute(l.effect, l.action, l.user, false, l.skew)
		w.say("aws: the %s of %s is executed late: %s", l.effect, rotation.Short(l.action.Target), o.Result)
	}
}

// aged makes a key older than it is.
func (k *accessKey) aged(by time.Duration) {
	k.created = k.created.Add(-by)
	k.status[0].at = k.status[0].at.Add(-by)
	k.copied = k.created
}
