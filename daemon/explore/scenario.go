package explore

import (
	"cmp"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/secret"
)

// Scenario is how a life begins and what sort of world it is lived in.
type Scenario struct {
	Name  string
	About string

	settings rotation.Settings
	begin    func(w *World) rotation.Record
	lags     lags
	slow     time.Duration  // how much later a late call is executed, and how long silence lasts
	past     time.Duration  // how old a List from the past is
	away     time.Duration  // how long network or keychain are away, or the machine sleeps
	useLate  time.Duration  // how late last-used data is
	grain    time.Duration  // and how exact
	orphan   time.Duration  // how long an orphan stays untouched
	alarm    time.Duration  // how long before a deletion trouble must have been seen
	watch    time.Duration  // how long we are awake before a deletion
	patience time.Duration  // until a person looks at a hold
	blind    bool           // last-used is denied
	ends     []string       // how the undisturbed life may end; nil: with a new version
	when     rotation.Phase // in it, once, this happens by itself:
	then     string
	machine  string // whose record it is; empty: ours
	deep     bool   // two faults in the full search
	whole    bool   // and these at every effect, also at what repeats
	cost     int    // of a life of this sort, in lives of the shortest
	stirred  bool   // people and clocks act at every point
}

// Real durations, each as short as the limits of the configuration allow: what
// is long here is long in the machine. A keychain or a network that is away is
// so for longer than any grace.
var realSettings = rotation.Settings{
	Every: 75 * 24 * time.Hour, TTL: 30 * time.Minute, Prove: time.Minute, Settle: 20 * time.Minute,
	Grace: 3 * time.Hour, ImportedGrace: 7 * time.Hour, Monitor: 6 * time.Hour,
}

func realWorld() Scenario {
	return Scenario{
		settings: realSettings,
		lags:     lags{{0, 2 * time.Second, 8 * time.Second}, {0, 3 * time.Second, 10 * time.Second}, {0, 5 * time.Second, 40 * time.Second}},
		slow:     25 * time.Second, past: 9 * time.Minute, away: 9 * time.Hour, useLate: 2 * time.Hour, grain: 15 * time.Minute,
		orphan: 24 * time.Hour, cost: 24, alarm: 70 * time.Minute, watch: 24 * time.Hour, patience: 10 * time.Hour,
	}
}

// loopback is the world of the demo and of whole-program tests: all waits shrink
// to seconds.
func loopback() Scenario {
	s := realSettings
	s.TTL, s.Prove, s.Settle, s.Grace, s.ImportedGrace, s.Monitor = 6*time.Second, 2*time.Second, time.Second, 10*time.Second, 15*time.Second, 5*time.Second
	s.Loopback, s.Endpoint = true, "http://127.0.0.1:4599"
	return Scenario{
		settings: s,
		lags:     lags{{0, 200 * time.Millisecond, 500 * time.Millisecond}, {0, 300 * time.Millisecond, 700 * time.Millisecond}, {0, 300 * time.Millisecond, time.Second}},
		slow:     1500 * time.Millisecond, past: 7 * time.Second, away: 30 * time.Second, useLate: 0, grain: time.Second,
		orphan: s.Grace, cost: 1, alarm: 3 * time.Second, patience: time.Minute,
	}
}

func scenario(name, about string, base Scenario, change func(*Scenario)) *Scenario {
	base.Name, base.About, base.begin = name, about, imported
	if change != nil {
		change(&base)
	}
	return &base
}

// Scenarios are all lives that are searched.
var Scenarios = []*Scenario{
	scenario("loopback", "an imported key is due, and all waits are of seconds", loopback(), func(s *Scenario) { s.deep, s.whole, s.stirred = true, true, true }),
	scenario("slow", "IAM knows a new key minutes after STS", realWorld(), func(s *Scenario) {
		s.lags[iam] = [3]time.Duration{100 * time.Second, 120 * time.Second, 150 * time.Second}
		// A service that lags further than this behind the slowest IAM may refuse
		// what was proved for a minute: the proof cannot know of it.
		s.lags[others] = [3]time.Duration{110 * time.Second, 150 * time.Second, 160 * time.Second}
	}),
	scenario("dud", "the first new key is never accepted", loopback(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record { w.cloud.dud = 1; return imported(w) }
	}),
	scenario("duds", "no new key is ever accepted", loopback(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record { w.cloud.dud = 4; return imported(w) }
		s.ends = []string{"held never-proves"}
	}),
	scenario("stranger", "the user has a second key that is not ours", realWorld(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record {
			r := imported(w)
			w.newcomer()
			w.cloud.keys[1].aged(48 * time.Hour)
			return r
		}
		s.ends = []string{"held second-key"}
	}),
	scenario("newcomer", "somebody else makes a second key in the same moment, and uses it", realWorld(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record { r := imported(w); w.newcomer(); return r }
		s.ends = []string{"held second-key", "held orphan-used"}
	}),
	scenario("spare", "somebody else has just made a second key, which no List shows yet, and puts it aside", realWorld(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record {
			r := imported(w)
			w.stranger()
			w.pass(2 * time.Second)
			return r
		}
		s.ends = []string{"held second-key"}
	}),
	scenario("stopped", "a person stops it while the new key is being proved", loopback(), func(s *Scenario) {
		s.when, s.then, s.ends = rotation.Proving, "rollback", []string{"held rolled-back"}
	}),
	scenario("dropped", "a person has just dropped a new key, which a List from the past does not show", loopback(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record {
			r := imported(w)
			v := w.create(rotation.Outcome{}).Version
			w.cloud.key(v.ID).stored = true
			r.Phase, r.Since, r.Next = rotation.Deleting, w.now, &v
			r.Victim = &rotation.Victim{ID: v.ID, Why: rotation.Dropped, Since: w.now}
			return r
		}
	}),
	scenario("leaked", "a person says that the key is known to others", realWorld(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record {
			r, err := rotation.Rotate(imported(w), w.settings, true)
			if err != nil {
				w.broken("%v", err)
			}
			w.cloud.keys[0].leaked, w.cloud.keys[0].told = true, true
			return r
		}
	}),
	scenario("blind", "nobody may ask when a key was last used", loopback(), func(s *Scenario) {
		s.blind, s.ends = true, []string{newVersion, "held access-denied"} // of an orphan nobody could tell anything
	}),
	scenario("administrator", "another user's key makes the calls", loopback(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record { administered(w); return imported(w) }
		s.stirred = true
	}),
	scenario("unborn", "an administrator makes a user's first key", loopback(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record {
			administered(w)
			return rotation.NewUnborn(rotation.User{ARN: arn("bob")}, "boss", w.settings.Endpoint, w.settings.TTL, w.now)
		}
	}),
	scenario("orphan", "the process died between the answer and the first write of it", loopback(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record {
			r := imported(w)
			r.Phase, r.Since = rotation.Creating, w.now
			r.Intent = &rotation.Intent{At: w.now, Seen: []string{r.Current.ID}}
			w.create(rotation.Outcome{})
			return r
		}
	}),
	scenario("return", "a person goes back after the deactivation", loopback(), func(s *Scenario) {
		s.when, s.then, s.ends = rotation.Monitoring, "rollback", []string{"held rolled-back", "held never-proves"}
	}),
	scenario("dead", "somebody else deactivates the new key after the switch", loopback(), func(s *Scenario) {
		s.when, s.then, s.ends = rotation.Draining, "kill-current", []string{"held current-dead", "killed by somebody else"}
	}),
	scenario("dead-held", "the same while a person is asked about the old one", realWorld(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record { r := imported(w); w.cloud.keys[0].copied = w.now; return r }
		s.when, s.then, s.ends = rotation.Held, "kill-current", []string{"held current-dead", "held used-elsewhere", "killed by somebody else"}
	}),
	scenario("half-written", "the machine dies in the middle of a write", loopback(), func(s *Scenario) {
		s.when, s.then = rotation.Monitoring, "half-written"
	}),
	scenario("moved", "the keychain comes from another machine", loopback(), func(s *Scenario) {
		s.machine, s.ends = "elsewhere", []string{"barred other-machine"}
	}),
	scenario("wrong-clock", "the clock is an hour behind from the start, and set right on the next day", realWorld(), func(s *Scenario) {
		s.begin = func(w *World) rotation.Record {
			w.skew = -time.Hour
			w.later(26*time.Hour, "clock")
			return imported(w)
		}
	}),
	scenario("plain", "the same with real waits", realWorld(), func(s *Scenario) { s.deep, s.stirred = true, true }),
}

func init() {
	mends["clock"] = func(w *World) { w.turn(time.Hour) }
}

func scenarioNamed(name string) *Scenario {
	for _, s := range Scenarios {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func scenarioNames() []string {
	var names []string
	for _, s := range Scenarios {
		names = append(names, s.Name)
	}
	return names
}

func secretValue(text string) secret.Value { return secret.New(text) }

// imported is a key that was taken in, old enough to be due.
func imported(w *World) rotation.Record {
	const id = "AKIAFIRST00000000000"
	made := w.now.Add(-80 * 24 * time.Hour)
	w.cloud.keys = append(w.cloud.keys, accessKey{id: id, secret: secretOf(id), user: "bob", ours: true, created: made, status: []status{{made, active}}})
	return rotation.New(rotation.User{ARN: arn("bob")}, *versionOf(&w.cloud.keys[len(w.cloud.keys)-1]), w.settings.Endpoint, w.settings.TTL, w.now)
}

// administered adds another user, whose key makes the calls to IAM.
func administered(w *World) {
	const id = "AKIABOSS000000000001"
	made := w.now.Add(-80 * 24 * time.Hour)
	k := accessKey{id: id, secret: secretOf(id), user: "boss", created: made, status: []status{{made, active}}}
	w.cloud.keys = append(w.cloud.keys, k)
	w.settings.Admin = versionOf(&k)
}

// born is a world at its beginning: the record is in the store, and no process
// runs yet.
func (s *Scenario) born(rec *recorder) (*World, error) {
	w := &World{scenario: s, settings: s.settings, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), keychain: newKeychain(), record: rec}
	w.cloud.name = "bob"
	r := s.begin(w)
	payload, err := rotation.Encode(r)
	if err != nil {
		return nil, err
	}
	quiet := *rec
	quiet.table, quiet.trace, quiet.seats, quiet.log = newTable(), nil, nil, nil
	w.record = &quiet
	if err := store.New(items{w}, store.Identity{Machine: cmp.Or(s.machine, "machine"), Instance: "add"}).Add(ctx, keyName, payload); err != nil {
		return nil, err
	}
	w.record, w.effects, w.touched = rec, 0, true
	w.first, w.judge.current = r.Current.ID, r.Current.ID
	return w, nil
}

// Lives describes the lives and the events, for a person who wants to replay.
func Lives() string {
	var b strings.Builder
	var rows [][]string
	for _, s := range Scenarios {
		rows = append(rows, []string{s.Name, s.About})
	}
	align(&b, rows)
	b.WriteString("\nfaults, as NUMBER=FAULT:")
	for _, name := range kindNames[1:] {
		b.WriteString(" " + name)
	}
	b.WriteString("\nevents, as @NUMBER=EVENT:")
	for _, e := range events {
		b.WriteString(" " + e.name)
	}
	b.WriteString("\n")
	return b.String()
}
