//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// newAWS starts an emulated AWS for the length of a test.
func newAWS(t *testing.T, o awstest.Options) *awstest.Server {
	t.Helper()
	s := awstest.NewServer(o)
	t.Cleanup(s.Close)
	return s
}

// awsSettings is the configuration that sends the daemon to the emulator.
func awsSettings(s *awstest.Server) string { return awsAt(s.URL) }

func awsAt(url string) string {
	return "[aws]\nregion = \"us-east-1\"\nendpoint_url = \"" + url + "\"\n"
}

// lease is the helper's answer.
type lease struct {
	Version         int
	AccessKeyId     string
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
	AccountId       string
}

// readLease takes the helper's answer apart, strictly.
func readLease(text string) (lease, error) {
	var l lease
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, fmt.Errorf("the answer is not the document: %w", err)
	}
	if rest, _ := io.ReadAll(d.Buffered()); string(rest) != "\n" {
		return l, fmt.Errorf("the document is followed by %q", rest)
	}
	if l.Version != 1 || l.AccessKeyId == "" || l.SecretAccessKey == "" || l.Expiration.IsZero() {
		return l, fmt.Errorf("the document lacks something (of key %s, until %v)", l.AccessKeyId, l.Expiration)
	}
	return l, nil
}

// lease asks the helper for credentials.
func (h *home) lease(profile string) (lease, error) {
	h.t.Helper()
	r := h.helper(profile)
	if r.exit != exitDone || r.stderr != "" {
		return lease{}, fmt.Errorf("awskey-helper %s: exit %d, %q", profile, r.exit, r.stderr)
	}
	return readLease(r.stdout)
}

// request is one thing that clients ask of AWS.
type request struct {
	service         awstest.Service
	action, version string
}

var (
	whoAmI     = request{awstest.STS, "GetCallerIdentity", "2011-06-15"}
	listTopics = request{awstest.SNS, "ListTopics", "2010-03-31"}
)

// The User-Agents of our own requests.
const rawClient, lastMoment = "raw-client/1", "last-moment/1"

// fresh makes a connection for each request, so that each reaches a replica of
// its own.
var fresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

// send signs a request with a lease, at this moment, and returns the status.
func send(ctx context.Context, endpoint string, what request, l lease) (int, error) {
	return sendAs(ctx, rawClient, endpoint, what, l)
}

func sendAs(ctx context.Context, agent, endpoint string, what request, l lease) (int, error) {
	body := []byte(url.Values{"Action": {what.action}, "Version": {what.version}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", agent)
	sum := sha256.Sum256(body)
	creds := aws.Credentials{AccessKeyID: l.AccessKeyId, SecretAccessKey: l.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), string(what.service), "us-east-1", time.Now()); err != nil {
		return 0, err
	}
	resp, err := fresh.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// works proves that a key is served and that AWS takes it.
func (h *home) works(s *awstest.Server, profile string) (id string) {
	h.t.Helper()
	l, err := h.lease(profile)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, what := range []request{whoAmI, listTopics} {
		if status, err := send(context.Background(), s.URL, what, l); err != nil || status != http.StatusOK {
			h.t.Errorf("%s signed with %s: status %d, %v", what.action, l.AccessKeyId, status, err)
		}
	}
	return l.AccessKeyId
}

// alice is an emulated AWS with one user who may rotate her one key.
type alice struct {
	*awstest.Server
	id, secret string
}

func newAWSWithAlice(t *testing.T) alice {
	t.Helper()
	s := newAWS(t, awstest.Options{})
	s.CreateUser("alice", "", awstest.Rotator())
	id, secret := s.IssueKey("alice")
	return alice{s, id, secret}
}
