package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/helper"
)

// Policy is the least policy with which a key is rotated: for the key's own
// user, or, where another key rotates it, for that key's user.
func (d *Daemon) Policy(ctx context.Context, name string) (api.Policy, error) {
	k, err := d.Key(ctx, name)
	if err != nil {
		return api.Policy{}, err
	}
	if k.UserARN == "" {
		return api.Policy{}, api.NewError(helper.ExitHeld, "no-user", "awskeyd does not know yet whose access key "+k.Name+" is", "see awskey status "+k.Name)
	}
	return api.Policy{Document: need{
		user:    k.UserARN,
		other:   d.rotateWith(k.Name) != "",
		create:  k.AccessKeyID == "",
		monitor: d.monitor(),
		region:  d.current().AWS(k.Name).Region,
	}.policy()}, nil
}

// need is what a policy depends on.
type need struct {
	user    string // the ARN of the user whose access key is rotated
	other   bool   // another user's key makes the calls to IAM
	create  bool   // and makes this user's first access key
	monitor keys.Monitor
	region  string // of the log group; "" is any
}

// statement is one of a policy. The order of the fields is that of AWS's own
// examples.
type statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource string
}

// policy writes the document. The user's own ARN is written out: ${aws:username}
// knows no path, so that the usual form refuses users such as eng/bob
// (terraform-aws-modules/terraform-aws-iam#334). CloudTrail's LookupEvents, CloudWatch's
// DescribeAlarms and IAM's ListUsers know no resource but "*" (AWS's service
// authorization reference); what a Sid calls optional is asked, and a refusal
// taken as "not available".
func (n need) policy() string {
	all := []statement{{Sid: "RotateOwnAccessKey", Action: keys.Rotating, Resource: n.user}}
	if n.other || n.create {
		all[0].Sid = "AdministratorRotatesAccessKeyOfThisUser"
		all[0].Action = []string{"iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:GetAccessKeyLastUsed", "iam:GetUser", "iam:ListAccessKeys", "iam:UpdateAccessKey"}
	}
	if n.create {
		all = append(all, statement{Sid: "OptionalNamesOfUsersForCreate", Action: []string{"iam:ListUsers"}, Resource: "*"})
	}
	all = append(all, statement{Sid: "OptionalLookForUsesInCloudTrail", Action: []string{"cloudtrail:LookupEvents"}, Resource: "*"})
	if n.monitor.LogGroup != "" {
		all = append(all, statement{Sid: "MonitorLogGroup", Action: []string{"logs:FilterLogEvents"}, Resource: n.logGroup()})
	}
	if len(n.monitor.Alarms) > 0 {
		all = append(all, statement{Sid: "MonitorAlarms", Action: []string{"cloudwatch:DescribeAlarms"}, Resource: "*"})
	}
	for i := range all {
		all[i].Effect = "Allow"
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", all})
	if err != nil {
		panic(err) // texts alone cannot fail
	}
	return text.String()
}

// logGroup is the ARN of the configured group: as it is written, or in the user's
// own account and partition. The last two characters are part of it (CloudWatch
// Logs user guide, overview of managing access permissions).
func (n need) logGroup() string {
	if strings.HasPrefix(n.monitor.LogGroup, "arn:") {
		return strings.TrimSuffix(n.monitor.LogGroup, ":*") + ":*"
	}
	partition, account := "aws", "*"
	if parts := strings.SplitN(n.user, ":", 6); len(parts) == 6 {
		partition, account = parts[1], parts[4]
	}
	region := n.region
	if region == "" {
		region = "*"
	}
	return fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s:*", partition, region, account, n.monitor.LogGroup)
}
