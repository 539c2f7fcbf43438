package keys_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// told are the states of a check, by its code.
func (r *rig) checked() map[string]string {
	r.t.Helper()
	checked, err := r.set.Check(context.Background(), "work")
	if err != nil {
		r.t.Fatal(err)
	}
	states := map[string]string{}
	for _, c := range checked.Checks {
		states[c.Code] = c.State
		if (c.State == "error") != (c.Remedy != "") && c.State != "warning" {
			r.t.Errorf("%+v", c)
		}
	}
	return states
}

// TestCheckChangesNothing tells what is wrong and makes no call that changes IAM.
func TestCheckChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.aws.saw = func(_ string, a rotation.Action) {
			switch a.Do {
			case rotation.Create, rotation.Activate, rotation.Deactivate, rotation.Delete:
				t.Errorf("%s was sent", a.Do)
			}
		}
		all := func(want map[string]string) {
			t.Helper()
			got := r.checked()
			for code, state := range want {
				if got[code] != state {
					t.Errorf("%s is %q, want %q: %v", code, got[code], state, got)
				}
			}
		}
		all(map[string]string{"aws": "ok", "clock": "ok", "permissions": "ok", "second-key": ""})
		r.aws.forbidden = "iam:DeleteAccessKey"
		all(map[string]string{"permissions": "error"})
		r.aws.forbidden = ""
		r.wrong.Store(int64(2 * time.Minute))
		all(map[string]string{"clock": "warning"})
		r.wrong.Store(int64(-6 * time.Minute))
		all(map[string]string{"clock": "error"})
		r.wrong.Store(0)
		r.aws.user("bob", "AKIASECOND0000000000")
		all(map[string]string{"second-key": "warning", "permissions": "ok"})
		r.aws.fail = func(rotation.Action) *rotation.Outcome {
			return &rotation.Outcome{Result: rotation.NotSent, Text: "no route to host"}
		}
		all(map[string]string{"aws": "error", "permissions": "", "clock": ""})
		r.aws.fail = nil
		r.aws.set(first, false)
		all(map[string]string{"aws": "error", "permissions": ""})
	})
}

// TestCheckOfNothing refuses what is not there.
func TestCheckOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		_, err := r.set.Check(context.Background(), "nobody")
		if e, ok := err.(*api.Error); !ok || e.Code != "no-such-key" || !strings.Contains(e.Message, "nobody") {
			t.Errorf("%v", err)
		}
	})
}
