package keys

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awsapi"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

// TestASilentPlace: one that never answers costs its own time limit and is
// blind; the others have told meanwhile. The caller's end ends it too.
func TestASilentPlace(t *testing.T) {
	limit := glance
	t.Cleanup(func() { glance = limit })
	s := awstest.NewServer(awstest.Options{LogGroup: "trail"})
	defer s.Close()
	s.CreateUser("bob", "", awstest.Watcher())
	id, text := s.IssueKey("bob")
	s.SetScript(awstest.Rules(awstest.Rule{Action: "LookupEvents", Fault: awstest.Hang()}, awstest.Rule{Action: "FilterLogEvents", Fault: awstest.Hang()}))
	look := rotation.Action{Do: rotation.Look, Signer: rotation.Version{ID: id, Secret: secret.New(text)}, Target: id, Since: time.Now().Add(-time.Hour), Watch: true}
	for name, try := range map[string]struct {
		glance time.Duration
		ended  string
	}{
		"its own limit":    {100 * time.Millisecond, "no answer from " + strings.TrimPrefix(s.URL, "http://") + " in time"},
		"the caller's end": {time.Hour, "stopped while waiting for the answer of " + strings.TrimPrefix(s.URL, "http://")},
	} {
		t.Run(name, func(t *testing.T) {
			glance = try.glance
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var waiting atomic.Int32
			waiting.Store(2)
			s.SetHook(func(_ context.Context, m awstest.Moment, c awstest.Call) {
				if m == awstest.Seen && try.glance == time.Hour && (c.Action == "LookupEvents" || c.Action == "FilterLogEvents") {
					if waiting.Add(-1) == 0 {
						cancel()
					}
				}
			})
			c, err := awsapi.New(awsapi.Config{EndpointURL: s.URL})
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			o := IAM{c, func() Monitor { return Monitor{LogGroup: "trail"} }}.Do(ctx, "bob", look)
			o.Blind = slices.DeleteFunc(o.Blind, func(b string) bool { return strings.HasPrefix(b, "last-used") }) // perhaps cut off too
			if want := []string{"CloudTrail in us-east-1: " + try.ended, "the log group trail: " + try.ended}; !slices.Equal(o.Blind, want) {
				t.Errorf("%q, want %q", o.Blind, want)
			}
			if took := time.Since(begin); took > awsapi.CreateTimeout/2 { // where a call without a glance would end
				t.Errorf("took %v", took)
			}
			if try.glance < time.Hour && o.Result != rotation.OK {
				t.Errorf("%+v", o)
			}
		})
	}
}
