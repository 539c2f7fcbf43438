package keys

import (
	"context"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// unreachable is an AWS that cannot be asked because the settings for it are wrong.
type unreachable struct{ err error }

func (u unreachable) Do(context.Context, string, rotation.Action) rotation.Outcome {
	return rotation.Outcome{Result: rotation.NotSent, Text: u.err.Error()}
}

func (u unreachable) User(context.Context, rotation.Version, string) rotation.Outcome {
	return rotation.Outcome{Result: rotation.NotSent, Text: u.err.Error()}
}

func (u unreachable) Users(context.Context, rotation.Version) ([]string, rotation.Outcome) {
	return nil, rotation.Outcome{Result: rotation.NotSent, Text: u.err.Error()}
}

func (u unreachable) Allowed(context.Context, rotation.Version, rotation.User, []string) (map[string]bool, rotation.Outcome) {
	return nil, rotation.Outcome{Result: rotation.NotSent, Text: u.err.Error()}
}

func (u unreachable) Owner(context.Context, rotation.Version, string) (account, user string, o rotation.Outcome) {
	return "", "", rotation.Outcome{Result: rotation.NotSent, Text: u.err.Error()}
}
