package awsapi

import (
	"strings"
	"unicode"
)

// identity reads sts:GetCallerIdentity's three answers. An ARN is
// arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE; only user/PATH/NAME at IAM is
// a user and only "root" is root (IAM user guide, IAM identifiers). Users of
// roles and federation have neither.
func identity(arn, account, userID string) (Identity, error) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || !strings.HasPrefix(part[1], "aws") || part[4] == "" || part[5] == "" {
		return Identity{}, incomplete("has no usable ARN")
	}
	if account != part[4] || strings.ContainsFunc(arn+userID, func(r rune) bool { return !unicode.IsGraphic(r) || r == ' ' }) {
		return Identity{}, incomplete("contradicts itself about who the key belongs to")
	}
	who := Identity{Account: account, ARN: arn, Partition: part[1], UserID: userID}
	if part[2] != "iam" {
		return who, nil
	}
	who.Root = part[5] == "root"
	if path, ok := strings.CutPrefix(part[5], "user/"); ok {
		who.UserName = path[strings.LastIndexByte(path, '/')+1:]
		if who.UserName == "" {
			return Identity{}, incomplete("has an ARN without a user name")
		}
	}
	return who, nil
}
