package awsapi

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Allowed is iam:SimulatePrincipalPolicy: which of the actions the user's policies
// allow on the user itself. Nothing is changed, and nothing is tried. Policies of the
// organisation and conditions that need a value, such as MFA, are left out of it (API
// reference of IAM, SimulatePrincipalPolicy). The call needs a right of its own.
func (c *Client) Allowed(ctx context.Context, creds Credentials, userARN string, actions []string) (map[string]bool, Meta, error) {
	allowed := map[string]bool{}
	meta, err := c.call(ctx, creds, "SimulatePrincipalPolicy", "asked IAM what "+userARN+" may do", []string{userARN},
		func(ctx context.Context) error {
			out, err := c.iam.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
				PolicySourceArn: &userARN, ActionNames: actions, ResourceArns: []string{userARN},
			}, iamSigner(creds))
			if err != nil {
				return err
			}
			for _, r := range out.EvaluationResults {
				for _, action := range actions {
					if r.EvalActionName != nil && strings.EqualFold(*r.EvalActionName, action) {
						allowed[action] = r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed
					}
				}
			}
			if len(allowed) != len(actions) {
				return incomplete("does not tell of every action")
			}
			return nil
		})
	if err != nil {
		return nil, meta, err
	}
	return allowed, meta, nil
}
