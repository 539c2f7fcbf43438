//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// exact is the helper's whole answer, to the byte, but for what differs.
var exact = regexp.MustCompile(`^\{"Version":1,"AccessKeyId":"[A-Z0-9]{20}","SecretAccessKey":"[A-Za-z0-9+/]{40}","AccountId":"123456789012","Expiration":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}\n$`)

// What `awskey add --write` has written is all that a client needs: the AWS
// CLI, boto3 and the Go SDK take the answer for exactly what it says.
func TestEveryClientTakesTheAnswer(t *testing.T) {
	h := newHome(t, binaries(t))
	h.onFailure(t)
	aws := newAWSWithAlice(t)
	h.configure(h.fileStore(), awsSettings(aws.Server))
	d := h.start()
	h.mustAdd("work", aws.id, aws.secret, "--write")
	// The helper of a client of AWS sees the client's environment.
	environ := append(h.bareAWS(), "AWSKEYD_SOCKET="+h.vars["AWSKEYD_SOCKET"])

	before := time.Now().Truncate(time.Second)
	r := h.helper("work")
	if r.exit != exitDone || r.stderr != "" || !exact.MatchString(r.stdout) {
		t.Fatalf("the helper: exit %d, %d bytes of another form, %q", r.exit, len(r.stdout), r.stderr)
	}
	l, err := readLease(r.stdout)
	if err != nil || l.AccessKeyId != aws.id || l.SecretAccessKey != aws.secret || l.SessionToken != "" {
		t.Fatalf("the helper gives key %s (%v)", l.AccessKeyId, err)
	}
	// ttl is its default, an hour.
	if life := l.Expiration.Sub(before); life < time.Hour || life > time.Hour+runLimit {
		t.Errorf("the lease ends %v after it was asked for", life)
	}
	if len(r.stdout) > 4096 {
		t.Errorf("the answer has %d bytes", len(r.stdout))
	}

	t.Run("AWS CLI", func(t *testing.T) {
		for _, verb := range [][]string{{"sts", "get-caller-identity"}, {"sns", "list-topics"}, {"iam", "list-access-keys"}} {
			calls := len(aws.Calls())
			r := h.runIn(environ, "", awsCLI(t), append([]string{"--endpoint-url", aws.URL, "--profile", "work", "--region", "us-east-1"}, verb...)...)
			if r.exit != exitDone || r.stderr != "" {
				t.Errorf("%v: exit %d, %q", verb, r.exit, r.stderr)
			}
			accepted(t, aws, calls, "aws-cli/")
		}
	})
	t.Run("boto3", func(t *testing.T) {
		calls := len(aws.Calls())
		r := h.runIn(environ, "", python(t), "-c", `
import boto3, json, sys
s = boto3.Session(profile_name="work", region_name="us-east-1")
s.client("sts", endpoint_url=sys.argv[1]).get_caller_identity()
c = s.get_credentials()
f = c.get_frozen_credentials()
print(json.dumps([f.access_key, f.secret_key, f.token, c.method]))
`, aws.URL)
		var got []*string
		if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.exit != exitDone || r.stderr != "" {
			t.Fatalf("exit %d, %q (%v)", r.exit, r.stderr, err)
		}
		if len(got) != 4 || *got[0] != aws.id || *got[1] != aws.secret || got[2] != nil || *got[3] != "custom-process" {
			t.Error("the credentials are not those of the helper")
		}
		accepted(t, aws, calls, "Boto3/")
	})
	t.Run("Go SDK", func(t *testing.T) {
		// The SDK runs the helper in this process's own environment.
		for _, v := range os.Environ() {
			if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS") {
				t.Setenv(name, "")
			}
		}
		t.Setenv("HOME", h.dir)
		t.Setenv("AWSKEYD_SOCKET", h.vars["AWSKEYD_SOCKET"])
		cfg, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigProfile("work"),
			config.WithSharedConfigFiles([]string{h.path(".aws/config")}), config.WithSharedCredentialsFiles([]string{os.DevNull}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := cfg.Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.AccessKeyID != aws.id || got.SecretAccessKey != aws.secret || got.SessionToken != "" || got.AccountID != "123456789012" || !got.CanExpire || time.Until(got.Expires) < 59*time.Minute {
			t.Errorf("key %s of account %s, until %v (%v)", got.AccessKeyID, got.AccountID, got.Expires, got.CanExpire)
		}
		status, err := send(context.Background(), aws.URL, whoAmI, lease{AccessKeyId: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey})
		if err != nil || status != http.StatusOK {
			t.Errorf("signed with it: status %d, %v", status, err)
		}
	})
	t.Run("what was written", func(t *testing.T) {
		path, err := filepath.EvalSymlinks(h.bin)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(h.path(".aws/config"))
		if want := "[profile work]\ncredential_process = " + path + "/awskey-helper work\n"; err != nil || string(text) != want {
			t.Errorf("the AWS config is %q, not %q (%v)", text, want, err)
		}
		if r := h.helper("WORK"); r.exit != exitDone {
			t.Errorf("names differ by case: %q", r.stderr)
		}
	})
	d.stop()
}

// accepted tells whether all requests since were the client's, signed with the
// key, and taken by AWS.
func accepted(t *testing.T, aws alice, since int, agent string) {
	t.Helper()
	calls := slices.DeleteFunc(aws.Calls()[since:], awstest.Call.ByDaemon)
	if len(calls) == 0 {
		t.Error("no request has arrived")
	}
	for _, c := range calls {
		if c.Status != http.StatusOK || c.KeyID != aws.id || c.User != "alice" || !strings.HasPrefix(c.Client, agent) {
			t.Errorf("%s by %s signed with %s: %d %s", c.Action, c.Client, c.KeyID, c.Status, c.Code)
		}
	}
}
