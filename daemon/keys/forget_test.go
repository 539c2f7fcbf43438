package keys_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// TestAClosedSetHandsNothingOut: whoever asks beside the closing gets a whole
// answer or none.
func TestAClosedSetHandsNothingOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		whole, err := r.set.Credentials("work")
		if err != nil {
			t.Fatal(err)
		}
		var askers sync.WaitGroup
		for range 8 {
			askers.Go(func() {
				for {
					answer, err := r.set.Credentials("work")
					if err != nil {
						return
					}
					if len(answer) != len(whole) {
						t.Errorf("half an answer: %d of %d bytes", len(answer), len(whole))
						return
					}
				}
			})
		}
		r.end()
		askers.Wait()
		var e *api.Error
		if _, err := r.set.Add(context.Background(), "other", api.AddRequest{AccessKeyID: first, SecretAccessKey: "the first secret of bob"}); !errors.As(err, &e) || e.Code != "store-unavailable" {
			t.Errorf("taking in after the end: %v", err)
		}
		if _, err := r.set.Rename(context.Background(), "work", api.RenameRequest{NewName: "home"}); !errors.As(err, &e) || e.Code != "store-unavailable" {
			t.Errorf("renaming after the end: %v", err)
		}
	})
}

// TestASwitchUnderHelpersIsWhole: the version before is wiped at the switch, and
// nobody is handed the pieces.
func TestASwitchUnderHelpersIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		before := r.lease().AccessKeyId
		if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		for r.lease().AccessKeyId == before { // lease fails the test for anything but a whole answer
			time.Sleep(time.Second)
		}
	})
}
