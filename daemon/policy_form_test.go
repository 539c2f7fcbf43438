package daemon

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/keys"
)

const bob = "arn:aws:iam::123456789012:user/eng/bob"

func TestThePolicyOfAPlainKey(t *testing.T) {
	const want = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "RotateOwnAccessKey",
      "Effect": "Allow",
      "Action": [
        "iam:CreateAccessKey",
        "iam:DeleteAccessKey",
        "iam:GetAccessKeyLastUsed",
        "iam:ListAccessKeys",
        "iam:UpdateAccessKey"
      ],
      "Resource": "arn:aws:iam::123456789012:user/eng/bob"
    },
    {
      "Sid": "OptionalLookForUsesInCloudTrail",
      "Effect": "Allow",
      "Action": [
        "cloudtrail:LookupEvents"
      ],
      "Resource": "*"
    }
  ]
}
`
	if got := (need{user: bob}).policy(); got != want {
		t.Errorf("%s", got)
	}
}

// rights makes of a policy what it allows: action and resource, by Sid.
func rights(t *testing.T, document string) map[string][]string {
	t.Helper()
	var p struct {
		Version   string
		Statement []struct {
			Sid, Effect, Resource string
			Action                []string
		}
	}
	if err := json.Unmarshal([]byte(document), &p); err != nil || p.Version != "2012-10-17" {
		t.Fatalf("%s: %v", document, err)
	}
	all := map[string][]string{}
	for _, s := range p.Statement {
		// IAM takes letters and digits, and no Sid twice (IAM user guide, Sid).
		if all[s.Sid] != nil || !regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(s.Sid) || s.Effect != "Allow" || len(s.Action) == 0 {
			t.Errorf("%+v", s)
		}
		for _, a := range s.Action {
			all[s.Sid] = append(all[s.Sid], a+" on "+s.Resource)
		}
	}
	return all
}

func TestWhatAPolicyAllows(t *testing.T) {
	const trail = "cloudtrail:LookupEvents on *"
	self := func(arn string) []string {
		return []string{"iam:CreateAccessKey on " + arn, "iam:DeleteAccessKey on " + arn, "iam:GetAccessKeyLastUsed on " + arn, "iam:ListAccessKeys on " + arn, "iam:UpdateAccessKey on " + arn}
	}
	administrator := func(arn string) []string {
		return slices.Insert(self(arn), 3, "iam:GetUser on "+arn)
	}
	const gov, odd = "arn:aws-us-gov:iam::210987654321:user/a", `arn:aws-cn:iam::210987654321:user/a,b=c+d@e&f`
	for name, x := range map[string]struct {
		need
		want map[string][]string
	}{
		"plain":                {need{user: bob}, map[string][]string{"RotateOwnAccessKey": self(bob), "OptionalLookForUsesInCloudTrail": {trail}}},
		"a name full of signs": {need{user: odd}, map[string][]string{"RotateOwnAccessKey": self(odd), "OptionalLookForUsesInCloudTrail": {trail}}},
		"regions alone need no more": {need{user: bob, monitor: keys.Monitor{Regions: []string{"eu-west-1"}}},
			map[string][]string{"RotateOwnAccessKey": self(bob), "OptionalLookForUsesInCloudTrail": {trail}}},
		"all of [monitor]": {need{user: bob, region: "eu-west-1", monitor: keys.Monitor{LogGroup: "/aws/trail", Alarms: []string{"a"}}},
			map[string][]string{"RotateOwnAccessKey": self(bob), "OptionalLookForUsesInCloudTrail": {trail},
				"MonitorLogGroup": {"logs:FilterLogEvents on arn:aws:logs:eu-west-1:123456789012:log-group:/aws/trail:*"}, "MonitorAlarms": {"cloudwatch:DescribeAlarms on *"}}},
		"another partition, no region": {need{user: gov, monitor: keys.Monitor{LogGroup: "trail"}},
			map[string][]string{"RotateOwnAccessKey": self(gov), "OptionalLookForUsesInCloudTrail": {trail},
				"MonitorLogGroup": {"logs:FilterLogEvents on arn:aws-us-gov:logs:*:210987654321:log-group:trail:*"}}},
		"a log group of another region": {need{user: bob, region: "eu-west-1", monitor: keys.Monitor{LogGroup: "arn:aws:logs:us-east-1:111122223333:log-group:org/trail"}},
			map[string][]string{"RotateOwnAccessKey": self(bob), "OptionalLookForUsesInCloudTrail": {trail},
				"MonitorLogGroup": {"logs:FilterLogEvents on arn:aws:logs:us-east-1:111122223333:log-group:org/trail:*"}}},
		"an administrator's": {need{user: bob, other: true},
			map[string][]string{"AdministratorRotatesAccessKeyOfThisUser": administrator(bob), "OptionalLookForUsesInCloudTrail": {trail}}},
		"an administrator's, for add --create": {need{user: bob, create: true},
			map[string][]string{"AdministratorRotatesAccessKeyOfThisUser": administrator(bob), "OptionalLookForUsesInCloudTrail": {trail}, "OptionalNamesOfUsersForCreate": {"iam:ListUsers on *"}}},
	} {
		got := rights(t, x.policy())
		if len(got) != len(x.want) {
			t.Errorf("%s: %v", name, got)
		}
		for sid, want := range x.want {
			if !slices.Equal(got[sid], want) {
				t.Errorf("%s: %s allows %v, not %v", name, sid, got[sid], want)
			}
		}
	}
}
