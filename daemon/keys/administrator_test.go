package keys_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// bossID is the access key of the user who rotates others.
const bossID = "AKIABOSS000000000000"

// addBoss takes an administrator's key in, under a name.
func (r *rig) addBoss(name string) {
	r.t.Helper()
	if _, err := r.set.Add(context.Background(), name, api.AddRequest{AccessKeyID: bossID, SecretAccessKey: "the secret of " + bossID}); err != nil {
		r.t.Fatal(err)
	}
}

// newOffice is a rig whose key work is rotated with the key boss, since bob may
// not change anything himself. The key boss is not there yet.
func newOffice(t *testing.T) *rig {
	r := newRig(t)
	r.aws.user("boss", bossID)
	r.aws.manages = "boss"
	r.add()
	r.aws.fail = func(a rotation.Action) *rotation.Outcome {
		if r.aws.ownerOf(a.Signer.ID) != "bob" || a.Do == rotation.Prove || a.Do == rotation.Check {
			return nil
		}
		r.t.Errorf("%s is signed by bob himself", a.Do)
		return nil
	}
	r.mu.Lock()
	r.with["work"] = "boss"
	r.mu.Unlock()
	return r
}

// TestAnAdministratorRotates: the calls to IAM are signed by the version of the
// administrator that is current at that moment, also while the administrator's
// own key is rotated again and again.
func TestAnAdministratorRotates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newOffice(t)
		defer func() { r.end() }()
		r.addBoss("boss")
		var current atomic.Pointer[string]
		current.Store(new(bossID))
		signers := map[string]int{}
		r.aws.mu.Lock()
		r.aws.saw = func(user string, a rotation.Action) {
			if user != "bob" || a.Do == rotation.Prove || a.Do == rotation.Check {
				return
			}
			signers[a.Signer.ID]++
			if a.Signer.ID != *current.Load() {
				t.Errorf("%s is signed by %s, and current is %s", a.Do, a.Signer.ID, *current.Load())
			}
		}
		r.aws.mu.Unlock()
		stop := r.client()
		var rotations int
		for end := time.Now().Add(100 * 24 * time.Hour); time.Now().Before(end); {
			time.Sleep(20 * time.Minute)
			for _, name := range []string{"work", "boss"} {
				if _, err := r.set.Rotate(context.Background(), name, api.RotateRequest{}); err == nil {
					rotations++
				}
			}
			current.Store(new(r.key("boss").AccessKeyID)) // no step takes place at this very moment
		}
		if rotations < 10 || len(signers) < 4 {
			t.Errorf("%d rotations were begun, signed by %v", rotations, signers)
		}
		if stop() == 0 {
			t.Error("the client has signed nothing")
		}
	})
}

// TestWithoutItsAdministrator nothing is done, somebody is told, and it goes on
// once the administrator is there.
func TestWithoutItsAdministrator(t *testing.T) {
	t.Run("not here", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newOffice(t)
			defer func() { r.end() }()
			r.waits("is not here")
			r.addBoss("boss")
			r.await("deleted")
			if ids := r.aws.ids(); !slices.Equal(ids, []string{bossID, second}) {
				t.Errorf("IAM ends with %v", ids)
			}
		})
	})
	t.Run("of another account", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newOffice(t)
			defer func() { r.end() }()
			r.aws.mu.Lock()
			r.aws.users["boss"] = "arn:aws:iam::999999999999:user/boss"
			r.aws.mu.Unlock()
			r.addBoss("boss")
			r.waits("another account")
		})
	})
	t.Run("itself", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newOffice(t)
			defer func() { r.end() }()
			r.mu.Lock()
			r.with["work"] = "Work"
			r.mu.Unlock()
			r.waits("same IAM user")
		})
	})
	t.Run("unread", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newOffice(t)
			r.addBoss("boss")
			r.end()
			d := &oneDown{Items: r.items, name: "boss"}
			d.down.Store(true)
			set, end := r.open(d, "machine", nil)
			r.set, r.end = set, end
			defer end()
			r.waits("cannot be read")
			d.down.Store(false)
			r.await("deleted")
		})
	})
}

// waits expects a rotation of work to do nothing, and a warning to say why.
func (r *rig) waits(why string) {
	r.t.Helper()
	synctest.Wait()
	before := r.aws.active()
	if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(3 * 24 * time.Hour)
	if w := r.warned("retrying"); w == nil || !strings.Contains(w.Text, why) {
		r.t.Errorf("warned: %+v, want %q", w, why)
	}
	if k := r.key("work"); k.Phase != "steady" || r.lease().AccessKeyId != first {
		r.t.Errorf("it is %+v", k)
	}
	if now := r.aws.active(); len(now) != len(before) {
		r.t.Errorf("IAM had %v and has %v", before, now)
	}
}

// TestTheAdministratorComesAndGoes in the middle of each phase of a rotation.
func TestTheAdministratorComesAndGoes(t *testing.T) {
	for _, when := range []string{"before anything is sent", "creating", "created", "switched", "deactivated"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newOffice(t)
				defer func() { r.end() }()
				r.addBoss("boss")
				goes := func() {
					if _, err := r.set.Remove(context.Background(), "boss", api.RemoveRequest{}); err != nil {
						t.Fatal(err)
					}
				}
				creations := 0
				r.aws.saw = func(_ string, a rotation.Action) {
					if a.Do == rotation.Create {
						creations++
					}
				}
				switch when {
				case "before anything is sent": // the intent is durable, and the key stands still until this is over
					r.meanwhile = func(e api.Event) {
						if e.Event == "began" && e.Key == "work" {
							r.meanwhile = nil
							goes()
						}
					}
					r.rotate("began")
				case "creating": // the request is on its way
					r.aws.block = make(chan struct{})
					r.rotate("began")
					synctest.Wait()
					goes()
					close(r.aws.block)
				default:
					r.rotate(when)
					goes()
				}
				time.Sleep(10 * 24 * time.Hour)
				l := r.lease()
				if !r.aws.sign(l.AccessKeyId, l.SecretAccessKey) {
					t.Errorf("%s is handed out: %+v", l.AccessKeyId, r.key("work"))
				}
				// Where nothing was sent certainly nothing was made, and the intent is
				// given up.
				unsent := when == "before anything is sent"
				if (creations == 0) != unsent || (r.key("work").Phase == "steady") != unsent {
					t.Errorf("%d creations were sent, and nobody could sign since: %+v", creations, r.key("work"))
				}
				r.addBoss("boss")
				r.await("deleted")
				if ids := r.aws.ids(); !slices.Equal(ids, []string{bossID, second}) {
					t.Errorf("IAM ends with %v", ids)
				}
			})
		})
	}
}

// TestAdministratorIsTakenOut and the key goes on by itself.
func TestAdministratorIsTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newOffice(t)
		defer func() { r.end() }()
		r.addBoss("boss")
		r.rotate("switched")
		r.mu.Lock()
		delete(r.with, "work")
		r.mu.Unlock()
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			if a.Do == rotation.Deactivate && r.aws.ownerOf(a.Signer.ID) != "bob" {
				t.Errorf("%s is signed by %s", a.Do, a.Signer.ID)
			}
			return nil
		})
		r.set.Reconfigure()
		r.await("deleted")
	})
}

// TestTheUserIsDeleted: only another user's key can find that out for certain.
func TestTheUserIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newOffice(t)
		defer func() { r.end() }()
		r.addBoss("boss")
		r.aws.mu.Lock()
		delete(r.aws.users, "bob")
		delete(r.aws.keys, first)
		r.aws.mu.Unlock()
		time.Sleep(65 * time.Minute)
		if r.warned("current-refused") == nil {
			t.Error("nobody is warned")
		}
		for range 2 {
			if r.key("work").Phase == "held" {
				r.resolve("retry")
			} else if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
				t.Fatal(err)
			}
			r.await("held")
			if c := r.held("work", "user-gone"); !slices.Equal(c, []string{"retry"}) {
				t.Errorf("choices: %v", c)
			}
		}
		if ids := r.aws.ids(); !slices.Equal(ids, []string{bossID}) {
			t.Errorf("IAM has %v", ids)
		}
	})
}
