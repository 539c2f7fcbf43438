package keys_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
)

// leak says that the access key in use is known to others, and returns its id.
func (r *rig) leak() (id string) {
	r.t.Helper()
	id = r.lease().AccessKeyId
	r.aws.mu.Lock()
	r.aws.after = func(a rotation.Action, o *rotation.Outcome) {
		if a.Do == rotation.Deactivate && a.Target == r.lease().AccessKeyId {
			r.t.Errorf("%s is deactivated while it is handed out", a.Target)
		}
	}
	r.aws.mu.Unlock()
	if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{Leaked: true}); err != nil {
		r.t.Fatal(err)
	}
	return id
}

// ended expects a leaked access key to be useless within the hour, another one
// to be handed out, and the rotation to end like any other.
func (r *rig) ended(leaked string) {
	r.t.Helper()
	asked := time.Now()
	for r.aws.active()[leaked] {
		if time.Sleep(time.Minute); time.Since(asked) > time.Hour {
			r.t.Fatalf("an hour later %s is still active: %+v", leaked, r.key("work"))
		}
	}
	l := r.lease()
	if l.AccessKeyId == leaked || !r.aws.sign(l.AccessKeyId, l.SecretAccessKey) {
		r.t.Errorf("after %s leaked, %s is handed out", leaked, l.AccessKeyId)
	}
	r.wrong.Store(0) // where it was: the end of the rotation waits for it, that of a leaked key does not
	if k := r.key("work"); k.Phase == "monitoring" && (k.Previous.AccessKeyID != leaked || k.Previous.Status != "Inactive") {
		r.t.Errorf("beside it: %+v", k.Previous)
	}
	for r.key("work").Phase != "steady" {
		if time.Sleep(time.Hour); time.Since(asked) > 30*24*time.Hour {
			r.t.Fatalf("a month later: %+v", r.key("work"))
		}
	}
	r.ends(map[string]bool{l.AccessKeyId: true})
}

// TestLeaked ends a leaked access key at once from every phase. Where the second
// place is taken by a key on its way out, that one makes room first.
func TestLeaked(t *testing.T) {
	for name, c := range map[string]struct {
		until  string // how far a rotation has come
		leaked string
	}{
		"steady":     {"", first},
		"proving":    {"created", first},
		"draining":   {"switched", second},
		"monitoring": {"deactivated", second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				if c.until != "" {
					r.rotate(c.until)
				}
				if k := r.key("work"); k.Phase != name {
					t.Fatalf("it is %s", k.Phase)
				}
				if id := r.leak(); id != c.leaked {
					t.Fatalf("%s is handed out", id)
				}
				r.ended(c.leaked)
			})
		})
	}
}

// TestLeakedWhileNothingElseMayBe refuses where a key of unknown origin has the
// second place, or nobody could be asked to end anything.
func TestLeakedWhileNothingElseMayBe(t *testing.T) {
	for code, bring := range holding {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				r.add()
				bring(r)
				r.held("work", code)
				before := r.aws.active()
				switch code {
				case "second-key", "orphan-used", "endpoint-changed":
					var e *api.Error
					if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{Leaked: true}); !errors.As(err, &e) || e.Code != "held" || e.Remedy == "" {
						t.Errorf("refused with %v", err)
					}
					r.held("work", code)
					time.Sleep(time.Hour)
					r.ends(before)
				default:
					r.aws.meddle(nil)
					r.ended(r.leak())
				}
			})
		})
	}
}

// holding brings a key into every hold that a record knows.
var holding = map[string]func(*rig){
	"second-key": func(r *rig) {
		r.aws.user("bob", "AKIASTRANGER00000000")
		r.rotate("held")
	},
	"orphan-used": func(r *rig) {
		r.loseNextCreate()
		r.rotate("orphan")
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			if a.Do != rotation.Look {
				return nil
			}
			return &rotation.Outcome{Result: rotation.OK, Date: time.Now(), Used: time.Now().Add(-time.Hour), Where: "s3 in eu-west-1"}
		})
		r.await("held")
	},
	"endpoint-changed": func(r *rig) {
		r.endpoint.Store(new("https://iam.example.com"))
		r.set.Reconfigure()
		r.await("held")
	},
	"used-elsewhere": func(r *rig) {
		r.rotate("switched")
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			if a.Do != rotation.Look {
				return nil
			}
			return &rotation.Outcome{Result: rotation.OK, Date: time.Now(), Used: time.Now().Add(-time.Minute), Where: "s3 in eu-west-1"}
		})
		r.await("held")
	},
	"auth-failures": func(r *rig) {
		r.rotate("deactivated")
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			if a.Do != rotation.Look || !a.Watch {
				return nil
			}
			return &rotation.Outcome{Result: rotation.OK, Date: time.Now(), Trouble: "the alarm calls-refused is ringing"}
		})
		r.await("held")
	},
	"reactivated": func(r *rig) {
		r.rotate("deactivated")
		r.aws.set(first, true)
		r.await("held")
	},
	"rolled-back": func(r *rig) {
		r.rotate("switched")
		r.rollback()
		r.await("held")
	},
	"current-dead": func(r *rig) {
		r.rotate("switched")
		r.aws.set(second, false)
		r.await("held")
	},
	"never-proves": func(r *rig) {
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			if a.Do != rotation.Prove || a.Signer.ID == first {
				return nil
			}
			return &rotation.Outcome{Result: rotation.Refused, Date: time.Now(), Text: "InvalidClientTokenId"}
		})
		r.rotate("held")
	},
	"access-denied": func(r *rig) {
		r.aws.meddle(deny(rotation.Create, false))
		r.rotate("held")
	},
	"mfa-required": func(r *rig) {
		r.aws.meddle(deny(rotation.Create, true))
		r.rotate("held")
	},
	"user-gone": func(r *rig) {
		r.aws.meddle(func(a rotation.Action) *rotation.Outcome {
			if a.Do != rotation.List {
				return nil
			}
			return &rotation.Outcome{Result: rotation.Missing, Date: time.Now(), Text: "the user bob cannot be found"}
		})
		r.rotate("held")
	},
	"clock": func(r *rig) {
		r.rotate("switched")
		r.lease()
		r.wrong.Store(int64(-3 * time.Hour))
		r.await("held")
	},
}

// deny lets policy refuse one kind of call, expressly or by saying nothing.
func deny(verb rotation.Verb, expressly bool) func(rotation.Action) *rotation.Outcome {
	return func(a rotation.Action) *rotation.Outcome {
		if a.Do != verb {
			return nil
		}
		return &rotation.Outcome{Result: rotation.Denied, Date: time.Now(), Text: "not authorized to perform " + string(verb), Explicit: expressly}
	}
}

// loseNextCreate executes the next CreateAccessKey and loses its answer.
func (r *rig) loseNextCreate() {
	r.aws.mu.Lock()
	defer r.aws.mu.Unlock()
	r.aws.after = func(a rotation.Action, o *rotation.Outcome) {
		if a.Do == rotation.Create && o.Result == rotation.OK {
			*o, r.aws.after = rotation.Outcome{Result: rotation.Ambiguous, Text: "the connection broke"}, nil
		}
	}
}

// TestLeakedWhileTheStoreIsInDoubt: a hold that only the process knows stands.
func TestLeakedWhileTheStoreIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		r.end()
		set, end := r.open(r.items, "another", nil)
		defer end()
		r.set = set // the first hands nothing out any more
		synctest.Wait()
		var e *api.Error
		if _, err := set.Rotate(context.Background(), "work", api.RotateRequest{Leaked: true}); !errors.As(err, &e) || e.Exit != helper.ExitHeld {
			t.Errorf("on another machine's record: %v", err)
		}
		r.ends(map[string]bool{first: true})
		r.items.Down(store.ErrLocked)
		if _, err := set.Rotate(context.Background(), "work", api.RotateRequest{Leaked: true}); !errors.As(err, &e) || e.Exit != helper.ExitHeld {
			t.Errorf("with a locked store as well: %v", err)
		}
	})
}

// TestACrashWhileALeakedKeyIsEnded ends the daemon after each call to AWS.
func TestACrashWhileALeakedKeyIsEnded(t *testing.T) {
	crashed := 0
	for at := 1; at == crashed+1; at++ {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			defer func() { r.end() }()
			r.add()
			calls := 0
			r.aws.meddle(func(rotation.Action) *rotation.Outcome { calls++; return nil })
			leaked := r.leak()
			for asked := time.Now(); r.aws.active()[leaked]; {
				r.aws.mu.Lock()
				now := calls >= at && crashed < at
				r.aws.mu.Unlock()
				if now {
					r.end()
					r.start()
					synctest.Wait()
					crashed = at
				}
				if time.Sleep(100 * time.Millisecond); time.Since(asked) > 48*time.Hour {
					t.Fatalf("call %d: two days later %s is active: %+v", at, leaked, r.key("work"))
				}
			}
			l := r.lease()
			for r.key("work").Phase != "steady" {
				time.Sleep(time.Hour)
			}
			r.ends(map[string]bool{l.AccessKeyId: true})
		})
	}
	if crashed < 5 || crashed > 1000 {
		t.Errorf("it made %d calls", crashed)
	}
}
