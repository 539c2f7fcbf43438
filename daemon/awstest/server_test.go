package awstest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// start serves until the test ends.
func start(t *testing.T, o Options) *Server {
	s := NewServer(o)
	t.Cleanup(s.Close)
	return s
}

// The life of a key through the SDK's own client, which reads every answer by
// AWS's service model.
func TestLifeOfAKeyBySDK(t *testing.T) {
	s := start(t, Options{})
	cred, first := alice(t, s)
	ctx := t.Context()
	client := iam.New(iam.Options{
		BaseEndpoint: aws.String(s.URL), Region: "us-east-1", HTTPClient: fresh(), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: cred.id, SecretAccessKey: cred.secret}, nil
		}),
	})
	made, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	k := made.AccessKey
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(*k.AccessKeyId) ||
		!regexp.MustCompile(`^[A-Za-z0-9/+]{40}$`).MatchString(*k.SecretAccessKey) ||
		*k.UserName != "alice" || k.Status != types.StatusTypeActive || time.Since(*k.CreateDate) > time.Minute {
		t.Fatalf("made %+v", k)
	}
	if s.Secret(*k.AccessKeyId) != *k.SecretAccessKey {
		t.Error("Secret tells another secret than CreateAccessKey")
	}
	_, err = client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	if full := new(types.LimitExceededException); !errors.As(err, &full) {
		t.Fatalf("third key: %v", err)
	}
	_, err = client.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{AccessKeyId: aws.String(first), Status: types.StatusTypeInactive})
	if err != nil {
		t.Fatal(err)
	}
	cred = credentials{id: *k.AccessKeyId, secret: *k.SecretAccessKey}
	pages := iam.NewListAccessKeysPaginator(client, &iam.ListAccessKeysInput{MaxItems: aws.Int32(1)})
	var listed []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.AccessKeyMetadata) != 1 {
			t.Fatalf("a page of %d", len(page.AccessKeyMetadata))
		}
		listed = append(listed, *page.AccessKeyMetadata[0].AccessKeyId+" "+string(page.AccessKeyMetadata[0].Status))
	}
	if want := first + " Inactive," + cred.id + " Active"; strings.Join(listed, ",") != want {
		t.Fatalf("listed %v, want %s", listed, want)
	}
	for range 2 {
		_, err = client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: aws.String(first), UserName: aws.String("alice")})
		if gone := new(types.NoSuchEntityException); err != nil && !errors.As(err, &gone) {
			t.Fatal(err)
		}
	}
	if err == nil {
		t.Fatal("deleted twice")
	}
	u, err := client.GetUser(ctx, &iam.GetUserInput{})
	if err != nil || *u.User.Arn != "arn:aws:iam::123456789012:user/eng/alice" || *u.User.Path != "/eng/" ||
		!strings.HasPrefix(*u.User.UserId, "AIDA") || u.User.CreateDate == nil {
		t.Fatalf("user %+v: %v", u, err)
	}
	s.SetPolicy("alice", Admin())
	n, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("new"), Path: aws.String("/a/b/")})
	if err != nil || *n.User.Arn != "arn:aws:iam::123456789012:user/a/b/new" {
		t.Fatalf("new user %+v: %v", n, err)
	}
}

// Root's key manages root's keys when no user is named, and is told by its ARN.
func TestRoot(t *testing.T) {
	s := start(t, Options{})
	s.CreateUser("alice", "", Policy{})
	id, secret := s.IssueKey(Root)
	c := newCaller(s, id, secret)
	g := c.must(t, 200, "", STS, "GetCallerIdentity")
	if field(t, g.body, "Arn") != "arn:aws:iam::123456789012:root" || field(t, g.body, "UserId") != "123456789012" {
		t.Error(g.body)
	}
	c.create(t)
	if len(s.Keys(Root)) != 2 || len(s.Keys("alice")) != 0 {
		t.Error("the key is not root's")
	}
	c.must(t, 409, "LimitExceeded", IAM, "CreateAccessKey")
	c.create(t, "UserName", "alice")
	if s.Calls()[0].User != Root {
		t.Error("root is not recorded")
	}
}

// The outside of every answer, good or bad.
func TestHeaders(t *testing.T) {
	clock := new(handClock)
	s := start(t, Options{Clock: clock.now})
	cred, _ := alice(t, s)
	good := newCaller(s, cred.id, cred.secret)
	for _, c := range []*caller{good, good.as(credentials{})} {
		g, err := c.call(IAM, "GetUser")
		if err != nil {
			t.Fatal(err)
		}
		if id := field(t, g.body, "RequestId"); id != g.header.Get("x-amzn-RequestId") || len(id) != 36 {
			t.Errorf("request id %q and %q", id, g.header.Get("x-amzn-RequestId"))
		}
		if date, err := http.ParseTime(g.header.Get("Date")); err != nil || !date.Equal(clock.now().Truncate(time.Second)) {
			t.Errorf("Date %q at %s", g.header.Get("Date"), clock.now())
		}
		if g.header.Get("Content-Type") != "text/xml" {
			t.Errorf("Content-Type %q", g.header.Get("Content-Type"))
		}
		if !strings.Contains(g.body, ` xmlns="https://iam.amazonaws.com/doc/2010-05-08/">`) {
			t.Error(g.body)
		}
	}
	if created := s.Keys("alice")[0].Created; !created.Equal(clock.now().Truncate(time.Second)) {
		t.Errorf("created %s", created)
	}
	if g := good.as(credentials{}).must(t, 403, "MissingAuthenticationToken", STS, "GetCallerIdentity"); !strings.Contains(g.body, "https://sts.amazonaws.com/doc/2011-06-15/") {
		t.Error(g.body)
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	form := "application/x-www-form-urlencoded"
	for _, c := range []struct {
		target, kind, body string
		status             int
		code               string
	}{
		{"/", form, "", 400, "MissingAction"},
		{"/", "application/json", "Action=GetUser&Version=2010-05-08", 400, "MissingAction"},
		{"/", form, "Action=GetUser", 400, "InvalidAction"},
		{"/", form, "Action=GetUser&Version=2011-06-15", 400, "InvalidAction"},
		{"/", form, "Action=ListRoles&Version=2010-05-08", 400, "InvalidAction"},
		{"/", form, "Action=%zz", 404, "MalformedQueryString"},
		{"/?a=%zz", form, "Action=GetUser&Version=2010-05-08", 404, "MalformedQueryString"},
		{"/?Action=GetUser&Version=2010-05-08", "", "", 403, "MissingAuthenticationToken"},
		{"/", form, "Action=" + strings.Repeat("x", maxBody), 413, "RequestEntityTooLarge"},
	} {
		r := httptest.NewRequest("POST", c.target, nil)
		r.Header.Set("Content-Type", c.kind)
		w := serve(s, []byte(c.body), r)
		if w.Code != c.status || field(t, w.Body.String(), "Code") != c.code {
			t.Errorf("%s %.40s: %d %s, want %d %s", c.target, c.body, w.Code, w.Body, c.status, c.code)
		}
	}
}

// Whatever arrives is answered with a well-formed error of the caller's, and
// recorded.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/", "", "application/x-www-form-urlencoded", "AWS4-HMAC-SHA256 Credential=AKID/20260304/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=00",
		"20260304T050607Z", "", []byte("Action=ListAccessKeys&Version=2010-05-08&MaxItems=%00"))
	f.Add("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", "", "AWS4-HMAC-SHA256 a=b", "x", "token", []byte{0xff})
	f.Add("", "/%2f/../;a?b;c=%", "", "text/xml; =", ",", "", "", []byte("Action=\x00"))
	f.Add("POST", "/", "CloudTrail_20131101.LookupEvents", "application/x-amz-json-1.1", "AWS4-HMAC-SHA256 a=b", "", "", []byte(`{"LookupAttributes":[{"AttributeKey":1}],"StartTime":1e99}`))
	f.Add("POST", "/", "Logs_20140328.FilterLogEvents", "application/x-amz-json-1.1", "", "", "", []byte(`{"logGroupName":{"a":[null,true]}} x`))
	f.Add("POST", "/", "GraniteServiceVersion20100801.DescribeAlarms", "application/x-amz-json-1.0", "", "", "", []byte(`{"AlarmNames":["`+"\xff"+`"]}`))
	s := New(Options{Clock: func() time.Time { return signedAt }, Seed: 1})
	f.Cleanup(s.Close)
	s.CreateUser("alice", "", Rotator())
	id, _ := s.IssueKey("alice")
	f.Add("POST", "/", "", "application/x-www-form-urlencoded", "AWS4-HMAC-SHA256 Credential="+id+"/20260304/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
		"20260304T050607Z", "", []byte("Action=ListAccessKeys&Version=2010-05-08"))
	f.Fuzz(func(t *testing.T, method, path, target, kind, authorization, date, token string, body []byte) {
		r, err := http.NewRequest(method, "http://host"+path, nil)
		if err != nil {
			return
		}
		r.Header = http.Header{"Content-Type": {kind}, "Authorization": {authorization}, "X-Amz-Date": {date}, "X-Amz-Security-Token": {token}}
		if target != "" {
			r.Header.Set("X-Amz-Target", target)
		}
		_, before := s.Counts()
		w := serve(s, body, r)
		if w.Code < 400 || w.Code > 499 {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		if _, after := s.Counts(); after.Signed != before.Signed {
			t.Fatal("counted as signed")
		}
		if target != "" && w.Code != http.StatusRequestEntityTooLarge {
			var e struct {
				Type string `json:"__type"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Type == "" {
				t.Fatalf("%v: %s", err, w.Body)
			}
			return
		}
		var e struct {
			XMLName xml.Name `xml:"ErrorResponse"`
			Error   struct{ Type, Code, Message string }
		}
		if err := xml.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error.Code == "" || e.Error.Type != "Sender" {
			t.Fatalf("%v: %s", err, w.Body)
		}
	})
}

func TestServeTLS(t *testing.T) {
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // of a certificate and a client that trusts it
	defer lender.Close()
	s := New(Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() {
		served <- s.Serve(tls.NewListener(l, &tls.Config{Certificates: lender.TLS.Certificates}))
	}()
	cred, _ := alice(t, s)
	c := newCaller(s, cred.id, cred.secret)
	c.url, c.client = "https://"+l.Addr().String(), lender.Client()
	c.must(t, 200, "", STS, "GetCallerIdentity")
	s.Close()
	if err := <-served; err != http.ErrServerClosed {
		t.Errorf("Serve: %v", err)
	}
}

// As a mere handler in somebody else's server it answers, and its Close ends
// what hangs, although it does not own the connections.
func TestAsHandler(t *testing.T) {
	s := New(Options{})
	other := httptest.NewServer(s)
	defer other.Close()
	cred, _ := alice(t, s)
	c := newCaller(s, cred.id, cred.secret)
	c.url = other.URL
	c.must(t, 200, "", STS, "GetCallerIdentity")
	seen := make(chan struct{})
	s.SetHook(func(context.Context, Moment, Call) { close(seen) })
	s.SetScript(Rules(Rule{Fault: Hang()}))
	failed := make(chan error)
	go func() {
		_, err := c.call(STS, "GetCallerIdentity")
		failed <- err
	}()
	<-seen
	s.Close()
	if <-failed == nil {
		t.Error("answered")
	}
	if _, err := c.call(STS, "GetCallerIdentity"); err == nil {
		t.Error("answered after Close")
	}
}

// pipes is a listener whose connections are net.Pipe's, which synctest can follow.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			server, client := net.Pipe()
			select {
			case p.conns <- server:
				return client, nil
			case <-p.done:
				return nil, io.EOF
			}
		},
	}}
}

// Many clients at once, with the record read meanwhile: for the race detector,
// and no user ever has three keys.
func TestConcurrency(t *testing.T) {
	s := start(t, Options{Replicas: map[Service][]time.Duration{IAM: {0, time.Millisecond}, STS: {0, time.Millisecond}}})
	cred, _ := alice(t, s)
	s.SetScript(Rules(Rule{Action: "ListAccessKeys", Nth: 3, Fault: LoseReply()}, Rule{Action: "GetUser", Nth: 2, Fault: Throttle()}))
	var hooked sync.Map
	s.SetHook(func(_ context.Context, m Moment, c Call) { hooked.Store(m, len(s.Calls())) })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := newCaller(s, cred.id, cred.secret)
			for range 10 {
				for _, action := range []string{"CreateAccessKey", "ListAccessKeys", "GetUser"} {
					g, err := c.call(IAM, action)
					if err == nil && g.status != 200 && g.code != "LimitExceeded" && g.code != "Throttling" {
						t.Errorf("%s: %d %s", action, g.status, g.body)
					}
				}
				keys := s.Keys("alice")
				if len(keys) > 2 {
					t.Errorf("%d keys", len(keys))
				}
				for _, k := range keys {
					if k.ID != cred.id {
						c.call(IAM, "DeleteAccessKey", "AccessKeyId", k.ID)
					}
				}
				s.Counts()
			}
		})
	}
	wg.Wait()
	calls := s.Calls()
	for i, c := range calls {
		if c.Number != i+1 {
			t.Fatalf("call %d has number %d", i+1, c.Number)
		}
	}
	if _, clients := s.Counts(); clients.Signed != len(calls) || clients.Refused != 0 {
		t.Errorf("%d calls, counted %+v", len(calls), clients)
	}
	if _, ok := hooked.Load(Executed); !ok {
		t.Error("no hook")
	}
}

// A seed makes everything repeatable; without one nothing is.
func TestSeed(t *testing.T) {
	secrets := map[string]int{}
	for _, seed := range []uint64{0, 0, 7, 7, 8} {
		s := New(Options{Seed: seed})
		s.CreateUser("alice", "", Policy{})
		id, secret := s.IssueKey("alice")
		secrets[id+secret]++
		s.Close()
	}
	if len(secrets) != 4 {
		t.Errorf("%d different keys of 5, want 4", len(secrets))
	}
}
