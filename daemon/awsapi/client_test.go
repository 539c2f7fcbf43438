package awsapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Every call asks what it should, signs it, and reads the answer.
func TestCalls(t *testing.T) {
	var form url.Values
	var header http.Header
	_, s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		form, header = r.PostForm, r.Header
		w.Header().Set("Date", "Mon, 05 Jan 2026 10:00:00 GMT")
		good(w, r)
	})
	c := newClient(t, Config{EndpointURL: s.URL, Region: "eu-west-1", Version: "1.2.3"})
	ctx := t.Context()
	check := func(m Meta, err error, scope string, want url.Values) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		form.Del("Version")
		if !reflect.DeepEqual(form, want) {
			t.Errorf("sent %v, want %v", form, want)
		}
		contains(t, header.Get("Authorization"), "Credential="+testKey.ID+"/", scope)
		if got := header.Get("User-Agent"); got != "awskeyd/1.2.3" {
			t.Errorf("user agent %q", got)
		}
		if !m.Date.Equal(date("2026-01-05T10:00:00Z")) || time.Since(m.Local).Abs() > time.Minute {
			t.Errorf("meta %+v", m)
		}
	}
	const iam, sts = "/us-east-1/iam/", "/eu-west-1/sts/"

	who, m, err := c.WhoAmI(ctx, testKey)
	check(m, err, sts, url.Values{"Action": {"GetCallerIdentity"}})
	if want := (Identity{"123456789012", "arn:aws:iam::123456789012:user/eng/bob", "aws", "AIDAEXAMPLE", "bob", false}); who != want {
		t.Errorf("got %+v, want %+v", who, want)
	}

	keys, m, err := c.ListKeys(ctx, testKey, "bob")
	check(m, err, iam, url.Values{"Action": {"ListAccessKeys"}, "UserName": {"bob"}})
	if want := []Key{{"AKIA1", "Active", date("2026-01-02T03:04:05Z")}}; !reflect.DeepEqual(keys, want) {
		t.Errorf("got %+v, want %+v", keys, want)
	}

	key, m, err := c.CreateKey(ctx, testKey, "bob")
	check(m, err, iam, url.Values{"Action": {"CreateAccessKey"}, "UserName": {"bob"}})
	if want := (Key{"AKIA2", "Active", date("2026-01-02T03:04:05Z")}); key.Key != want || key.Secret.Reveal() != "new/secret" {
		t.Errorf("got %+v, want %+v", key, want)
	}

	m, err = c.SetKeyStatus(ctx, testKey, "bob", "AKIA1", false)
	check(m, err, iam, url.Values{"Action": {"UpdateAccessKey"}, "UserName": {"bob"}, "AccessKeyId": {"AKIA1"}, "Status": {"Inactive"}})
	m, err = c.SetKeyStatus(ctx, testKey, "bob", "AKIA1", true)
	check(m, err, iam, url.Values{"Action": {"UpdateAccessKey"}, "UserName": {"bob"}, "AccessKeyId": {"AKIA1"}, "Status": {"Active"}})
	m, err = c.DeleteKey(ctx, testKey, "bob", "AKIA1")
	check(m, err, iam, url.Values{"Action": {"DeleteAccessKey"}, "UserName": {"bob"}, "AccessKeyId": {"AKIA1"}})

	used, m, err := c.KeyLastUsed(ctx, testKey, "AKIA1")
	check(m, err, iam, url.Values{"Action": {"GetAccessKeyLastUsed"}, "AccessKeyId": {"AKIA1"}})
	if want := (LastUsed{"bob", date("2026-01-02T03:00:00Z"), "sns", "eu-west-1"}); used != want {
		t.Errorf("got %+v, want %+v", used, want)
	}

	account, m, err := c.AccountOf(ctx, testKey, "AKIA1")
	check(m, err, sts, url.Values{"Action": {"GetAccessKeyInfo"}, "AccessKeyId": {"AKIA1"}})
	if account != "123456789012" {
		t.Error(account)
	}
}

// Every request has a connection of its own, and is made once whatever the
// answer, also when many are made at once.
func TestOneAttemptOneConnection(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"good":      good,
		"throttled": func(w http.ResponseWriter, r *http.Request) { refusal(w, r, 400, "Throttling", "Rate exceeded") },
		"500":       func(w http.ResponseWriter, r *http.Request) { refusal(w, r, 500, "InternalFailure", "oops") },
		"skewed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
			refusal(w, r, 403, "SignatureDoesNotMatch", "Signature expired")
		},
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var conns, requests atomic.Int32
			s := httptest.NewUnstartedServer(counting(&requests, h))
			s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					conns.Add(1)
				}
			}
			s.Start()
			defer s.Close()
			c := newClient(t, Config{EndpointURL: s.URL})
			var all sync.WaitGroup
			for range 5 {
				for _, call := range calls {
					all.Go(func() { call(t.Context(), c) })
				}
			}
			all.Wait()
			if want := int32(5 * len(calls)); conns.Load() != want || requests.Load() != want {
				t.Errorf("%d connections and %d requests for %d calls", conns.Load(), requests.Load(), want)
			}
		})
	}
}

func TestListPages(t *testing.T) {
	page := func(id, marker string) string {
		return fmt.Sprintf(`<IsTruncated>%v</IsTruncated><Marker>%s</Marker><AccessKeyMetadata><member><AccessKeyId>%s</AccessKeyId><Status>Expired</Status></member></AccessKeyMetadata>`, marker != "", marker, id)
	}
	var requests atomic.Int32
	pages := map[string]string{"": page("AKIA1", "a"), "a": page("AKIA2", "b"), "b": page("AKIA3", "")}
	c, _ := serve(t, counting(&requests, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, response("ListAccessKeys", pages[r.FormValue("Marker")]))
	}))
	keys, _, err := c.ListKeys(t.Context(), testKey, "bob")
	want := []Key{{ID: "AKIA1", Status: "Expired"}, {ID: "AKIA2", Status: "Expired"}, {ID: "AKIA3", Status: "Expired"}}
	if err != nil || !reflect.DeepEqual(keys, want) || requests.Load() != 3 {
		t.Fatalf("%v, %v after %d requests", keys, err, requests.Load())
	}

	// A list that cannot be had whole is none: a missing row would read as a deleted key.
	for name, last := range map[string]string{
		"endless":    page("AKIA3", "b"),
		"no marker":  `<IsTruncated>true</IsTruncated>`,
		"no id":      `<IsTruncated>false</IsTruncated><AccessKeyMetadata><member><Status>Active</Status></member></AccessKeyMetadata>`,
		"bad date":   `<AccessKeyMetadata><member><AccessKeyId>A</AccessKeyId><CreateDate>yesterday</CreateDate></member></AccessKeyMetadata>`,
		"bad number": `<IsTruncated>perhaps</IsTruncated>`,
	} {
		requests.Store(0)
		pages["b"] = last
		keys, _, err := c.ListKeys(t.Context(), testKey, "bob")
		failure(t, err, ClassNoAnswer)
		if len(keys) > 0 || requests.Load() > maxPages {
			t.Errorf("%s: %v after %d requests", name, keys, requests.Load())
		}
	}
}

// An answer without what we asked for is no success.
func TestLackingAnswers(t *testing.T) {
	for op, results := range map[string][]string{
		"GetCallerIdentity":       {"", `<Arn>arn:aws:iam::123456789012:user/bob</Arn>`, `<Arn>bob</Arn><Account>123456789012</Account>`},
		"CreateAccessKey":         {"", `<AccessKey><AccessKeyId>AKIA2</AccessKeyId></AccessKey>`, `<AccessKey><SecretAccessKey>s</SecretAccessKey></AccessKey>`, `<AccessKey/>`},
		"GetAccessKeyLastUsed":    {"", `<UserName>bob</UserName>`},
		"ListAccessKeys":          {""},
		"GetUser":                 {"", "<User/>", "<User><Arn>arn:aws:iam::1:role/bob</Arn></User>", "<User><Arn>arn:aws:iam::1:user/eve</Arn></User>"},
		"SimulatePrincipalPolicy": {"", "<EvaluationResults><member><EvalActionName>iam:GetUser</EvalActionName></member></EvaluationResults>"},
		"ListUsers":               {"", "<Users><member><UserId>AIDA</UserId></member></Users>", "<IsTruncated>true</IsTruncated>"},
		"LookupEvents":            {`{"Events":1}`, `{"Events":[{"EventTime":"yesterday"}]}`},
		"FilterLogEvents":         {`{"events":{}}`}, "DescribeAlarms": {`{"MetricAlarms":1}`},
	} {
		for _, result := range results {
			c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", kindOf(op))
				fmt.Fprint(w, response(op, result))
			})
			_, err := calls[op](t.Context(), c)
			if e := failure(t, err, ClassNoAnswer); e.Status != 200 {
				t.Errorf("status %d", e.Status)
			}
		}
	}
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, response("GetAccessKeyLastUsed", `<AccessKeyLastUsed><ServiceName>N/A</ServiceName><Region>N/A</Region></AccessKeyLastUsed>`))
	})
	if used, _, err := c.KeyLastUsed(t.Context(), testKey, "AKIA1"); err != nil || used != (LastUsed{}) {
		t.Errorf("never used reads as %+v, %v", used, err)
	}
}

// IAM takes an absent user name for the caller's own: it must not be sent.
func TestEmptyNames(t *testing.T) {
	var requests atomic.Int32
	c, _ := serve(t, counting(&requests, good))
	ctx := t.Context()
	for _, try := range []func() error{
		func() error { _, _, err := c.ListKeys(ctx, testKey, ""); return err },
		func() error { _, _, err := c.CreateKey(ctx, testKey, ""); return err },
		func() error { _, err := c.SetKeyStatus(ctx, testKey, "bob", "", true); return err },
		func() error { _, err := c.SetKeyStatus(ctx, testKey, "", "AKIA1", true); return err },
		func() error { _, err := c.DeleteKey(ctx, testKey, "", "AKIA1"); return err },
		func() error { _, err := c.DeleteKey(ctx, testKey, "bob", ""); return err },
		func() error { _, _, err := c.KeyLastUsed(ctx, testKey, ""); return err },
		func() error { _, _, err := c.WhoAmI(ctx, Credentials{ID: "AKIA1"}); return err },
		func() error { _, _, err := c.WhoAmI(ctx, Credentials{Secret: testKey.Secret}); return err },
	} {
		failure(t, try(), ClassNotSent)
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests", requests.Load())
	}
}

func TestIdentity(t *testing.T) {
	for arn, want := range map[string]Identity{
		"arn:aws:iam::1:user/bob":                   {Partition: "aws", UserName: "bob"},
		"arn:aws-cn:iam::1:user/eng/team/bob@x.com": {Partition: "aws-cn", UserName: "bob@x.com"},
		"arn:aws-us-gov:iam::1:root":                {Partition: "aws-us-gov", Root: true},
		"arn:aws:sts::1:assumed-role/user/root":     {Partition: "aws"},
		"arn:aws:sts::1:federated-user/bob":         {Partition: "aws"},
		"arn:aws:iam::1:user/root":                  {Partition: "aws", UserName: "root"},
	} {
		want.ARN, want.Account, want.UserID = arn, "1", "AIDA"
		if got, err := identity(arn, "1", "AIDA"); err != nil || got != want {
			t.Errorf("%s: %+v, %v", arn, got, err)
		}
	}
	for _, arn := range []string{"", "bob", "arn:aws:iam::1:", "arn:aws:iam::1:user/", "arn:aws:iam::2:user/bob", "arn:gcp:iam::1:user/bob", "arn:aws:iam::1:user/b\x1bob", "arn:aws:iam::1:user/b ob"} {
		if got, err := identity(arn, "1", "AIDA"); err == nil {
			t.Errorf("%q: %+v", arn, got)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add("arn:aws:iam::123456789012:user/eng/bob", "123456789012")
	f.Add("arn:aws:iam::123456789012:root", "123456789012")
	f.Add("arn:aws:sts::1:assumed-role/r/s", "1")
	f.Fuzz(func(t *testing.T, arn, account string) {
		who, err := identity(arn, account, "u")
		if err != nil {
			return
		}
		if who.Root && who.UserName != "" || who.Account == "" || strings.Contains(who.UserName, "/") || !strings.HasSuffix(arn, who.UserName) {
			t.Errorf("%q: %+v", arn, who)
		}
	})
}

// A call made after the caller gave up is not sent.
func TestEndedContext(t *testing.T) {
	var requests atomic.Int32
	c, _ := serve(t, counting(&requests, good))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, call := range calls {
		_, err := call(ctx, c)
		if e := failure(t, err, ClassNotSent); e.Err != context.Canceled {
			t.Errorf("err %v", e.Err)
		}
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests", requests.Load())
	}
}
