package keys

import (
	"context"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// User tells the ARN of a named user, in Outcome.ARN.
func (i IAM) User(ctx context.Context, signer rotation.Version, name string) rotation.Outcome {
	if o, ok := unsigned(signer); ok {
		return o
	}
	who, meta, err := i.Client.User(ctx, credentials(signer), name)
	return finish(rotation.Outcome{ARN: who.ARN}, meta, err)
}

// Users names the account's users, as far as the signer may list them.
func (i IAM) Users(ctx context.Context, signer rotation.Version) ([]string, rotation.Outcome) {
	if o, ok := unsigned(signer); ok {
		return nil, o
	}
	names, meta, err := i.Client.Users(ctx, credentials(signer))
	return names, finish(rotation.Outcome{}, meta, err)
}

// Allowed tells which actions a user may perform on itself.
func (i IAM) Allowed(ctx context.Context, signer rotation.Version, user rotation.User, actions []string) (map[string]bool, rotation.Outcome) {
	if o, ok := unsigned(signer); ok {
		return nil, o
	}
	allowed, meta, err := i.Client.Allowed(ctx, credentials(signer), user.ARN, actions)
	return allowed, finish(rotation.Outcome{}, meta, err)
}

// Owner tells whose an access key is: its account, and its user, where the signer
// may know it.
func (i IAM) Owner(ctx context.Context, signer rotation.Version, id string) (account, user string, o rotation.Outcome) {
	if o, ok := unsigned(signer); ok {
		return "", "", o
	}
	account, meta, err := i.Client.AccountOf(ctx, credentials(signer), id)
	if err == nil {
		if used, _, err := i.Client.KeyLastUsed(ctx, credentials(signer), id); err == nil {
			user = used.UserName
		}
	}
	return account, user, finish(rotation.Outcome{}, meta, err)
}
