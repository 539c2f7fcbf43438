// Package awsapi speaks to IAM and STS for the rotation, and to the places that
// tell who uses a key (CloudTrail, CloudWatch): one request, one attempt, one new
// connection, and an error that says what became of it.
//
// It is the only package that imports the AWS SDK. It must never read the AWS
// files, the AWS_* variables or a profile (they may name our own helper and
// loop), never retry by itself, and never put a secret into an error or a log.
package awsapi

import (
	"context"
	"net"
	"time"

	"github.com/awskeyd/awskeyd/store/secret"
)

// Config says how AWS is reached. The zero value is the aws partition through
// us-east-1 without proxy.
type Config struct {
	Region      string // chooses the partition and the STS endpoint; empty is us-east-1
	EndpointURL string // replaces every endpoint; plain http only on loopback
	NoProxy     string // hosts that are reached without Proxy, in the form of NO_PROXY
	Proxy       string // URL of an HTTP proxy; empty is none, also when HTTPS_PROXY is set
	CABundle    string // path of a PEM file that is trusted beside the system's roots
	FIPS        bool
	Version     string // ours, for the User-Agent header; empty is "dev"

	// Dial makes the connections, to AWS or to the proxy; nil is the network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Credentials are what a request is signed with.
type Credentials struct {
	ID     string
	Secret secret.Value
}

// Meta is what every answer, good or bad, tells beside its content.
type Meta struct {
	// Date is AWS's clock by the Date header, whole seconds. It is zero unless
	// AWS itself answered: the clock of a proxy or a login page is none of ours.
	Date time.Time
	// Local is this machine's clock when that answer arrived; zero without one.
	Local time.Time
}

// Identity is who a key belongs to, by sts:GetCallerIdentity, or a user, by
// iam:GetUser.
type Identity struct {
	Account   string // twelve digits
	ARN       string
	Partition string // aws, aws-cn, aws-us-gov, …
	UserID    string // AIDA…; root keys have the account number here
	UserName  string // last element of user/PATH/NAME; empty for root and roles
	Root      bool
}

// Key is one row of iam:ListAccessKeys. Any Status but "Active" is not usable
// (API_AccessKey lists Active, Inactive and Expired).
type Key struct {
	ID      string
	Status  string
	Created time.Time // whole seconds of AWS's clock
}

// NewKey is the answer of iam:CreateAccessKey, the only time AWS tells the secret.
type NewKey struct {
	Key
	Secret secret.Value
}

// LastUsed is iam:GetAccessKeyLastUsed. A zero Date means AWS has seen no use,
// which is not evidence that there was none: the data is late and its grain is
// 15 minutes (IAM user guide, getting credential reports). Service and Region
// are empty where AWS writes "N/A".
type LastUsed struct {
	UserName        string // whose access key it is
	Date            time.Time
	Service, Region string
}
