package awsapi

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// User is iam:GetUser: the ARN of a named user of the signing key's account.
func (c *Client) User(ctx context.Context, creds Credentials, name string) (Identity, Meta, error) {
	var who Identity
	meta, err := c.call(ctx, creds, "GetUser", "asked IAM for the user "+name, []string{name},
		func(ctx context.Context) error {
			out, err := c.iam.GetUser(ctx, &iam.GetUserInput{UserName: &name}, iamSigner(creds))
			if err != nil {
				return err
			}
			if out.User == nil {
				return incomplete("lacks the user")
			}
			arn := aws.ToString(out.User.Arn)
			part := strings.SplitN(arn, ":", 6)
			if len(part) != 6 {
				return incomplete("has no usable ARN")
			}
			if who, err = identity(arn, part[4], aws.ToString(out.User.UserId)); err == nil && who.UserName != name {
				err = incomplete("is about another user")
			}
			return err
		})
	if err != nil {
		return Identity{}, meta, err
	}
	return who, meta, nil
}

// perList is the most rows that a page of ListUsers has; an account has at most
// 5,000 users (IAM quotas).
const perList = 1000

// Users is iam:ListUsers, all pages: the names of the account's users in AWS's
// order.
func (c *Client) Users(ctx context.Context, creds Credentials) ([]string, Meta, error) {
	var names []string
	meta, err := c.call(ctx, creds, "ListUsers", "asked IAM for the account's users", nil,
		func(ctx context.Context) error {
			return pages(func(marker *string) (bool, *string, error) {
				out, err := c.iam.ListUsers(ctx, &iam.ListUsersInput{MaxItems: aws.Int32(perList), Marker: marker}, iamSigner(creds))
				if err != nil {
					return false, nil, err
				}
				for _, u := range out.Users {
					if aws.ToString(u.UserName) == "" {
						return false, nil, incomplete("names a user without a name")
					}
					names = append(names, *u.UserName)
				}
				return out.IsTruncated, out.Marker, nil
			})
		})
	if err != nil {
		return nil, meta, err
	}
	return names, meta, nil
}

// AccountOf is sts:GetAccessKeyInfo: the account that an access key belongs to, and
// nothing of whether it works or is there at all. Any key may ask of any other.
func (c *Client) AccountOf(ctx context.Context, creds Credentials, id string) (string, Meta, error) {
	account := ""
	meta, err := c.call(ctx, creds, "GetAccessKeyInfo", "asked STS for the account of access key "+id, []string{id},
		func(ctx context.Context) error {
			out, err := c.sts.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &id}, stsSigner(creds))
			if err != nil {
				return err
			}
			if account = aws.ToString(out.Account); account == "" {
				return incomplete("lacks the account")
			}
			return nil
		})
	return account, meta, err
}
