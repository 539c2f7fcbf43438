package awstest

import (
	"fmt"
	"net/http"
)

// simulatePrincipalPolicy tells what a user's policy allows on the user itself; of
// other resources the emulator has no notion.
func simulatePrincipalPolicy(c *action) (any, *failure) {
	source := c.params.Get("PolicySourceArn")
	if f := c.allow(c.caller.user != nil && c.caller.user.arn == source, source); f != nil {
		return nil, f
	}
	var user *user
	for _, u := range c.account.users {
		if u.arn == source {
			user = u
		}
	}
	if user == nil {
		return nil, fail(http.StatusNotFound, "NoSuchEntity", "The user with ARN "+source+" cannot be found.")
	}
	type row struct{ EvalActionName, EvalResourceName, EvalDecision string }
	var result struct {
		EvaluationResults struct {
			Member []row `xml:"member"`
		}
		IsTruncated bool
	}
	own := c.params.Get("ResourceArns.member.1") == source
	for n := 1; c.params.Has(fmt.Sprintf("ActionNames.member.%d", n)); n++ {
		name := c.params.Get(fmt.Sprintf("ActionNames.member.%d", n))
		decision := "allowed"
		switch {
		case match(user.policy.Deny, name):
			decision = "explicitDeny"
		case user.policy.denied(name, own, true) != "": // a condition on MFA is not simulated
			decision = "implicitDeny"
		}
		result.EvaluationResults.Member = append(result.EvaluationResults.Member, row{name, source, decision})
	}
	if len(result.EvaluationResults.Member) == 0 {
		return nil, fail(http.StatusBadRequest, "ValidationError", "1 validation error detected: Value at 'actionNames' failed to satisfy constraint: Member must not be null")
	}
	return result, nil
}
