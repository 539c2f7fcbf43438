package awsapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/awskeyd/awskeyd/store/secret"
)

// CreateTimeout is the time limit of every call, from the first packet to the
// last byte of the answer. The orphan rule counts on it: a key that we asked
// for cannot have been made by us later than this after the asking.
const CreateTimeout = 30 * time.Second

// maxPages bounds a ListKeys whose pages never end. IAM allows two keys per
// user, so one page is the rule.
const maxPages = 16

// Client makes the calls. It holds no credentials and no connection between
// calls, and is safe for concurrent use.
type Client struct {
	iam    *iam.Client
	sts    *sts.Client
	trail  *cloudtrail.Client
	logs   *cloudwatchlogs.Client
	alarms *cloudwatch.Client

	wire         *wire
	pace         pace
	region, main string
}

// MainRegion is the region of the partition where IAM is: CloudTrail tells there
// of the calls to IAM and to the global STS endpoint.
func (c *Client) MainRegion() string { return c.main }

// New checks cfg and builds a Client from it alone. It reads the CA bundle but
// touches no network. Errors name the setting to mend, and never repeat a
// proxy's password.
func New(cfg Config) (*Client, error) {
	route, err := newRoute(cfg)
	if err != nil {
		return nil, err
	}
	w := newWire(cfg, route)
	fips := aws.FIPSEndpointStateUnset
	if cfg.FIPS {
		fips = aws.FIPSEndpointStateEnabled
	}
	// Options and not aws.Config: the SDK's NewFromConfig looks at AWS_ENDPOINT_URL
	// (resolveBaseEndpoint), New does not. The SDK's correction of skewed clocks is
	// off because the rotation must see a wrong clock, not work around it.
	return &Client{
		wire: w, region: route.region, main: route.main,
		iam: iam.New(iam.Options{
			Region: route.region, HTTPClient: w, Retryer: aws.NopRetryer{}, DisableClockSkewCorrection: true,
			EndpointResolverV2: endpoints[iam.EndpointParameters]{iam.NewDefaultEndpointResolverV2(), route.endpoint},
			EndpointOptions:    iam.EndpointResolverOptions{UseFIPSEndpoint: fips},
		}),
		sts: sts.New(sts.Options{
			Region: route.region, HTTPClient: w, Retryer: aws.NopRetryer{}, DisableClockSkewCorrection: true,
			EndpointResolverV2: endpoints[sts.EndpointParameters]{sts.NewDefaultEndpointResolverV2(), route.endpoint},
			EndpointOptions:    sts.EndpointResolverOptions{UseFIPSEndpoint: fips},
		}),
		// Its client has no such switch. It only looks, so a corrected clock hides
		// nothing that the other calls would not tell.
		trail: cloudtrail.New(cloudtrail.Options{
			HTTPClient: w, Retryer: aws.NopRetryer{},
			EndpointResolverV2: endpoints[cloudtrail.EndpointParameters]{cloudtrail.NewDefaultEndpointResolverV2(), route.endpoint},
			EndpointOptions:    cloudtrail.EndpointResolverOptions{UseFIPSEndpoint: fips},
		}),
		logs: cloudwatchlogs.New(cloudwatchlogs.Options{
			HTTPClient: w, Retryer: aws.NopRetryer{}, DisableClockSkewCorrection: true,
			EndpointResolverV2: endpoints[cloudwatchlogs.EndpointParameters]{cloudwatchlogs.NewDefaultEndpointResolverV2(), route.endpoint},
			EndpointOptions:    cloudwatchlogs.EndpointResolverOptions{UseFIPSEndpoint: fips},
		}),
		alarms: cloudwatch.New(cloudwatch.Options{
			HTTPClient: w, Retryer: aws.NopRetryer{}, DisableClockSkewCorrection: true,
			EndpointResolverV2: endpoints[cloudwatch.EndpointParameters]{cloudwatch.NewDefaultEndpointResolverV2(), route.endpoint},
			EndpointOptions:    cloudwatch.EndpointResolverOptions{UseFIPSEndpoint: fips},
		}, func(o *cloudwatch.Options) {
			// The Go SDK would speak CBOR, boto3 speaks JSON to the same service: one
			// form less that must be told from a login page. New sets it after its
			// Options, so it is set here.
			o.Protocol = awsjson.New10(schemas.GraniteServiceVersion20100801)
		}),
	}, nil
}

// WhoAmI is sts:GetCallerIdentity. It proves that the key authenticates at STS
// and nothing more: no policy can refuse it.
func (c *Client) WhoAmI(ctx context.Context, creds Credentials) (Identity, Meta, error) {
	var who Identity
	meta, err := c.call(ctx, creds, "GetCallerIdentity", "asked STS who access key "+creds.ID+" belongs to", nil,
		func(ctx context.Context) error {
			out, err := c.sts.GetCallerIdentity(ctx, nil, stsSigner(creds))
			if err != nil {
				return err
			}
			who, err = identity(aws.ToString(out.Arn), aws.ToString(out.Account), aws.ToString(out.UserId))
			return err
		})
	return who, meta, err
}

// ListKeys is iam:ListAccessKeys, all pages, in AWS's order. It may be minutes
// behind a change. Meta is that of the last page.
func (c *Client) ListKeys(ctx context.Context, creds Credentials, user string) ([]Key, Meta, error) {
	var keys []Key
	meta, err := c.call(ctx, creds, "ListAccessKeys", "asked IAM for the access keys of "+user, []string{user},
		func(ctx context.Context) error {
			return pages(func(marker *string) (bool, *string, error) {
				out, err := c.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &user, Marker: marker}, iamSigner(creds))
				if err != nil {
					return false, nil, err
				}
				for _, m := range out.AccessKeyMetadata {
					if aws.ToString(m.AccessKeyId) == "" {
						return false, nil, incomplete("names a key without its id")
					}
					keys = append(keys, Key{*m.AccessKeyId, string(m.Status), aws.ToTime(m.CreateDate)})
				}
				return out.IsTruncated, out.Marker, nil
			})
		})
	if err != nil {
		return nil, meta, err // a part of the list would pass for the whole
	}
	return keys, meta, nil
}

// pages asks for page after page, as IAM divides its lists: each says whether
// there is more, and by which marker the next is asked for.
func pages(ask func(marker *string) (more bool, next *string, err error)) error {
	var marker *string
	for range maxPages {
		more, next, err := ask(marker)
		if err != nil || !more {
			return err
		}
		if aws.ToString(next) == "" {
			return incomplete("breaks off without saying where it goes on")
		}
		marker = next
	}
	return incomplete(fmt.Sprintf("does not end after %d pages", maxPages))
}

// CreateKey is iam:CreateAccessKey, sent at most once: AWS has no idempotency
// token for it, and a second key made blindly would fill the limit with a
// secret that nobody holds. After ClassNoAnswer and ClassServer a key may exist.
func (c *Client) CreateKey(ctx context.Context, creds Credentials, user string) (NewKey, Meta, error) {
	var key NewKey
	meta, err := c.call(ctx, creds, "CreateAccessKey", "asked IAM to create an access key for "+user, []string{user},
		func(ctx context.Context) error {
			out, err := c.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user}, iamSigner(creds))
			if err != nil {
				return err
			}
			k := out.AccessKey
			if k == nil || aws.ToString(k.AccessKeyId) == "" || aws.ToString(k.SecretAccessKey) == "" {
				return incomplete("lacks the new key or its secret")
			}
			key = newKey(k)
			return nil
		})
	return key, meta, err
}

// SetKeyStatus is iam:UpdateAccessKey to Active or Inactive. The last write
// wins, and it may take a while to be seen everywhere.
func (c *Client) SetKeyStatus(ctx context.Context, creds Credentials, user, id string, active bool) (Meta, error) {
	verb, status := "deactivate", types.StatusTypeInactive
	if active {
		verb, status = "activate", types.StatusTypeActive
	}
	return c.call(ctx, creds, "UpdateAccessKey", fmt.Sprintf("asked IAM to %s access key %s of %s", verb, id, user), []string{user, id},
		func(ctx context.Context) error {
			_, err := c.iam.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: &id, Status: status}, iamSigner(creds))
			return err
		})
}

// DeleteKey is iam:DeleteAccessKey. IAM deletes an Active key as readily as an
// Inactive one: the caller must have looked. Twice is ClassNotFound.
func (c *Client) DeleteKey(ctx context.Context, creds Credentials, user, id string) (Meta, error) {
	return c.call(ctx, creds, "DeleteAccessKey", fmt.Sprintf("asked IAM to delete access key %s of %s", id, user), []string{user, id},
		func(ctx context.Context) error {
			_, err := c.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &id}, iamSigner(creds))
			return err
		})
}

// KeyLastUsed is iam:GetAccessKeyLastUsed.
func (c *Client) KeyLastUsed(ctx context.Context, creds Credentials, id string) (LastUsed, Meta, error) {
	var used LastUsed
	meta, err := c.call(ctx, creds, "GetAccessKeyLastUsed", "asked IAM when access key "+id+" was last used", []string{id},
		func(ctx context.Context) error {
			out, err := c.iam.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id}, iamSigner(creds))
			if err != nil {
				return err
			}
			if out.AccessKeyLastUsed == nil {
				return incomplete("lacks the last use")
			}
			used = lastUsed(out.AccessKeyLastUsed)
			used.UserName = aws.ToString(out.UserName)
			return nil
		})
	return used, meta, err
}

// call runs one call under the time limit and turns what became of it into an
// *Error. names must not be empty: IAM reads an absent UserName as the caller's
// own, which for a root key means root.
func (c *Client) call(ctx context.Context, creds Credentials, op, asked string, names []string, do func(context.Context) error) (Meta, error) {
	x := &exchange{op: op}
	fail := func(e *Error) (Meta, error) {
		e.Op, e.asked, e.Meta = op, asked, x.meta
		return x.meta, e
	}
	if creds.ID == "" || creds.Secret.IsZero() {
		return fail(&Error{Class: ClassNotSent, Message: "there is no key to sign the request with"})
	}
	for _, name := range names {
		if name == "" {
			return fail(&Error{Class: ClassNotSent, Message: "a user name or access key id is empty"})
		}
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, exchangeKey{}, x), CreateTimeout)
	defer cancel()
	x.ctx = ctx
	err := do(ctx)
	if err == nil {
		return x.meta, nil
	}
	if x.problem != nil {
		return fail(x.problem)
	}
	var answer smithy.APIError
	if x.status != 0 && errors.As(err, &answer) {
		return fail(refused(answer, x, creds))
	}
	return fail(unreadable(err, x, creds))
}

// incomplete is an answer that is AWS's by form but lacks what we need.
type incomplete string

func (e incomplete) Error() string { return string(e) }

func newKey(k *types.AccessKey) NewKey {
	return NewKey{
		Key:    Key{*k.AccessKeyId, string(k.Status), aws.ToTime(k.CreateDate)},
		Secret: secret.New(*k.SecretAccessKey),
	}
}

func lastUsed(u *types.AccessKeyLastUsed) LastUsed {
	known := func(s *string) string {
		if v := aws.ToString(s); v != "N/A" {
			return v
		}
		return ""
	}
	return LastUsed{Date: aws.ToTime(u.LastUsedDate), Service: known(u.ServiceName), Region: known(u.Region)}
}

// static signs with creds and nothing else; the SDK's own chain (environment,
// files, instance metadata) is never built.
func static(creds Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: creds.ID, SecretAccessKey: creds.Secret.Reveal(), Source: "awskeyd"}, nil
	})
}

func iamSigner(creds Credentials) func(*iam.Options) {
	return func(o *iam.Options) { o.Credentials = static(creds) }
}

func stsSigner(creds Credentials) func(*sts.Options) {
	return func(o *sts.Options) { o.Credentials = static(creds) }
}
