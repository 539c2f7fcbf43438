package awsapi

import (
	"context"
	"crypto/tls"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/store/secret"
)

// emulated starts an emulated AWS with user bob in /eng/ and a client of its
// region, and issues bob a key.
func emulated(t *testing.T, o awstest.Options, p awstest.Policy) (*awstest.Server, *Client, Credentials) {
	t.Helper()
	s := awstest.NewServer(o)
	t.Cleanup(s.Close)
	s.CreateUser("bob", "/eng/", p)
	c := newClient(t, Config{EndpointURL: s.URL, Region: o.Region, Version: "test"})
	id, text := s.IssueKey("bob")
	return s, c, Credentials{id, secret.New(text)}
}

// A whole life of a key, the SDK as client and the emulator as AWS.
func TestEmulatedLife(t *testing.T) {
	s, c, old := emulated(t, awstest.Options{Region: "eu-west-1"}, awstest.Rotator())
	ctx := t.Context()

	who, m, err := c.WhoAmI(ctx, old)
	if err != nil || who.UserName != "bob" || who.ARN != "arn:aws:iam::123456789012:user/eng/bob" || who.Root || !strings.HasPrefix(who.UserID, "AIDA") {
		t.Fatalf("%+v, %v", who, err)
	}
	if off := m.Date.Sub(m.Local).Abs(); off > 5*time.Second || m.Date.Nanosecond() != 0 {
		t.Errorf("AWS's clock %v, ours %v", m.Date, m.Local)
	}
	before := m.Date
	made, m, err := c.CreateKey(ctx, old, "bob")
	if err != nil || made.Status != "Active" || made.ID == old.ID || made.Secret.Reveal() != s.Secret(made.ID) {
		t.Fatalf("%+v, %v", made, err)
	}
	// The orphan rule stands on this: CreateDate lies between two Dates.
	if made.Created.Before(before) || made.Created.After(m.Date) {
		t.Errorf("created %v, not within %v and %v", made.Created, before, m.Date)
	}
	next := Credentials{made.ID, made.Secret}
	if who, _, err := c.WhoAmI(ctx, next); err != nil || who.UserName != "bob" {
		t.Fatalf("%+v, %v", who, err)
	}
	list := func(want ...Key) {
		t.Helper()
		keys, _, err := c.ListKeys(ctx, next, "bob")
		if err != nil || len(keys) != len(want) {
			t.Fatalf("%+v, %v", keys, err)
		}
		for i := range want {
			if keys[i].ID != want[i].ID || keys[i].Status != want[i].Status || keys[i].Created.IsZero() {
				t.Errorf("got %+v, want %+v", keys[i], want[i])
			}
		}
	}
	list(Key{ID: old.ID, Status: "Active"}, Key{ID: made.ID, Status: "Active"})
	for _, status := range []string{"Inactive", "Active", "Inactive"} {
		if _, err := c.SetKeyStatus(ctx, next, "bob", old.ID, status == "Active"); err != nil {
			t.Fatal(err)
		}
		list(Key{ID: old.ID, Status: status}, Key{ID: made.ID, Status: "Active"})
	}
	used, _, err := c.KeyLastUsed(ctx, next, old.ID)
	if err != nil || used.Service != "sts" || used.Region != "eu-west-1" || used.Date.IsZero() {
		t.Errorf("%+v, %v", used, err)
	}
	if _, err := c.DeleteKey(ctx, next, "bob", old.ID); err != nil {
		t.Fatal(err)
	}
	list(Key{ID: made.ID, Status: "Active"})

	for i, call := range s.Calls() {
		if call.Conn != i+1 || !call.ByDaemon() || call.Status != 200 {
			t.Errorf("call %d: connection %d, client %q, %d %s", i+1, call.Conn, call.Client, call.Status, call.Code)
		}
	}
}

func TestEmulatedRefusals(t *testing.T) {
	const absent = "AKIAABSENT2345678901"
	for _, try := range []struct {
		name string
		act  func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error
		want Class
		code string
		text string
	}{
		{"unknown key", func(ctx context.Context, _ *awstest.Server, c *Client, _ Credentials) error {
			_, _, err := c.WhoAmI(ctx, Credentials{absent, secret.New("x")})
			return err
		}, ClassUnauthenticated, "InvalidClientTokenId", "asked STS who access key " + absent},
		{"inactive key at STS", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.SetStatus(key.ID, awstest.Inactive)
			_, _, err := c.WhoAmI(ctx, key)
			return err
		}, ClassUnauthenticated, "InvalidClientTokenId", "Active"},
		{"deleted key at IAM", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.DeleteKey(key.ID)
			_, _, err := c.ListKeys(ctx, key, "bob")
			return err
		}, ClassUnauthenticated, "InvalidClientTokenId", "access keys of bob"},
		{"wrong secret at STS", func(ctx context.Context, _ *awstest.Server, c *Client, key Credentials) error {
			_, _, err := c.WhoAmI(ctx, Credentials{key.ID, testKey.Secret})
			return err
		}, ClassWrongSecret, "SignatureDoesNotMatch", "the secret does not belong"},
		{"wrong secret at IAM", func(ctx context.Context, _ *awstest.Server, c *Client, key Credentials) error {
			_, _, err := c.CreateKey(ctx, Credentials{key.ID, testKey.Secret}, "bob")
			return err
		}, ClassWrongSecret, "SignatureDoesNotMatch", "create an access key for bob"},
		{"third key", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.IssueKey("bob")
			_, _, err := c.CreateKey(ctx, key, "bob")
			return err
		}, ClassLimit, "LimitExceeded", "two access keys per user"},
		{"no policy", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.SetPolicy("bob", awstest.Policy{})
			_, _, err := c.CreateKey(ctx, key, "bob")
			return err
		}, ClassDenied, "AccessDenied", "awskey policy NAME"},
		{"explicit deny", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.SetPolicy("bob", awstest.Policy{Own: []string{"iam:*"}, Deny: []string{"iam:UpdateAccessKey"}})
			_, err := c.SetKeyStatus(ctx, key, "bob", key.ID, false)
			return err
		}, ClassDenied, "AccessDenied", "explicit deny"},
		{"without MFA", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.SetPolicy("bob", awstest.Policy{Own: []string{"iam:*"}, NeedMFA: true})
			_, err := c.DeleteKey(ctx, key, "bob", key.ID)
			return err
		}, ClassDenied, "AccessDenied", "delete access key"},
		{"another user", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.CreateUser("eve", "/", awstest.Policy{})
			_, _, err := c.ListKeys(ctx, key, "eve")
			return err
		}, ClassDenied, "AccessDenied", "access keys of eve"},
		{"no such user", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.SetPolicy("bob", awstest.Admin())
			_, _, err := c.ListKeys(ctx, key, "nobody")
			return err
		}, ClassNotFound, "NoSuchEntity", "nobody"},
		{"deleted twice", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			other, _ := s.IssueKey("bob")
			if _, err := c.DeleteKey(ctx, key, "bob", other); err != nil {
				return err
			}
			_, err := c.DeleteKey(ctx, key, "bob", other)
			return err
		}, ClassNotFound, "NoSuchEntity", "cannot be found"},
		{"absent key changed", func(ctx context.Context, _ *awstest.Server, c *Client, key Credentials) error {
			_, err := c.SetKeyStatus(ctx, key, "bob", absent, true)
			return err
		}, ClassNotFound, "NoSuchEntity", "activate access key " + absent},
		{"throttled", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.SetScript(awstest.Rules(awstest.Rule{Fault: awstest.Throttle()}))
			_, _, err := c.CreateKey(ctx, key, "bob")
			return err
		}, ClassThrottled, "Throttling", "Rate exceeded"},
		{"503", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.SetScript(awstest.Rules(awstest.Rule{Fault: awstest.Fail(503)}))
			_, _, err := c.WhoAmI(ctx, key)
			return err
		}, ClassServer, "ServiceUnavailable", "try again"},
		{"captive portal", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.SetScript(awstest.Rules(awstest.Rule{Fault: awstest.CaptivePortal()}))
			_, err := c.SetKeyStatus(ctx, key, "bob", key.ID, false)
			return err
		}, ClassNoAnswer, "", "log in to the network"},
		{"dropped", func(ctx context.Context, s *awstest.Server, c *Client, key Credentials) error {
			s.SetScript(awstest.Rules(awstest.Rule{Fault: awstest.Drop()}))
			_, _, err := c.KeyLastUsed(ctx, key, key.ID)
			return err
		}, ClassNoAnswer, "", "broke before the answer"},
		{"wrong region for STS", func(ctx context.Context, s *awstest.Server, _ *Client, key Credentials) error {
			_, _, err := newClient(t, Config{EndpointURL: s.URL, Region: "cn-north-1"}).WhoAmI(ctx, key)
			return err
		}, ClassWrongSecret, "SignatureDoesNotMatch", "valid region"},
	} {
		t.Run(try.name, func(t *testing.T) {
			s, c, key := emulated(t, awstest.Options{}, awstest.Rotator())
			err := try.act(t.Context(), s, c, key)
			e := failure(t, err, try.want)
			contains(t, err.Error(), try.text)
			if e.Code != try.code {
				t.Errorf("code %q, want %q: %v", e.Code, try.code, err)
			}
			if e.Code != "" && e.Date.IsZero() {
				t.Error("no Date of a refusal")
			}
			if text := s.Secret(key.ID); strings.Contains(err.Error(), text) {
				t.Error("holds the secret")
			}
		})
	}
}

// Executed and not answered: exactly one key more, and the class says doubt.
func TestEmulatedAmbiguity(t *testing.T) {
	for _, try := range []struct {
		fault awstest.Fault
		want  Class
	}{
		{awstest.LoseReply(), ClassNoAnswer},
		{awstest.FailAfter(500), ClassServer},
		{awstest.FailAfter(503), ClassServer},
	} {
		s, c, key := emulated(t, awstest.Options{}, awstest.Rotator())
		s.SetScript(awstest.Rules(awstest.Rule{Action: "CreateAccessKey", Fault: try.fault}))
		_, _, err := c.CreateKey(t.Context(), key, "bob")
		failure(t, err, try.want)
		if n := len(s.Keys("bob")); n != 2 {
			t.Errorf("%s: bob has %d keys", try.fault.Name, n)
		}
		// A retry, refused for the limit or not, would show as a second call.
		if n := len(s.Calls()); n != 1 {
			t.Errorf("%s: %d calls", try.fault.Name, n)
		}
	}
}

func TestEmulatedSkew(t *testing.T) {
	for _, offset := range []time.Duration{16 * time.Minute, -16 * time.Minute} {
		s, c, key := emulated(t, awstest.Options{Clock: func() time.Time { return time.Now().Add(offset) }}, awstest.Rotator())
		for range 2 { // the SDK's own correction would sign the second one right
			_, m, err := c.WhoAmI(t.Context(), key)
			failure(t, err, ClassSkewed)
			if got := m.Date.Sub(m.Local); (got - offset).Abs() > time.Minute {
				t.Errorf("offset %v, want %v", got, offset)
			}
		}
		_, _, err := c.CreateKey(t.Context(), key, "bob")
		failure(t, err, ClassSkewed)
		if n := len(s.Keys("bob")); n != 1 {
			t.Errorf("%d keys", n)
		}
	}
}

// Root's key is recognised, over TLS through an intercepting CA's bundle.
func TestEmulatedRootOverTLS(t *testing.T) {
	ca := newAuthority(t, "Emulator CA")
	s := awstest.New(awstest.Options{})
	var serving sync.WaitGroup
	l, err := tls.Listen("tcp", "127.0.0.1:0", ca.config())
	if err != nil {
		t.Fatal(err)
	}
	serving.Go(func() { s.Serve(l) })
	t.Cleanup(func() { s.Close(); serving.Wait() })
	id, text := s.IssueKey(awstest.Root)
	c := newClient(t, Config{EndpointURL: "https://" + l.Addr().String(), CABundle: ca.path})
	who, _, err := c.WhoAmI(t.Context(), Credentials{id, secret.New(text)})
	if err != nil || !who.Root || who.UserName != "" || who.ARN != "arn:aws:iam::123456789012:root" {
		t.Errorf("%+v, %v", who, err)
	}
}
