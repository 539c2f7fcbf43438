package keys

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
)

// Rotating are the calls to IAM that a rotation makes.
var Rotating = []string{"iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:UpdateAccessKey"}

const (
	clockNoted = time.Minute     // a difference worth a word
	clockWrong = 5 * time.Minute // AWS refuses what is signed further off, and gates stay shut
)

// Check asks AWS, without changing or trying anything, what could keep a key from
// being rotated: this machine's clock, the rights of whoever makes the calls, and a
// second access key of the user that is not ours.
func (s *Set) Check(ctx context.Context, name string) (api.Checked, error) {
	asking, done, err := s.alone(ctx, "check the key "+name)
	if err != nil {
		return api.Checked{}, err
	}
	defer done()
	k, err := s.key(name)
	if err != nil {
		return api.Checked{}, err
	}
	k.mu.Lock()
	r, loaded := k.r, k.loaded
	k.mu.Unlock()
	if !loaded {
		return api.Checked{}, StoreError("read the key "+k.name, k.unreadable())
	}
	signer := r.Current
	if by := s.administrator(k.name, r); by != "" {
		if signer, err = s.signerFor(k.name, r); err != nil {
			return api.Checked{}, err
		}
	}
	aws, err := s.AWS(k.name)
	if err != nil {
		return api.Checked{}, api.NewError(helper.ExitUsage, "bad-aws-settings", err.Error(), "mend [aws] in the configuration")
	}
	list := aws.Do(asking, r.User.Name(), rotation.Action{Do: rotation.List, Signer: signer})
	checks := []api.Check{reached(k.name, signer.ID, list)}
	if !list.Date.IsZero() {
		checks = append(checks, clockCheck(list.Date.Sub(s.Wall())))
	}
	if list.Result == rotation.OK {
		checks = append(checks, strangers(k, list.Keys)...)
	}
	if list.Result == rotation.OK || list.Result == rotation.Denied {
		allowed, o := aws.Allowed(asking, signer, r.User, Rotating)
		checks = append(checks, rights(k.name, allowed, o))
	}
	return api.Checked{Checks: checks}, nil
}

func reached(name, id string, o rotation.Outcome) api.Check {
	c := api.Check{Code: "aws", State: "ok", Text: name + ": AWS takes access key " + rotation.Short(id)}
	switch o.Result {
	case rotation.OK, rotation.Denied: // it authenticated
	case rotation.Refused:
		c.State, c.Text, c.Remedy = "error", name+": AWS refuses access key "+rotation.Short(id)+": "+o.Text, "see in the console whether it is active"
	default:
		c.State, c.Text, c.Remedy = "error", name+": AWS could not be asked: "+o.Text, "see the network, and proxy and ca_bundle below [aws]"
	}
	return c
}

func clockCheck(ahead time.Duration) api.Check {
	c := api.Check{Code: "clock", State: "ok", Text: "this machine's clock agrees with AWS's"}
	if off := ahead.Abs(); off >= clockNoted {
		c.State, c.Remedy = "warning", "set the clock right, best by NTP"
		c.Text = "this machine's clock and AWS's differ by " + off.Round(time.Second).String()
		if off >= clockWrong {
			c.State, c.Text = "error", c.Text+": AWS refuses what is signed here, and rotations wait"
		}
	}
	return c
}

// strangers are the user's access keys in IAM that awskeyd does not hold.
func strangers(k *Key, rows []rotation.KeyInfo) (checks []api.Check) {
	ours := k.ids()
	for _, row := range rows {
		if !slices.Contains(ours, row.ID) {
			checks = append(checks, api.Check{Code: "second-key", State: "warning",
				Text:   fmt.Sprintf("%s: IAM has a second access key %s of this user, so that no new one can be made", k.name, rotation.Short(row.ID)),
				Remedy: "delete it in the console when nothing uses it, or awskey rotate " + k.name + " and awskey resolve " + k.name})
		}
	}
	return checks
}

func rights(name string, allowed map[string]bool, o rotation.Outcome) api.Check {
	c := api.Check{Code: "permissions", State: "ok", Text: name + ": IAM allows every call of a rotation"}
	var missing []string
	for _, action := range Rotating {
		if !allowed[action] {
			missing = append(missing, action)
		}
	}
	switch {
	case o.Result == rotation.Denied:
		c.Text = name + ": whether IAM allows a rotation cannot be told without trying (iam:SimulatePrincipalPolicy is not allowed)"
	case o.Result != rotation.OK:
		c.State, c.Text = "warning", name+": IAM does not tell what is allowed: "+o.Text
	case len(missing) > 0:
		c.State, c.Text, c.Remedy = "error", name+": IAM does not allow "+strings.Join(missing, ", "), "awskey policy "+name+" prints the policy it needs"
	}
	return c
}
