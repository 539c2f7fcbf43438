package keys

import (
	"context"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store/secret"
)

// Identify asks AWS whose an access key is. What [Set.Add] would refuse whatever
// else is held is refused here, with the same words.
func Identify(ctx context.Context, aws AWS, q api.IdentifyRequest) (api.Identity, error) {
	v := rotation.Version{ID: q.AccessKeyID, Secret: secret.New(q.SecretAccessKey)}
	defer v.Secret.Wipe()
	if err := checkVersion(v); err != nil {
		return api.Identity{}, err
	}
	user, err := whose(ctx, aws, v)
	return api.Identity{UserARN: user.ARN}, err
}

// whose is the IAM user that a version proves itself to be of, at STS and IAM.
func whose(ctx context.Context, aws AWS, v rotation.Version) (rotation.User, error) {
	who := aws.Do(ctx, "", rotation.Action{Do: rotation.Prove, Signer: v})
	if err := refusal(v.ID, who); err != nil {
		return rotation.User{}, err
	}
	if strings.HasSuffix(who.ARN, ":root") {
		return rotation.User{}, api.NewError(helper.ExitRefused, "root-key", "access key "+rotation.Short(v.ID)+" is the account's root key, which awskeyd never holds", "delete it in the console and make an IAM user with the rights you need")
	}
	if !strings.Contains(who.ARN, ":user/") {
		return rotation.User{}, api.NewError(helper.ExitRefused, "not-a-user", "access key "+rotation.Short(v.ID)+" belongs to "+who.ARN+", which is not an IAM user", "add an IAM user's access key")
	}
	return rotation.User{ARN: who.ARN}, nil
}
