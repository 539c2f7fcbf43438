package rotation_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

const arn = "arn:aws:iam::123456789012:user/eng/bob"

var settings = rotation.Settings{
	Every: 75 * 24 * time.Hour, TTL: time.Hour, Prove: time.Minute, Settle: 20 * time.Minute,
	Grace: 24 * time.Hour, ImportedGrace: 7 * 24 * time.Hour, Monitor: 7 * 24 * time.Hour,
}

// world is IAM, a store, a clock, a process and its clients, small enough to
// be thrown into every kind of trouble. It judges each step.
type world struct {
	t       fataler
	draw    func(label string, n int) int // 0 is the harmless choice
	now     time.Time
	skew    time.Duration // AWS's clock minus ours
	keys    map[string]*iamKey
	past    []rotation.KeyInfo // what a List from the past shows, with its time
	pastAt  time.Time
	late    []func() // requests that time out and are executed afterwards
	made    int
	record  []byte // durable
	noted   []string
	leases  map[string]time.Time // greatest Expiration ever handed out, by id
	steps   int
	foreign string
	log     []string

	// the process
	r         rotation.Record
	m         rotation.Memory
	began     time.Time
	handedOut map[string]time.Time
	offset    time.Duration
	known     bool
}

type fataler interface{ Fatalf(string, ...any) }

type iamKey struct {
	active  bool
	created time.Time
	settled time.Time // from then on it works everywhere
}

func newWorld(t fataler, draw func(string, int) int) *world {
	w := &world{
		t: t, draw: draw, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		keys: map[string]*iamKey{}, leases: map[string]time.Time{},
	}
	w.keys["AKIAFIRST00000000000"] = &iamKey{active: true, created: w.now}
	r := rotation.New(rotation.User{ARN: arn}, rotation.Version{ID: "AKIAFIRST00000000000", Secret: secret.New("first"), Created: w.now, Imported: true}, "", settings.TTL, w.now)
	w.record = w.encode(r)
	w.start()
	return w
}

func (w *world) encode(r rotation.Record) []byte {
	b, err := rotation.Encode(r)
	if err != nil {
		w.t.Fatalf("encode: %v", err)
	}
	return b
}

// start is a new process: it knows what is durable and nothing else.
func (w *world) start() {
	r, err := rotation.Decode(w.record)
	if err != nil {
		w.t.Fatalf("after %d steps the record does not decode: %v", w.steps, err)
	}
	w.r, w.m, w.began, w.handedOut, w.known = r, rotation.Memory{}, w.now, map[string]time.Time{}, false
	w.lease()
}

func (w *world) aws() time.Time { return w.now.Add(w.skew).Truncate(time.Second) }

// lease is a client that asks at the worst moment: right now.
func (w *world) lease() {
	id := w.r.Current.ID
	until := w.now.Add(settings.TTL)
	for _, m := range []map[string]time.Time{w.leases, w.handedOut} {
		if until.After(m[id]) {
			m[id] = until
		}
	}
	if k := w.keys[id]; k == nil || !k.active || w.now.Before(k.settled) {
		w.t.Fatalf("access key %s is handed out but AWS refuses it\n%s", id, w.tail())
	}
}

func (w *world) clock() rotation.Now {
	n := rotation.Now{Local: w.now, Offset: w.offset, Known: w.known, Awake: w.now.Sub(w.began), LockTaken: w.began, Noted: w.noted}
	if w.r.Previous != nil {
		n.HandedOut = w.handedOut[w.r.Previous.ID]
	}
	return n
}

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	for _, f := range w.late {
		f()
	}
	w.late = nil
}

// step performs one action with drawn trouble. It reports whether the machine
// waits for a person.
func (w *world) step() bool {
	w.steps++
	w.m.CheckAt = 1 << 62 // thousands of checks would hide the rotation
	n := w.clock()
	a := rotation.Decide(w.r, w.m, settings, n)
	if again := rotation.Decide(w.r, w.m, settings, n); again.Do != a.Do || !again.Until.Equal(a.Until) {
		w.t.Fatalf("Decide is not a function: %v then %v", a.Do, again.Do)
	}
	w.say("%s %-10s %-9s %s", w.now.Format("01-02 15:04:05"), w.r.Phase, a.Do, a.Target)
	if a.Do == rotation.Wait {
		if a.Why == rotation.ForPerson {
			w.pass(time.Hour)
			return true
		}
		if !a.Until.After(w.now) {
			w.t.Fatalf("waits for a time that is over (%s)\n%s", a.Why, w.tail())
		}
		if w.draw("crash while waiting", 40) == 1 {
			w.pass(a.Until.Sub(w.now) / 2)
			w.start()
			return false
		}
		w.pass(a.Until.Sub(w.now))
		w.lease()
		return false
	}
	const (
		before  = 1 // it fails before anything happened
		lost    = 2 // it happened, and nobody is told
		crashed = 3 // the process dies before
		died    = 4 // the process dies right after
		late    = 5 // it fails now and happens a little later
	)
	fault := w.draw("fault of "+string(a.Do), 60)
	if fault == crashed {
		w.start()
		return false
	}
	w.pass(time.Second)
	var o rotation.Outcome
	switch {
	case fault == before:
		o = rotation.Outcome{Result: rotation.NotSent}
		if a.Do == rotation.Save || a.Do == rotation.Reload || a.Do == rotation.Note {
			o.Result = rotation.Failed
		}
	case fault == late && a.Do != rotation.Save && a.Do != rotation.Reload && a.Do != rotation.Note:
		w.late = append(w.late, func() { w.perform(a) })
		o = rotation.Outcome{Result: rotation.Ambiguous}
	default:
		o = w.perform(a)
		if fault == lost {
			o = rotation.Outcome{Result: rotation.Ambiguous}
			if a.Do == rotation.Save || a.Do == rotation.Reload || a.Do == rotation.Note {
				o.Result = rotation.Failed
			}
		}
	}
	w.judge()
	if fault == died {
		w.start()
		return false
	}
	if !o.Date.IsZero() {
		w.offset, w.known = w.skew, true
	}
	w.m = rotation.Observe(w.r, w.m, a, o, settings, w.clock())
	if a.Do == rotation.Save && o.Result == rotation.OK {
		w.r = a.Record
		w.lease()
	}
	return false
}

func (w *world) perform(a rotation.Action) rotation.Outcome {
	ok := rotation.Outcome{Result: rotation.OK, Date: w.aws()}
	switch a.Do {
	case rotation.Save:
		w.record = w.encode(a.Record)
		return rotation.Outcome{Result: rotation.OK}
	case rotation.Reload:
		if !bytes.Equal(w.record, w.encode(w.r)) {
			// The store landed a write whose outcome was unknown; a new
			// process is what the daemon does about it.
			r, err := rotation.Decode(w.record)
			if err != nil {
				w.t.Fatalf("reload: %v", err)
			}
			w.r, w.m = r, rotation.Memory{}
			return rotation.Outcome{Result: rotation.Failed}
		}
		return rotation.Outcome{Result: rotation.OK}
	case rotation.Note:
		w.noted = append(w.noted, a.Target)
		return rotation.Outcome{Result: rotation.OK}
	}
	signer := w.keys[a.Signer.ID]
	if signer == nil || !signer.active || w.now.Before(signer.settled) && w.draw("unpropagated", 2) == 1 {
		return rotation.Outcome{Result: rotation.Refused, Date: w.aws()}
	}
	switch a.Do {
	case rotation.List:
		ok.Keys = w.rows()
		if w.draw("list from the past", 12) == 1 && w.now.Sub(w.pastAt) < time.Minute {
			ok.Keys = w.past
		}
		w.past, w.pastAt = w.rows(), w.now
	case rotation.Prove, rotation.Check:
		ok.ARN = arn
	case rotation.Create:
		if len(w.keys) >= 2 {
			ok.Result = rotation.Full
			return ok
		}
		w.made++
		id := fmt.Sprintf("AKIAMADE%012d", w.made)
		w.keys[id] = &iamKey{active: true, created: w.aws(), settled: w.now.Add(time.Duration(w.draw("propagation", 50)) * time.Second)}
		ok.Version = rotation.Version{ID: id, Secret: secret.New("secret of " + id), Created: w.aws()}
	case rotation.Look:
		if until, used := w.leases[a.Target]; used {
			ok.Used, ok.Where = until.Add(-settings.TTL).Truncate(15*time.Minute), "sts in us-east-1"
		}
		if w.draw("last-used denied", 8) == 1 {
			ok.Result = rotation.Denied
		}
	case rotation.Deactivate:
		w.touch(a.Target)
		if k := w.keys[a.Target]; k != nil {
			if until := w.leases[a.Target]; until.After(w.now) {
				w.t.Fatalf("%s is deactivated while a lease of it is out for another %s\n%s", a.Target, until.Sub(w.now), w.tail())
			}
			k.active = false
		} else {
			ok.Result = rotation.Missing
		}
	case rotation.Delete:
		w.touch(a.Target)
		k := w.keys[a.Target]
		if k == nil {
			ok.Result = rotation.Missing
			break
		}
		if _, served := w.leases[a.Target]; served && k.active {
			w.t.Fatalf("%s is deleted while Active\n%s", a.Target, w.tail())
		}
		delete(w.keys, a.Target)
	}
	return ok
}

func (w *world) touch(id string) {
	if id == w.foreign {
		w.t.Fatalf("a stranger's access key is touched\n%s", w.tail())
	}
	if id == w.r.Current.ID {
		w.t.Fatalf("the current access key is touched\n%s", w.tail())
	}
}

// judge holds the world against the invariants that must be true at every
// instant, whatever process lives or dies.
func (w *world) judge() {
	r, err := rotation.Decode(w.record)
	if err != nil {
		w.t.Fatalf("the durable record does not decode: %v\n%s", err, w.tail())
	}
	if k := w.keys[r.Current.ID]; k == nil || !k.active {
		w.t.Fatalf("the durable record's current access key %s does not work\n%s", r.Current.ID, w.tail())
	}
	if w.foreign != "" {
		if k := w.keys[w.foreign]; k == nil || !k.active {
			w.t.Fatalf("the stranger's access key was changed\n%s", w.tail())
		}
	}
}

func (w *world) rows() []rotation.KeyInfo {
	var rows []rotation.KeyInfo
	for id, k := range w.keys {
		rows = append(rows, rotation.KeyInfo{ID: id, Active: k.active, Created: k.created})
	}
	slices.SortFunc(rows, func(a, b rotation.KeyInfo) int { return a.Created.Compare(b.Created) })
	return rows
}

func (w *world) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

func (w *world) tail() string {
	lines := w.log
	if len(lines) > 60 {
		lines = lines[len(lines)-60:]
	}
	var b bytes.Buffer
	for _, l := range lines {
		fmt.Fprintln(&b, l)
	}
	return b.String()
}

func harmless(string, int) int { return 0 }

func TestACalmLifeRotatesOverAndOver(t *testing.T) {
	w := newWorld(t, harmless)
	for w.steps < 3000 && w.made < 10 {
		if w.step() {
			t.Fatalf("held as %+v\n%s", w.r.Hold, w.tail())
		}
	}
	for w.r.Phase != rotation.Steady && w.steps < 4000 {
		w.step()
	}
	if w.made < 10 || len(w.keys) != 1 {
		t.Fatalf("made %d access keys and %d are left in IAM\n%s", w.made, len(w.keys), w.tail())
	}
	years := w.now.Sub(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)).Hours() / 24 / 75
	if years < 10 || years > 13 {
		t.Fatalf("ten rotations of 75 days took %.1f times 75 days", years)
	}
}

// TestNoFaultLosesTheKey walks at random through lives full of crashes, lost
// and late answers and Lists from the past. With no stranger about, every life
// must come to steady with a new version and one access key of ours in IAM.
func TestNoFaultLosesTheKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) })
		first := w.r.Current.ID
		for w.steps < 400 && w.made < 3 {
			if w.step() {
				if w.r.Hold != nil && w.r.Hold.Code == rotation.SecondKey && len(w.late) == 0 {
					break // a request executed long after its time limit: rightly a person's business
				}
				t.Fatalf("held as %+v\n%s", w.r.Hold, w.tail())
			}
		}
		w.draw = harmless
		held := false
		for i := 0; i < 400 && !(w.r.Phase == rotation.Steady && w.r.Current.ID != first && len(w.keys) == 1); i++ {
			if held = w.step(); held {
				break
			}
		}
		if held && w.r.Hold != nil && w.r.Hold.Code == rotation.SecondKey {
			return
		}
		if w.r.Phase != rotation.Steady || w.r.Current.ID == first || len(w.keys) != 1 {
			t.Fatalf("it ends in %s with %s and %d access keys in IAM (hold %+v)\n%s", w.r.Phase, w.r.Current.ID, len(w.keys), w.r.Hold, w.tail())
		}
	})
}

// TestAStrangersKeyIsNeverTouched puts a second key there before the rotation.
func TestAStrangersKeyIsNeverTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) })
		w.foreign = "AKIASTRANGER00000000"
		w.keys[w.foreign] = &iamKey{active: true, created: w.now.Add(-time.Hour)}
		for i := 0; i < 120; i++ {
			w.step()
		}
		if w.r.Phase != rotation.Held || w.r.Hold.Code != rotation.SecondKey {
			t.Fatalf("with a second key the rotation is %s", w.r.Phase)
		}
	})
}
