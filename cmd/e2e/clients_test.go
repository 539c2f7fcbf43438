//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// The clients, by the beginning of the User-Agent they send, and the name under
// which their runs of the helper are counted.
var clientAgents = map[string]string{
	"aws-cli": "aws-cli/", "boto3": "Boto3/", "go-sdk": "aws-sdk-go-v2/", "raw": rawClient, "last-moment": lastMoment,
}

// crowd is a number of clients that sign requests all the while. Nobody of
// them retries.
type crowd struct {
	h        *home
	aws      *awstest.Server
	profiles []string
	few      []string // of the profiles, for the clients that need much time of the processor
	cancel   context.CancelFunc
	all      sync.WaitGroup

	mu     sync.Mutex
	errors map[string][]string // by client

	rawRuns    map[string]*atomic.Int64 // of the helper, by our own clients
	lastMoment atomic.Int64             // requests signed 10 ms before the lease's end
}

func newCrowd(h *home, s *awstest.Server, profiles []string) (*crowd, context.Context) {
	c := &crowd{
		h: h, aws: s, profiles: profiles, few: profiles[:min(3, len(profiles))], errors: map[string][]string{},
		rawRuns: map[string]*atomic.Int64{"raw": {}, "last-moment": {}},
	}
	for client := range clientAgents {
		c.writeAWSConfig(client)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	h.t.Cleanup(c.leave)
	return c, ctx
}

// leave ends all clients and waits for them.
func (c *crowd) leave() {
	c.cancel()
	c.all.Wait()
}

func (c *crowd) failed(client, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errors[client] = append(c.errors[client], text)
}

// signUntilEnd keeps several leases of a profile in use at any time, each until
// 10 ms before its Expiration: as far as any client that honours it ever goes.
func (c *crowd) signUntilEnd(ctx context.Context, profile string) {
	const between, before = 200 * time.Millisecond, 10 * time.Millisecond
	use := func(l lease) {
		for last := l.Expiration.Add(-before); ; {
			now := time.Now()
			if !now.Before(l.Expiration) || ctx.Err() != nil {
				return
			}
			if !now.Before(last) {
				c.lastMoment.Add(1)
			}
			c.sign(ctx, "last-moment", now, l)
			if !now.Before(last) {
				return
			}
			rest(ctx, min(between, time.Until(last)))
		}
	}
	c.all.Go(func() {
		for ctx.Err() == nil {
			if l, ok := c.lease("last-moment", profile); ok {
				c.all.Go(func() { use(l) })
			}
			rest(ctx, ttl/3)
		}
	})
}

// raw is a long-lived client that keeps one lease and takes the next in the
// last quarter of its life.
func (c *crowd) raw(ctx context.Context, profile string) {
	c.all.Go(func() {
		var l lease
		for ctx.Err() == nil {
			if time.Until(l.Expiration) < ttl/4 {
				if next, ok := c.lease("raw", profile); ok {
					l = next
				}
			}
			if now := time.Now(); now.Before(l.Expiration) {
				c.sign(ctx, "raw", now, l)
			}
			rest(ctx, 100*time.Millisecond)
		}
	})
}

// lease runs the helper for one of our own clients.
func (c *crowd) lease(client, profile string) (lease, bool) {
	l, err := c.h.lease(profile)
	c.rawRuns[client].Add(1)
	if err != nil {
		c.failed(client, err.Error())
	}
	return l, err == nil
}

// sign sends one request of our own clients. What AWS says to it AWS counts.
func (c *crowd) sign(ctx context.Context, client string, now time.Time, l lease) {
	what := []request{whoAmI, listTopics}[now.Nanosecond()/1000%2]
	if _, err := sendAs(ctx, clientAgents[client], c.aws.URL, what, l); err != nil && ctx.Err() == nil {
		c.failed(client, err.Error())
	}
}

// rest waits, or less if ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// goSDK lets a client of the Go SDK, as a program would make it, sign all the
// while. It runs in this process; its credential_process runs in the home.
func (c *crowd) goSDK(ctx context.Context, profile string) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigFiles([]string{c.awsConfig("go-sdk")}),
		config.WithSharedCredentialsFiles([]string{os.DevNull}),
		config.WithSharedConfigProfile(profile),
		config.WithRegion("us-east-1"),
		config.WithBaseEndpoint(c.aws.URL),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	)
	if err != nil {
		c.h.t.Fatal(err)
	}
	client := sts.NewFromConfig(cfg)
	c.all.Go(func() {
		for ctx.Err() == nil {
			if _, err := client.GetCallerIdentity(ctx, nil); err != nil && ctx.Err() == nil {
				c.failed("go-sdk", err.Error())
			}
			rest(ctx, 50*time.Millisecond)
		}
	})
}

// scale is how much shorter our leases live than the hour they should.
func scale(ttl time.Duration) float64 { return float64(time.Hour) / float64(ttl) }

// boto3 lets one long-lived Python program use a few profiles.
func (c *crowd) boto3(ctx context.Context, ttl time.Duration) {
	cmd := exec.Command(python(c.h.t), append([]string{"testdata/boto3_client.py", c.aws.URL, fmt.Sprint(scale(ttl))}, c.few...)...)
	cmd.Env = c.clientEnviron("boto3")
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		c.h.t.Fatal(err)
	}
	c.all.Go(func() {
		<-ctx.Done()
		stdin.Close()
		kill := time.AfterFunc(runLimit, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			c.failed("boto3", err.Error())
		}
		c.h.keep("boto3", stdout.String()+stderr.String())
		for line := range strings.Lines(stderr.String()) {
			c.failed("boto3", line)
		}
	})
}

// cli runs the AWS CLI again and again, a new process and a new lease each time.
func (c *crowd) cli(ctx context.Context) {
	program := awsCLI(c.h.t)
	environ := c.clientEnviron("aws-cli")
	verbs := [][]string{{"sns", "list-topics"}, {"sts", "get-caller-identity"}}
	c.all.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			limit, cancel := context.WithTimeout(context.Background(), runLimit)
			cmd := exec.CommandContext(limit, program, append([]string{
				"--endpoint-url", c.aws.URL, "--profile", c.few[i%len(c.few)], "--region", "us-east-1",
			}, verbs[i/len(c.few)%2]...)...)
			cmd.Env = environ
			out, err := cmd.CombinedOutput()
			cancel()
			c.h.keep("aws", string(out))
			if err != nil {
				c.failed("aws-cli", fmt.Sprintf("%v: %s", err, out))
			}
			rest(ctx, ttl/4) // Python's start takes a processor to itself
		}
	})
}

// awsCLI is the AWS CLI of the system, which finds its libraries by itself.
func awsCLI(t *testing.T) string {
	if _, err := os.Stat("/usr/bin/aws"); err == nil {
		return "/usr/bin/aws"
	}
	return tool(t, "aws", "awscli")
}

var findPython = sync.OnceValue(func() string {
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(name, "-c", "import boto3").Run() == nil {
			return name
		}
	}
	return ""
})

// python is a Python that has boto3.
func python(t *testing.T) string {
	t.Helper()
	path := findPython()
	if path == "" {
		t.Fatal("there is no python3 with boto3: install it with apt-get install python3-boto3")
	}
	return path
}

// writeAWSConfig writes the AWS config file of one client, whose
// credential_process counts its runs and then becomes the helper.
func (c *crowd) writeAWSConfig(client string) {
	c.h.t.Helper()
	script := c.h.write("clients/"+client+"/counted", fmt.Sprintf("#!/bin/sh\necho run >>'%s'\nHOME='%s' XDG_RUNTIME_DIR='%s' AWSKEYD_SOCKET='%s' exec '%s' \"$1\"\n",
		c.runsFile(client), c.h.dir, c.h.vars["XDG_RUNTIME_DIR"], c.h.vars["AWSKEYD_SOCKET"], filepath.Join(c.h.bin, "awskey-helper")))
	if err := os.Chmod(script, 0o700); err != nil {
		c.h.t.Fatal(err)
	}
	var text strings.Builder
	for _, p := range c.profiles {
		fmt.Fprintf(&text, "[profile %s]\ncredential_process = %s %s\n", p, script, p)
	}
	c.h.write("clients/"+client+"/config", text.String())
}

func (c *crowd) awsConfig(client string) string { return c.h.path("clients", client, "config") }

func (c *crowd) runsFile(client string) string { return c.h.path("clients", client, "runs") }

// runs is how often a client ran the helper.
func (c *crowd) runs(client string) int {
	if own := c.rawRuns[client]; own != nil {
		return int(own.Load())
	}
	text, err := os.ReadFile(c.runsFile(client))
	if err != nil {
		return 0
	}
	return bytes.Count(text, []byte("run\n"))
}

// clientEnviron is the environment of a client of AWS: nothing of ours but the
// AWS config file, and no retries.
func (c *crowd) clientEnviron(client string) []string {
	return append(c.h.bareAWS(),
		"AWS_CONFIG_FILE="+c.awsConfig(client), "AWS_MAX_ATTEMPTS=1")
}

// bareAWS is an environment in which a client of AWS finds no other
// credentials than those of the AWS config in the home.
func (h *home) bareAWS() []string {
	return []string{
		"HOME=" + h.dir, "PATH=" + h.vars["PATH"], "LANG=C.UTF-8",
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=",
	}
}
