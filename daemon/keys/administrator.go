package keys

import (
	"cmp"
	"context"
	"fmt"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
)

// signer is a version that may sign for other users, and whose it is.
type signer struct {
	version  rotation.Version
	user     rotation.User
	endpoint string
}

// administrator is the key whose user makes the calls to IAM for this one; ""
// for its own. A first version is made by the user who was named for it.
func (s *Set) administrator(name string, r rotation.Record) string {
	return cmp.Or(r.With, s.Options.With(name))
}

// signerFor is the administrator's version that is current at this moment. No
// lease is counted for it: what it signs is sent at once. It takes no lock of
// another key, so that no circle of keys can wait for itself.
func (s *Set) signerFor(name string, r rotation.Record) (rotation.Version, error) {
	with := s.administrator(name, r)
	s.mu.Lock()
	k := s.keys[fold(with)]
	s.mu.Unlock()
	if k == nil {
		return rotation.Version{}, fmt.Errorf("the key %s, which is to rotate %s, is not here; awskey list shows what there is", with, name)
	}
	by := k.signs.Load()
	switch {
	case by == nil:
		return rotation.Version{}, fmt.Errorf("the key %s, which is to rotate %s, cannot be read", with, name)
	case by.user == r.User:
		return rotation.Version{}, fmt.Errorf("the keys %s and %s are of the same IAM user; take rotate_with out", with, name)
	case by.user.Account() != r.User.Account() || by.endpoint != r.Endpoint:
		return rotation.Version{}, fmt.Errorf("the key %s, which is to rotate %s, is of another account", with, name)
	}
	return by.version, nil
}

// create makes the first access key of an IAM user straight into the store, by
// another user's hand. All that can be refused is refused before anything is
// made; then the intent is durable, and the rotation's machine does the rest.
func (s *Set) create(ctx, asking context.Context, name string, q api.CreateRequest) (api.AddResult, error) {
	var none api.AddResult
	if err := s.checkName(name); err != nil {
		return none, err
	}
	if _, err := s.already(name, ""); err != nil {
		return none, err
	}
	by, err := s.creator(q.With)
	if err != nil {
		return none, err
	}
	if by.endpoint != s.Options.Endpoint(name) {
		return none, api.NewError(helper.ExitRefused, "other-endpoint", "the key "+q.With+" was added through another endpoint than the one in force", "use a key of the endpoint in force")
	}
	aws, err := s.AWS(name)
	if err != nil {
		return none, api.NewError(helper.ExitUsage, "bad-aws-settings", err.Error(), "mend [aws] in the configuration")
	}
	who := aws.User(asking, by.version, q.User)
	if err := notMade(q, who); err != nil {
		return none, err
	}
	user := rotation.User{ARN: who.ARN}
	if user == by.user {
		return none, api.NewError(helper.ExitRefused, "same-user", fmt.Sprintf("the key %s is already the IAM user %s's own", q.With, user.Name()), "name another user with --user")
	}
	if err := s.heldBy(user); err != nil {
		return none, err
	}
	list := aws.Do(asking, user.Name(), rotation.Action{Do: rotation.List, Signer: by.version})
	if err := notMade(q, list); err != nil {
		return none, err
	}
	if len(list.Keys) >= 2 {
		return none, api.NewError(helper.ExitAWS, "full", fmt.Sprintf("the IAM user %s has two access keys already, and AWS allows no third", user.Name()), "delete the one that nobody uses in the console, then try again")
	}
	return s.take(ctx, name, rotation.NewUnborn(user, q.With, by.endpoint, s.Options.Settings(name).TTL, s.Wall()))
}

// creator is the signer for a request that names it.
func (s *Set) creator(with string) (*signer, error) {
	k, err := s.key(with)
	if err != nil {
		return nil, err
	}
	k.await()
	if by := k.signs.Load(); by != nil {
		return by, nil
	}
	return nil, StoreError("read the key "+k.name, cmp.Or(k.unreadable(), errNotRead))
}

// notMade says why AWS lets no access key be made.
func notMade(q api.CreateRequest, o rotation.Outcome) error {
	switch o.Result {
	case rotation.OK:
		return nil
	case rotation.Missing:
		return api.NewError(helper.ExitAWS, "no-such-user", "there is no IAM user "+q.User, "name one with --user")
	case rotation.Denied:
		return api.NewError(helper.ExitAWS, "not-allowed", "the user of the key "+q.With+" may not make access keys for "+q.User+": "+o.Text, "allow it in IAM (iam:GetUser, iam:ListAccessKeys, iam:CreateAccessKey and what a rotation needs); nothing was made")
	case rotation.Refused:
		return api.NewError(helper.ExitAWS, "key-refused", "AWS refuses the access key of "+q.With+": "+o.Text, "awskey status "+q.With)
	default:
		return api.NewError(helper.ExitFailed, "aws-unreachable", "cannot ask AWS about the IAM user "+q.User+": "+o.Text, "nothing was made; try again once AWS can be reached")
	}
}

// Users names the IAM users of the account that the user of a key may list.
func (s *Set) Users(ctx context.Context, name string) (api.Users, error) {
	asking, done, err := s.alone(ctx, "list the IAM users")
	if err != nil {
		return api.Users{}, err
	}
	defer done()
	by, err := s.creator(name)
	if err != nil {
		return api.Users{}, err
	}
	aws, err := s.AWS(name)
	if err != nil {
		return api.Users{}, api.NewError(helper.ExitUsage, "bad-aws-settings", err.Error(), "mend [aws] in the configuration")
	}
	names, o := aws.Users(asking, by.version)
	if o.Result != rotation.OK {
		return api.Users{}, api.NewError(helper.ExitAWS, "not-listed", "AWS does not list the IAM users: "+o.Text, "")
	}
	return api.Users{Names: names}, nil
}

// heldBy refuses a user whose access key another key holds.
func (s *Set) heldBy(user rotation.User) error {
	for _, k := range s.all() {
		if k.user() == user.ARN {
			return api.NewError(helper.ExitRefused, "user-held", fmt.Sprintf("the IAM user %s is already held by the key %s", user.Name(), k.name), "use that key, or awskey remove "+k.name+" first")
		}
	}
	return nil
}

// unborn reports whether the key's first version is still being made.
func (k *Key) unborn() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.loaded && k.r.Current.ID == ""
}
