package daemon_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// What the policy says follows the configuration while the daemon runs.
func TestThePolicyFollowsTheConfiguration(t *testing.T) {
	aws := awstest.NewServer(awstest.Options{})
	defer aws.Close()
	aws.CreateUser("bob", "/eng/", awstest.Rotator())
	id, secret := aws.IssueKey("bob")
	settings := fmt.Sprintf("[store]\nbackend = \"file\"\n[aws]\nregion = \"us-east-1\"\nendpoint_url = %q\n", aws.URL)
	h := newHome(t, settings)
	h.run()
	defer func() {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.Background()
	if _, err := h.client.Add(ctx, "work", api.AddRequest{AccessKeyID: id, SecretAccessKey: secret}); err != nil {
		t.Fatal(err)
	}
	says := func(parts ...string) func() bool {
		return func() bool {
			p, err := h.client.Policy(ctx, "work")
			if err != nil {
				return false
			}
			for _, part := range parts {
				if !strings.Contains(p.Document, part) {
					return false
				}
			}
			return true
		}
	}
	h.until("its own", says("RotateOwnAccessKey", "user/eng/bob"))
	h.write(settings + "[monitor]\nlog_group = \"trail\"\nalarms = [\"a\"]\n")
	h.until("[monitor]", says("RotateOwnAccessKey", "arn:aws:logs:us-east-1:123456789012:log-group:trail:*", "cloudwatch:DescribeAlarms"))
	h.write(settings + "[keys.WORK]\nrotate_with = \"boss\"\n")
	h.until("the administrator's", says("AdministratorRotatesAccessKeyOfThisUser", "iam:GetUser", "user/eng/bob"))
}
