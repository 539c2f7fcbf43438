package keys_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// TestWhatAPersonSees follows one rotation through its phases, and the holds in
// which the access key on its way out is not what its phase says.
func TestWhatAPersonSees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		k := r.key("work")
		if k.Phase != "steady" || k.Next != nil || k.Previous != nil || k.Hold != nil || k.AccessKeyID != first || k.ServedUntil != nil || k.DueAt == nil || k.CreatedAt == nil {
			t.Errorf("taken in: %+v", k)
		}
		given := r.lease().Expiration
		if k = r.key("work"); k.ServedUntil == nil || !k.ServedUntil.Equal(given) {
			t.Errorf("handed out until %v, a lease runs until %s", k.ServedUntil, given)
		}

		r.rotate("created")
		if k = r.key("work"); k.Phase != "proving" || k.AccessKeyID != first || k.Next == nil || k.Next.AccessKeyID != second || k.Previous != nil || k.Back {
			t.Errorf("proving: %+v", k)
		}

		given = r.lease().Expiration
		switched := r.await("switched").Time
		k = r.key("work")
		p := k.Previous
		if k.Phase != "draining" || k.AccessKeyID != second || k.Next != nil || k.ServedUntil != nil || p == nil || p.AccessKeyID != first || p.Status != "Active" {
			t.Fatalf("draining: %+v %+v", k, p)
		}
		if p.ServedUntil == nil || p.ServedUntil.Before(given) || p.DeactivateAt == nil || p.DeactivateAt.Before(switched.Add(defaults.ImportedGrace).Truncate(time.Second)) || p.DeleteAt != nil {
			t.Errorf("draining: %+v, a lease runs until %s", p, given)
		}

		deactivated := r.await("deactivated").Time
		k = r.key("work")
		p = k.Previous
		if k.Phase != "monitoring" || p == nil || p.AccessKeyID != first || p.Status != "Inactive" || p.DeactivateAt != nil || p.DeleteAt == nil || p.DeleteAt.Before(deactivated.Add(defaults.Monitor).Truncate(time.Second)) {
			t.Errorf("monitoring: %+v %+v", k, p)
		}

		r.aws.set(first, true)
		r.await("held")
		if p = r.key("work").Previous; p == nil || p.Status != "Active" {
			t.Errorf("made active by somebody else: %+v", p)
		}
		r.resolve("deactivate")
		r.await("deactivated")
		if p = r.key("work").Previous; p == nil || p.Status != "Inactive" {
			t.Errorf("deactivated again: %+v", p)
		}
		r.await("deleted")
		if k = r.key("work"); k.Phase != "steady" || k.Previous != nil || k.Next != nil {
			t.Errorf("over: %+v", k)
		}
	})
}

// TestWhatAPersonSeesOfAnOrphan: every id that IAM lists must be findable.
func TestWhatAPersonSeesOfAnOrphan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.loseNextCreate()
		r.rotate("orphan")
		if k := r.key("work"); k.Phase != "creating" || k.Previous == nil || k.Previous.AccessKeyID != second || k.Previous.Status != "Active" {
			t.Errorf("an orphan: %+v %+v", k, k.Previous)
		}
		r.await("deactivated")
		if k := r.key("work"); k.Previous == nil || k.Previous.AccessKeyID != second || k.Previous.Status != "Inactive" {
			t.Errorf("made inactive: %+v", k.Previous)
		}
		r.await("switched")
		if k := r.key("work"); k.AccessKeyID != third || k.Previous == nil || k.Previous.AccessKeyID != first {
			t.Errorf("and then: %+v", k)
		}
	})
}

// TestWhatAPersonSeesOfAVersionGivenUp: it is still the next one, and Active.
func TestWhatAPersonSeesOfAVersionGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			switch {
			case a.Do == rotation.Prove && a.Signer.ID != first:
				return &rotation.Outcome{Result: rotation.Refused, Date: time.Now(), Text: "InvalidClientTokenId"}
			case a.Do == rotation.Delete:
				return &rotation.Outcome{Result: rotation.Throttled, Text: "Rate exceeded"}
			}
			return nil
		})
		r.rotate("gave-up")
		if k := r.key("work"); k.Phase != "deleting" || k.AccessKeyID != first || k.Next == nil || k.Next.AccessKeyID != second || k.Previous != nil {
			t.Errorf("given up: %+v", k)
		}
	})
}
