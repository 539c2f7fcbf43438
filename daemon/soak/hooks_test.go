//go:build unix

package soak

import (
	"context"
	"net"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsapi"
)

// signingTime is the clock that the SDK signs requests by, which it lets nobody
// set. It must be the laptop's: the bubble's own stands still while that sleeps,
// and AWS refuses a signature that is older than 15 minutes.
//
//go:linkname signingTime github.com/aws/aws-sdk-go-v2/internal/sdk.NowTime
var signingTime func() time.Time

type dialer func(ctx context.Context) (net.Conn, error)

// toAWS is the daemon's client of AWS over pipes.
func toAWS(dial dialer) *awsapi.Client {
	c, err := awsapi.New(awsapi.Config{
		Region: "eu-west-1", EndpointURL: "http://127.0.0.1:1", Version: "soak",
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	})
	if err != nil {
		panic(err)
	}
	return c
}

// toDaemon is a person's client of the daemon over pipes.
func toDaemon(dial dialer) *api.Client { return api.NewClient(dial) }
