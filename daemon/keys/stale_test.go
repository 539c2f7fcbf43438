package keys_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
	"sync/atomic"
)

// TestAProofDoesNotOutliveALockedStore: a switch that could not be written waits
// for new proof: the key may have been ended meanwhile.
func TestAProofDoesNotOutliveALockedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		e := r.rotate("created")
		var down atomic.Bool
		r.plan.Store(new(plan(func(op storetest.Op, item string) storetest.Fault {
			down.Store(true)
			return storetest.Refused
		})))
		for !down.Load() {
			time.Sleep(time.Second)
		}
		r.items.Down(store.ErrLocked)
		time.Sleep(time.Hour)
		r.aws.set(e.AccessKeyID, false)
		time.Sleep(60 * time.Hour)
		r.plan.Store(nil)
		r.items.Down(nil)
		for range 60 {
			time.Sleep(time.Minute)
			l := r.lease()
			if !r.aws.sign(l.AccessKeyId, l.SecretAccessKey) {
				t.Fatalf("%s is handed out, and does not work: %+v", l.AccessKeyId, r.key("work"))
			}
		}
	})
}

// TestAWitnessDoesNotOutliveALockedStore: that the current version is dead was
// seen before the store was locked; by now it may live, and the previous one not.
func TestAWitnessDoesNotOutliveALockedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		e := r.rotate("switched")
		r.aws.set(e.AccessKeyID, false)
		var witnessed atomic.Bool
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			if a.Do == rotation.Witness {
				witnessed.Store(true)
				r.items.Down(store.ErrLocked)
			}
			return nil
		})
		for !witnessed.Load() {
			time.Sleep(time.Second)
		}
		// An administrator puts things right, and ends the old one.
		r.aws.set(e.AccessKeyID, true)
		r.aws.set(first, false)
		time.Sleep(10 * time.Hour)
		r.items.Down(nil)
		time.Sleep(20 * time.Minute)
		l := r.lease()
		if !r.aws.sign(l.AccessKeyId, l.SecretAccessKey) {
			t.Fatalf("%s is handed out, and does not work: %+v %+v", l.AccessKeyId, r.key("work"), r.key("work").Hold)
		}
	})
}

// TestWhatFallsBackIsWrittenAgain: both slots come to hold what they held before the
// switch, as when a keychain is put back from a backup, or writes of long ago land.
// The process knows better, and nobody else knows the new secret.
func TestWhatFallsBackIsWrittenAgain(t *testing.T) {
	for _, event := range []string{"created", "switched", "deactivated"} {
		t.Run(event, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				before := map[string][]byte{}
				for _, item := range []string{"work.a", "work.b"} {
					before[item], _ = r.items.Peek(item)
				}
				e := r.rotate("created")
				if event != "created" {
					e = r.await(event)
				}
				made := r.key("work").AccessKeyID
				if event == "created" {
					made = e.AccessKeyID
				}
				for item, data := range before {
					r.items.Poke(item, data)
				}
				r.await("deleted") // the old one
				r.end()
				r.start()
				if l := r.lease(); l.AccessKeyId != made {
					t.Errorf("%s is handed out by the next process, and %s was made: %+v", l.AccessKeyId, made, r.key("work"))
				}
				r.ends(map[string]bool{made: true})
			})
		})
	}
}
