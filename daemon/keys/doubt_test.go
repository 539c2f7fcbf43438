package keys_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsapi"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// changes are the actions that change IAM.
var changes = []rotation.Verb{rotation.Create, rotation.Deactivate, rotation.Delete}

// TestNothingChangesIAMWhileAWriteIsUnknown loses one write in seven and looks at
// each call that changes IAM.
func TestNothingChangesIAMWhileAWriteIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		seen := 0
		r.aws.fail = func(a rotation.Action) *rotation.Outcome {
			if slices.Contains(changes, a.Do) {
				seen++
				if r.store.Unsettled("work") {
					t.Errorf("%s is called while a write is unknown", a.Do)
				}
			}
			return nil
		}
		n := 0
		r.plan.Store(new(plan(func(op storetest.Op, _ string) storetest.Fault {
			if op == storetest.Set {
				n++
			}
			if op == storetest.Set && n < 60 && n%7 == 2 {
				return storetest.Lost
			}
			return storetest.OK
		})))
		for {
			if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err == nil {
				break
			}
			time.Sleep(time.Minute)
		}
		r.await("deleted")
		if seen < 3 {
			t.Errorf("only %d calls were looked at", seen)
		}
	})
}

// TestARecordOutOfStepAsksIAMFirst tears one slot between two processes.
func TestARecordOutOfStepAsksIAMFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		r.await("created")
		r.end()
		for _, name := range r.items.List() {
			if name == "work.a" {
				r.items.Poke(name, []byte("torn"))
			}
		}
		var first rotation.Verb
		r.aws.fail = func(a rotation.Action) *rotation.Outcome {
			if first == "" {
				first = a.Do
			}
			return nil
		}
		r.start()
		defer func() { r.end() }()
		r.await("deleted")
		if first != rotation.List {
			t.Errorf("the first call of a process in doubt is %s", first)
		}
	})
}

// TestLeasesGivenDuringASlowSwitchCount makes the write of the switch take half
// an hour, in which the old version is handed out on.
func TestLeasesGivenDuringASlowSwitchCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.ttl.Store(int64(50 * time.Minute)) // another served version of the same id
		r.set.Reconfigure()
		if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		r.await("created")
		slow := true
		r.plan.Store(new(plan(func(op storetest.Op, _ string) storetest.Fault {
			if slow && op == storetest.Set {
				slow = false
				time.Sleep(30 * time.Minute)
			}
			return storetest.OK
		})))
		var last lease
		for last = r.lease(); last.AccessKeyId == first; last = r.lease() {
			time.Sleep(time.Minute)
		}
		r.await("switched")
		k := r.set.List()[0]
		if k.Previous == nil || k.Previous.ServedUntil == nil {
			t.Fatalf("the key is %+v", k)
		}
		// The last lease of the old version was given at most a minute before.
		if least := time.Now().Add(48 * time.Minute); k.Previous.ServedUntil.Before(least) {
			t.Errorf("handed out until %s, but a lease runs until %s at least", k.Previous.ServedUntil, least)
		}
		if _, err := r.set.Rename(context.Background(), "work", api.RenameRequest{NewName: "home"}); err != nil {
			t.Fatal(err)
		}
		if after := r.set.List()[0].Previous.ServedUntil; after.Before(*k.Previous.ServedUntil) {
			t.Errorf("a rename forgets leases: %s, was %s", after, k.Previous.ServedUntil)
		}
	})
}

// TestTheIdOfACreatedKeyIsOnDisk before the store is tried.
func TestTheIdOfACreatedKeyIsOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		if err := os.WriteFile(filepath.Join(r.dir, "created"), []byte("AKIATORNLINE"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		e := r.await("created")
		b, err := os.ReadFile(filepath.Join(r.dir, "created"))
		if err != nil || !slices.Contains(strings.Split(string(b), "\n"), e.AccessKeyID) {
			t.Errorf("the file of created ids: %q %v", b, err)
		}
	})
}

// TestARefusalByPolicyProvesAKey as any other answer that knows who signed:
// against the emulator, through the real client.
func TestARefusalByPolicyProvesAKey(t *testing.T) {
	s := awstest.NewServer(awstest.Options{})
	defer s.Close()
	c, err := awsapi.New(awsapi.Config{EndpointURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	arn := s.CreateUser("weak", "/eng/", awstest.Policy{})
	id, text := s.IssueKey("weak")
	signer := rotation.Version{ID: id, Secret: secret.New(text)}
	prove := rotation.Action{Do: rotation.Prove, Signer: signer}
	if o := (keys.IAM{Client: c}).Do(t.Context(), "weak", prove); o.Result != rotation.OK || o.ARN != arn || o.Date.IsZero() {
		t.Errorf("a key whose user may do nothing: %+v", o)
	}
	s.SetStatus(id, awstest.Inactive)
	if o := (keys.IAM{Client: c}).Do(t.Context(), "weak", prove); o.Result != rotation.Refused {
		t.Errorf("an inactive key: %+v", o)
	}
	rootID, rootText := s.IssueKey(awstest.Root)
	prove.Signer = rotation.Version{ID: rootID, Secret: secret.New(rootText)}
	if o := (keys.IAM{Client: c}).Do(t.Context(), "", prove); o.Result != rotation.OK || o.ARN != "arn:aws:iam::123456789012:root" {
		t.Errorf("root's key: %+v", o)
	}
}

// TestTheTimeLimitsOfCreateAreOne: the orphan rule counts on the client's.
func TestTheTimeLimitsOfCreateAreOne(t *testing.T) {
	if rotation.CreateTimeout != awsapi.CreateTimeout {
		t.Errorf("rotation counts on %s, the client takes %s", rotation.CreateTimeout, awsapi.CreateTimeout)
	}
}
