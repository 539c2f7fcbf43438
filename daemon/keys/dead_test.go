package keys_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// warned finds a warning by its code.
func (r *rig) warned(code string) *api.Warning {
	for _, w := range r.set.Warnings() {
		if w.Code == code {
			return &w
		}
	}
	return nil
}

// TestTheCurrentVersionIsEnded by an administrator while the previous one is
// still active: that one is handed out again, and a person decides.
func TestTheCurrentVersionIsEnded(t *testing.T) {
	for how, end := range map[string]func(*fakeAWS){
		"deactivated": func(f *fakeAWS) { f.set(second, false) },
		"deleted":     func(f *fakeAWS) { f.drop(second) },
	} {
		for choice, left := range map[string]string{"rollback": first, "replace": third} {
			t.Run(how+", then "+choice, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					defer func() { r.end() }()
					r.add()
					r.rotate("switched")
					time.Sleep(5 * time.Hour)
					end(r.aws)
					ended := time.Now()
					if e := r.await("current-dead"); e.AccessKeyID != first || time.Since(ended) > 70*time.Minute {
						t.Errorf("after %s told: %+v", time.Since(ended), e)
					}
					if c := r.held("work", "current-dead"); !slices.Equal(c, []string{"rollback", "replace"}) {
						t.Errorf("choices: %v", c)
					}
					if p := r.key("work").Previous; p == nil || p.AccessKeyID != second || p.Status != "Inactive" {
						t.Errorf("beside it: %+v", p)
					}
					if w := r.warned("current-refused"); w != nil {
						t.Errorf("still warned: %+v", w)
					}
					stop := r.client()
					time.Sleep(60 * 24 * time.Hour)
					if l := r.lease(); l.AccessKeyId != first {
						t.Errorf("%s is handed out", l.AccessKeyId)
					}
					r.held("work", "current-dead")
					r.resolve(choice)
					for r.key("work").Phase != "steady" || len(r.aws.ids()) > 1 || r.aws.ids()[0] != left {
						if time.Sleep(time.Hour); time.Since(ended) > 200*24*time.Hour {
							t.Fatalf("never: %+v", r.key("work"))
						}
					}
					r.ends(map[string]bool{left: true})
					stop()
				})
			})
		}
	}
}

// TestOneRefusalCondemnsNobody: neither a replica that lags, nor a previous
// version that is no better, lets the daemon go back by itself.
func TestOneRefusalCondemnsNobody(t *testing.T) {
	t.Run("one replica", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			defer func() { r.end() }()
			r.add()
			r.rotate("switched")
			n := 0
			r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
				if a.Do != rotation.Check {
					return nil
				}
				if n++; n%3 == 0 { // two of three
					return nil
				}
				return &rotation.Outcome{Result: rotation.Refused, Text: "InvalidClientTokenId", Date: time.Now()}
			})
			r.await("deleted")
			if n < 100 {
				t.Errorf("it was checked %d times", n)
			}
			r.ends(map[string]bool{second: true})
		})
	})
	t.Run("both ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			defer func() { r.end() }()
			r.add()
			r.rotate("switched")
			r.aws.set(first, false)
			r.aws.set(second, false)
			time.Sleep(40 * 24 * time.Hour)
			if l := r.lease(); l.AccessKeyId != second || r.key("work").Phase != "draining" {
				t.Errorf("%s is handed out: %+v", l.AccessKeyId, r.key("work"))
			}
			if r.warned("current-refused") == nil {
				t.Error("nobody is warned")
			}
			r.aws.set(second, true)
			r.await("deleted")
			r.ends(map[string]bool{second: true})
		})
	})
}

// TestTheOnlyVersionIsRefused warns within the hour, and ends the warning once
// it works again. There is nothing else to hand out.
func TestTheOnlyVersionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		time.Sleep(10 * time.Hour)
		if w := r.warned("current-refused"); w != nil {
			t.Fatalf("warned of nothing: %+v", w)
		}
		r.aws.set(first, false)
		time.Sleep(65 * time.Minute)
		w := r.warned("current-refused")
		if w == nil || w.Severity != "error" || !strings.Contains(w.Text, "InvalidClientTokenId") || !strings.Contains(w.Remedy, first) {
			t.Errorf("warned: %+v", w)
		}
		if l := r.lease(); l.AccessKeyId != first || r.key("work").Phase != "steady" {
			t.Errorf("it is %+v", r.key("work"))
		}
		r.aws.set(first, true)
		time.Sleep(65 * time.Minute)
		if w := r.warned("current-refused"); w != nil {
			t.Errorf("still warned: %+v", w)
		}
		r.rotate("deleted")
	})
}

// TestTheUserIsRenamed: the new name is taken in, and rotations go on with it,
// also one that is under way.
func TestTheUserIsRenamed(t *testing.T) {
	const now = "arn:aws:iam::123456789012:user/robert"
	for _, until := range []string{"", "created", "switched", "deactivated"} {
		t.Run("after "+until, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				stop := r.client()
				if until != "" {
					r.rotate(until)
				}
				r.aws.rename("robert")
				renamed := time.Now()
				if e := r.await("renamed"); time.Since(renamed) > 65*time.Minute || !strings.Contains(e.Text, now) {
					t.Errorf("after %s told: %+v", time.Since(renamed), e)
				}
				if k := r.key("work"); k.UserARN != now {
					t.Errorf("it is %+v", k)
				}
				if until == "" {
					r.rotate("deleted")
				} else {
					r.await("deleted")
				}
				if h := r.key("work").Hold; h != nil {
					t.Errorf("it is held: %+v", h)
				}
				r.ends(map[string]bool{second: true})
				stop()
			})
		})
	}
}

// TestARotationInTheHourOfTheRename asks before any check has told the new name:
// policy refuses the old one, and the next check sets it right.
func TestARotationInTheHourOfTheRename(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.aws.rename("robert")
		r.rotate("deleted")
		r.ends(map[string]bool{second: true})
	})
}

// TestWhatPolicyForbids is told apart: what nobody allowed, what is forbidden
// expressly (as a policy that wants MFA does), and a user who is gone.
func TestWhatPolicyForbids(t *testing.T) {
	for code, words := range map[string]string{"access-denied": "not authorized", "mfa-required": "MFA", "user-gone": "no such IAM user"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				holding[code](r)
				if c := r.held("work", code); !slices.Equal(c, []string{"retry"}) {
					t.Errorf("choices: %v", c)
				}
				if h := r.key("work").Hold; !strings.Contains(h.Text, words) {
					t.Errorf("the text is %q", h.Text)
				}
				r.resolve("retry") // before anything is mended
				r.await("held")
				r.held("work", code)
				r.ends(map[string]bool{first: true})
				r.aws.meddle(nil)
				r.resolve("retry")
				r.await("deleted")
				r.ends(map[string]bool{second: true})
			})
		})
	}
}
