package awstest

import "strings"

// Policy is what a user may do. Actions are written as in IAM, "iam:GetUser";
// a trailing * stands for anything.
type Policy struct {
	Own  []string // allowed on the user itself, as ${aws:username} does
	Any  []string // allowed on whatever resource
	Deny []string // explicitly denied
	// NeedMFA denies explicitly, without MFA, everything but what AWS's own
	// policy of that kind leaves (IAM user guide, "Allows MFA-authenticated IAM
	// users to manage their own credentials"): iam:GetUser is the one of it that
	// the emulator has.
	NeedMFA bool
}

// Rotator is the policy of a user that rotates its own key and uses SNS.
func Rotator() Policy {
	return Policy{
		Own: []string{
			"iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:GetAccessKeyLastUsed",
			"iam:GetUser", "iam:ListAccessKeys", "iam:UpdateAccessKey",
		},
		Any: []string{"sns:ListTopics"},
	}
}

// Watcher is the policy of a Rotator that may also ask CloudTrail and CloudWatch
// who used a key.
func Watcher() Policy {
	p := Rotator()
	p.Any = append(p.Any, "cloudtrail:LookupEvents", "logs:FilterLogEvents", "cloudwatch:DescribeAlarms")
	return p
}

// Manager is the policy of an administrator that rotates other users' keys.
func Manager() Policy {
	p := Watcher()
	p.Any = append(p.Any, append(p.Own, "iam:ListUsers")...)
	return p
}

// Admin is the policy that allows everything.
func Admin() Policy {
	return Policy{Any: []string{"*"}}
}

// denied returns why an action is refused, in AWS's words ("Troubleshoot access
// denied error messages"), or nothing.
func (p Policy) denied(action string, own, mfa bool) string {
	switch {
	case match(p.Deny, action), p.NeedMFA && !mfa && !match([]string{"iam:GetUser"}, action):
		return "with an explicit deny in an identity-based policy"
	case match(p.Any, action), own && match(p.Own, action):
		return ""
	}
	return "because no identity-based policy allows the " + action + " action"
}

// match compares without regard to case, as IAM does with actions.
func match(patterns []string, action string) bool {
	action = strings.ToLower(action)
	for _, p := range patterns {
		prefix, wild := strings.CutSuffix(strings.ToLower(p), "*")
		if action == prefix || wild && strings.HasPrefix(action, prefix) {
			return true
		}
	}
	return false
}
