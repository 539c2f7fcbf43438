package keys_test

import (
	"testing"
	"testing/synctest"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/helper"
)

// TestIdentifyKeepsNothing asks whose a key is, and refuses what add refuses.
func TestIdentifyKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		id, secret := first, "the first secret of bob"
		who, err := keys.Identify(t.Context(), r.aws, api.IdentifyRequest{AccessKeyID: id, SecretAccessKey: secret})
		if err != nil || who.UserARN != arn {
			t.Errorf("%v %v", who, err)
		}
		if len(r.set.List()) != 0 {
			t.Error("a key was kept")
		}
		for name, c := range map[string]struct {
			id, secret, code string
			exit             int
		}{
			"another secret": {id, secret[1:] + "x", "key-refused", helper.ExitAWS},
			"temporary":      {"ASIA" + id[4:], secret, "temporary-key", helper.ExitRefused},
			"no id":          {"x", secret, "bad-access-key-id", helper.ExitUsage},
			"no secret":      {id, "", "bad-secret", helper.ExitUsage},
		} {
			_, err := keys.Identify(t.Context(), r.aws, api.IdentifyRequest{AccessKeyID: c.id, SecretAccessKey: c.secret})
			if e, ok := err.(*api.Error); !ok || e.Code != c.code || e.Exit != c.exit {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
