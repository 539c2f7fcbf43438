package awstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "1000") // the command line still wins
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// credentials sign a request; the zero value signs nothing.
type credentials struct{ id, secret, token string }

// caller speaks the Query protocol, signed by the SDK's own signer.
type caller struct {
	url    string
	client *http.Client
	cred   credentials
	agent  string
	region string        // of the scope; empty is us-east-1
	scope  Service       // service of the scope; empty is the true one
	shift  time.Duration // of the caller's clock
	now    func() time.Time
}

func newCaller(s *Server, id, secret string) *caller {
	return &caller{url: s.URL, client: fresh(), cred: credentials{id: id, secret: secret}, now: s.opts.Clock}
}

// fresh is a client that makes a new connection for every request.
func fresh() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// reply is what came back.
type got struct {
	status  int
	code    string
	message string
	body    string
	header  http.Header
}

// call returns what AWS answered, or the transport's error.
func (c *caller) call(service Service, action string, params ...string) (got, error) {
	form := url.Values{"Action": {action}, "Version": {versionOf(service)}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	return c.send(service, form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}})
}

// ask is call with a document instead of a form: AWS JSON for the services that
// speak it.
func (c *caller) ask(service Service, action string, document map[string]any) (got, error) {
	for target, s := range targets {
		if s == service && !strings.HasPrefix(target, "com.") && service != CloudWatch {
			body, err := json.Marshal(document)
			if err != nil {
				return got{}, err
			}
			return c.send(service, string(body), http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target + "." + action}})
		}
	}
	var params []string
	for name, value := range document {
		switch v := value.(type) {
		case string:
			params = append(params, name, v)
		case []any:
			for i, item := range v {
				params = append(params, fmt.Sprintf("%s.member.%d", name, i+1), item.(string))
			}
		}
	}
	return c.call(service, action, params...)
}

func (c *caller) send(service Service, body string, header http.Header) (got, error) {
	r, err := http.NewRequest("POST", c.url+"/", strings.NewReader(body))
	if err != nil {
		return got{}, err
	}
	r.Header = header
	if c.agent != "" {
		r.Header.Set("User-Agent", c.agent)
	}
	if c.cred.id != "" {
		scope, region := c.scope, c.region
		if scope == "" {
			scope = service
		}
		if region == "" {
			region = "us-east-1"
		}
		hash := sha256.Sum256([]byte(body))
		err := v4.NewSigner().SignHTTP(context.Background(),
			aws.Credentials{AccessKeyID: c.cred.id, SecretAccessKey: c.cred.secret, SessionToken: c.cred.token},
			r, hex.EncodeToString(hash[:]), string(scope), region, c.now().Add(c.shift))
		if err != nil {
			return got{}, err
		}
	}
	w, err := c.client.Do(r)
	if err != nil {
		return got{}, err
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		return got{}, err
	}
	g := got{status: w.StatusCode, body: string(b), header: w.Header}
	var e struct {
		Error struct{ Code, Message string }
	}
	if w.StatusCode >= 400 && xml.Unmarshal(b, &e) == nil {
		g.code, g.message = e.Error.Code, e.Error.Message
	}
	var j struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if w.StatusCode >= 400 && json.Unmarshal(b, &j) == nil {
		g.code, g.message = j.Type, j.Message
	}
	return g, nil
}

// must fails the test unless the answer has this status and code.
func (c *caller) must(t *testing.T, status int, code string, service Service, action string, params ...string) got {
	t.Helper()
	g, err := c.call(service, action, params...)
	if err != nil {
		t.Fatalf("%s: %v", action, err)
	}
	if g.status != status || g.code != code {
		t.Fatalf("%s: %d %s, want %d %s: %s", action, g.status, g.code, status, code, g.body)
	}
	return g
}

// create makes a key by API and returns its credentials.
func (c *caller) create(t *testing.T, params ...string) credentials {
	t.Helper()
	g := c.must(t, 200, "", IAM, "CreateAccessKey", params...)
	var w struct {
		Key struct{ AccessKeyId, SecretAccessKey string } `xml:"CreateAccessKeyResult>AccessKey"`
	}
	if err := xml.Unmarshal([]byte(g.body), &w); err != nil || w.Key.SecretAccessKey == "" {
		t.Fatalf("no key in %s: %v", g.body, err)
	}
	return credentials{id: w.Key.AccessKeyId, secret: w.Key.SecretAccessKey}
}

func (c *caller) as(cred credentials) *caller {
	other := *c
	other.cred = cred
	return &other
}

func versionOf(service Service) string {
	for version, s := range versions {
		if s == service {
			return version
		}
	}
	return ""
}

func field(t *testing.T, body, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(body, "<"+name+">")
	value, _, closed := strings.Cut(rest, "</"+name+">")
	if !ok || !closed {
		t.Fatalf("no <%s> in %s", name, body)
	}
	return value
}

// handClock is a clock that a test moves.
type handClock struct{ seconds atomic.Int64 }

func (c *handClock) now() time.Time          { return time.Unix(1_800_000_000+c.seconds.Load(), 700_000_000) }
func (c *handClock) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// serve answers a request given as bytes, without a network.
func serve(s *Server, raw []byte, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.Body = io.NopCloser(bytes.NewReader(raw))
	s.ServeHTTP(w, r)
	return w
}
