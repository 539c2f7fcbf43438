package daemon

import (
	"context"
	"fmt"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// Policy is the least policy that lets a key rotate itself. The user's own ARN
// is written out: ${aws:username} knows no path, so that the usual form refuses
// users such as eng/bob (terraform-aws-modules/terraform-aws-iam#334).
func (d *Daemon) Policy(ctx context.Context, name string) (api.Policy, error) {
	k, err := d.Key(ctx, name)
	if err != nil {
		return api.Policy{}, err
	}
	return api.Policy{Document: fmt.Sprintf(leastPolicy, k.UserARN)}, nil
}

const leastPolicy = `{
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
      "Resource": %q
    }
  ]
}
`
