package explore

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// Violation is a promise that a life has broken.
type Violation struct {
	Schedule Schedule
	Text     string
}

func (v Violation) String() string { return v.Text + "\n    replay: " + v.Schedule.String() }

// judge is what the world remembers to tell whether the promises are kept. It
// takes the machine's word for nothing but what it asks for.
type judge struct {
	events  int  // so far
	hostile bool // one of the faults was not harmless
	vain    bool // one of the events changed nothing

	held    rotation.Code // as the process was told; empty: it is not
	paused  bool
	sure    bool // and no write since may have ended it, nor may a crash of the machine
	sent    bool // CreateAccessKey, for the intent that stands
	serving string
	doubt   bool          // the last write may have been lost, and IAM was not asked since
	slept   bool          // and AWS was not asked since
	skew    time.Duration // of the clock when AWS was last asked
	current string
	taken   bool // the record is another machine's, and no person has taken it back

	saved, reloaded      int // steps of the last write, and of the last time it was read again
	provedSTS, provedIAM int // of the last time the current version signed successfully
	provedAt             time.Time
	undone               string // the id that a stop deletes again
	wantsOld             bool   // a person asked for the old version to stay
	heldCodes            []rotation.Code
}

func (j judge) clone() judge {
	j.heldCodes = slices.Clone(j.heldCodes)
	return j
}

// begin forgets what only one process can have done.
func (j *judge) begin() {
	j.saved, j.reloaded, j.provedSTS, j.provedIAM = 0, 0, 0, 0
	j.slept = true
}

// broken ends the life.
func (w *World) broken(format string, args ...any) {
	v := Violation{Text: fmt.Sprintf(format, args...)}
	w.say("BROKEN: %s", v.Text)
	panic(over{v})
}

// busy bounds how much is done while no time goes by.
func (j *judge) busy(w *World, a rotation.Action) {
	if w.idle++; w.idle > 40 {
		w.broken("it spins: %d actions in a moment, the last is %s", w.idle, a.Do)
	}
	w.judgeText(a.Target)
	for _, e := range a.Events {
		w.judgeText(e.Name + e.ID + e.Text)
	}
}

// judgeText: a secret is nowhere but in the store.
func (w *World) judgeText(s string) {
	if strings.Contains(s, canary) {
		w.broken("a secret is in a text")
	}
}

// viewSeed is of this process alone: the cache of views is.
var viewSeed = maphash.MakeSeed()

// view is a record as a fresh process would read it.
type view struct {
	r       rotation.Record
	payload []byte
	both    bool // slots hold it, whatever the store says
	err     error
}

func (w *World) view() *view {
	items := w.keychain.items
	// All of both: a torn item begins like a whole one.
	sum := [2]uint64{maphash.Bytes(viewSeed, items[keyName+".a"]), maphash.Bytes(viewSeed, items[keyName+".b"])}
	if v := w.record.views[sum]; v != nil {
		return v
	}
	v := &view{}
	rec, err := store.New(shelf(items), store.Identity{Machine: "machine", Instance: "judge"}).Load(ctx, keyName)
	if err == nil {
		v.payload = rec.Payload
		v.both = bytes.HasSuffix(items[keyName+".a"], v.payload) && bytes.HasSuffix(items[keyName+".b"], v.payload)
		v.r, err = rotation.Decode(rec.Payload)
	}
	if err == nil {
		again, encErr := rotation.Encode(v.r)
		if err = encErr; err == nil && !bytes.Equal(again, rec.Payload) {
			err = fmt.Errorf("it is not the same when it is written again")
		}
	}
	v.err = err
	if len(w.record.views) > 20000 {
		clear(w.record.views)
	}
	w.record.views[sum] = v
	return v
}

// verdict holds the world as it is now against what must be true at every
// instant, whatever process lives or dies.
func (w *World) verdict() {
	if !w.touched {
		return
	}
	w.touched = false
	v := w.view() // of a keychain that seems empty, too: it comes back

	if v.err != nil {
		w.broken("no process can read the record any more: %v", v.err)
	}
	r := v.r
	for _, ver := range []*rotation.Version{&r.Current, r.Next, r.Previous} {
		if ver != nil && ver.ID != "" {
			if k := w.cloud.key(ver.ID); k != nil && k.secret == ver.Secret.Reveal() {
				k.stored = true
			}
		}
	}
	if r.Current.ID == "" {
		return
	}
	if r.Current.ID != w.judge.current {
		if k := w.cloud.key(w.judge.current); k != nil && k.switched.IsZero() {
			k.switched = w.now
		}
		w.judge.current = r.Current.ID
	}
	k := w.cloud.key(r.Current.ID)
	switch {
	case k == nil || k.secret != r.Current.Secret.Reveal():
		w.broken("the store's current access key %s is none, or its secret is wrong", rotation.Short(r.Current.ID))
	case !k.active() && k.hand.IsZero():
		w.broken("the store's current access key %s does not work", rotation.Short(k.id))
	}
}
