package awsapi

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func basic(userinfo string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo))
}

// withUser puts a user and password into a proxy's URL.
func withUser(url, userinfo string) string {
	return strings.Replace(url, "://", "://"+userinfo+"@", 1)
}

// Every call goes its own way through the proxy, TLS from end to end.
func TestProxy(t *testing.T) {
	for name, try := range map[string]struct{ auth, user string }{
		"open":          {"", ""},
		"authenticated": {basic("me:p@ss/word"), "me:p%40ss%2Fword"},
	} {
		t.Run(name, func(t *testing.T) {
			ca := newAuthority(t, "AWS for the test")
			var requests atomic.Int32
			aws := serveTLS(t, ca.config(), counting(&requests, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Proxy-Authorization") != "" {
					t.Error("AWS is told the proxy's password")
				}
				good(w, r)
			}))
			p := newProxy(t, &connectProxy{to: aws.Listener.Addr().String(), auth: try.auth})
			cfg := Config{Region: "eu-west-1", Proxy: p.URL, CABundle: ca.path}
			if try.user != "" {
				cfg.Proxy = withUser(p.URL, try.user)
			}
			c := newClient(t, cfg)
			var want []string
			for op, call := range calls {
				m, err := call(t.Context(), c)
				if err != nil || m.Date.IsZero() {
					t.Errorf("%s: %v, %+v", op, err, m)
				}
				host := map[string]string{
					"GetCallerIdentity": "sts.eu-west-1", "GetAccessKeyInfo": "sts.eu-west-1", "DescribeAlarms": "monitoring.eu-west-1",
					"LookupEvents": fmt.Sprint("cloudtrail.eu-test-", regions.Load()), "FilterLogEvents": fmt.Sprint("logs.eu-test-", regions.Load()),
				}[op]
				want = append(want, "CONNECT "+cmp.Or(host, "iam")+".amazonaws.com:443")
			}
			if got := p.seen(); !reflect.DeepEqual(got, want) || int(requests.Load()) != len(calls) {
				t.Errorf("the proxy saw %q, AWS %d requests", got, requests.Load())
			}
		})
	}
}

// What a proxy refuses was not sent, and its password is in no error.
func TestProxyRefuses(t *testing.T) {
	const host = "iam.amazonaws.com"
	for name, try := range map[string]struct {
		auth, user string
		refuse     int
		want       []string
	}{
		"no password":    {basic("a:b"), "", 0, []string{"asks for a user and a password", "[aws] proxy: http://USER:PASSWORD@127.0.0.1:"}},
		"wrong password": {basic("a:b"), "me:hidden", 0, []string{"does not accept the user and password of [aws] proxy"}},
		"forbidden":      {"", "me:hidden", 403, []string{"refused the way to " + host + " (403 Forbidden)", "ask whoever runs the proxy to allow " + host}},
		"bad gateway":    {"", "me:hidden", 502, []string{"(502 Bad Gateway)"}},
		"redirect":       {"", "me:hidden", 302, []string{"(302 Found)"}},
		"not a CONNECT":  {"", "me:hidden", 204, []string{"(204 No Content)"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, &connectProxy{auth: try.auth, refuse: try.refuse})
			cfg := Config{Proxy: p.URL}
			if try.user != "" {
				cfg.Proxy = withUser(p.URL, try.user)
			}
			_, _, err := newClient(t, cfg).CreateKey(t.Context(), testKey, "bob")
			e := failure(t, err, ClassNotSent)
			contains(t, err.Error(), try.want...)
			if all := fmt.Sprintf("%v %+v %#v", err, e, *e); strings.Contains(all, "hidden") || strings.Contains(all, base64.StdEncoding.EncodeToString([]byte("me:hidden"))) {
				t.Errorf("tells the password: %s", all)
			}
			if n := len(p.seen()); n != 1 {
				t.Errorf("%d attempts", n)
			}
		})
	}
}

// A proxy that opens TLS is refused with its name, until its CA is in ca_bundle.
func TestInterceptingProxy(t *testing.T) {
	ca := newAuthority(t, "Corp Inspection CA")
	var requests atomic.Int32
	p := newProxy(t, &connectProxy{intercept: ca, inside: counting(&requests, good)})

	for _, call := range calls {
		_, err := call(t.Context(), newClient(t, Config{Proxy: p.URL}))
		failure(t, err, ClassNotSent)
		contains(t, err.Error(), `issued by "CN=Corp Inspection CA,O=Example"`, "does not trust", "[aws] ca_bundle")
	}
	if requests.Load() != 0 {
		t.Fatalf("%d requests went to a stranger", requests.Load())
	}
	for op, call := range calls {
		if _, err := call(t.Context(), newClient(t, Config{Proxy: p.URL, CABundle: ca.path})); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	// Trusted for TLS, its own pages are still no answers of AWS.
	for status, want := range map[int]Class{200: ClassNoAnswer, 302: ClassNoAnswer, 403: ClassNoAnswer, 503: ClassServer} {
		p := newProxy(t, &connectProxy{intercept: ca, inside: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, "<!doctype html><title>Please accept our terms</title>")
		}})
		for _, call := range calls {
			m, err := call(t.Context(), newClient(t, Config{Proxy: p.URL, CABundle: ca.path}))
			failure(t, err, want)
			if m != (Meta{}) {
				t.Errorf("a stranger's clock: %+v", m)
			}
		}
	}
}

// TLS to the proxy itself, which then leads to AWS.
func TestTLSProxy(t *testing.T) {
	ca, corp := newAuthority(t, "AWS for the test"), newAuthority(t, "Proxy CA")
	both := filepath.Join(t.TempDir(), "both.pem")
	var pems []byte
	for _, a := range []*authority{ca, corp} {
		text, err := os.ReadFile(a.path)
		if err != nil {
			t.Fatal(err)
		}
		pems = append(pems, text...)
	}
	if err := os.WriteFile(both, pems, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &connectProxy{to: serveTLS(t, ca.config(), good).Listener.Addr().String(), auth: basic("me:hidden")}
	p.Server = serveTLS(t, corp.config(), p.ServeHTTP)
	t.Cleanup(p.open.Wait)
	url := withUser(strings.Replace(p.URL, "http:", "https:", 1), "me:hidden")

	if _, _, err := newClient(t, Config{Proxy: url, CABundle: both}).WhoAmI(t.Context(), testKey); err != nil {
		t.Error(err)
	}
	_, _, err := newClient(t, Config{Proxy: url, CABundle: ca.path}).WhoAmI(t.Context(), testKey)
	failure(t, err, ClassNotSent)
	contains(t, err.Error(), "Proxy CA", "[aws] ca_bundle")
	if strings.Contains(err.Error(), "hidden") {
		t.Error("tells the password")
	}
}

// An endpoint on loopback is this machine's, not the proxy's.
func TestNoProxyForLoopback(t *testing.T) {
	p := newProxy(t, &connectProxy{refuse: 403})
	_, s := serve(t, good)
	if _, _, err := newClient(t, Config{EndpointURL: s.URL, Proxy: p.URL}).WhoAmI(t.Context(), testKey); err != nil {
		t.Error(err)
	}
	if len(p.seen()) != 0 {
		t.Errorf("the proxy saw %q", p.seen())
	}
}

// What TLS refuses was not sent; the line says who issued what was shown.
func TestCertificates(t *testing.T) {
	ca := newAuthority(t, "AWS for the test")
	shows := func(host string, end time.Time) *tls.Config {
		cert, err := ca.issue(host, end)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{Certificates: []tls.Certificate{*cert}}
	}
	tomorrow := time.Now().Add(24 * time.Hour)
	const issuer = `issued by "CN=AWS for the test,O=Example"`
	for name, try := range map[string]struct {
		tls    *tls.Config
		bundle string
		want   []string // nil is success
	}{
		"trusted":    {shows("iam.amazonaws.com", tomorrow), ca.path, nil},
		"unknown":    {shows("iam.amazonaws.com", tomorrow), "", []string{issuer, "does not trust", "[aws] ca_bundle"}},
		"other CA":   {shows("iam.amazonaws.com", tomorrow), newAuthority(t, "Other CA").path, []string{issuer, "[aws] ca_bundle"}},
		"other host": {shows("login.example.com", tomorrow), ca.path, []string{issuer, "for another host", "log in to the network", "[aws] ca_bundle"}},
		"expired":    {shows("iam.amazonaws.com", time.Now().Add(-time.Hour)), ca.path, []string{issuer, "not valid at this machine's time", "clock", "[aws] ca_bundle"}},
		"old TLS":    {&tls.Config{GetCertificate: ca.config().GetCertificate, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, ca.path, []string{"TLS handshake"}},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			s := serveTLS(t, try.tls, counting(&requests, good))
			c := newClient(t, Config{CABundle: try.bundle})
			hosts := toward(c, s.Listener.Addr().String())
			_, _, err := c.CreateKey(t.Context(), testKey, "bob")
			if got := hosts.list(); !reflect.DeepEqual(got, []string{"iam.amazonaws.com:443"}) {
				t.Errorf("dialed %q", got)
			}
			if try.want == nil {
				if err != nil || requests.Load() != 1 {
					t.Errorf("%v after %d requests", err, requests.Load())
				}
				return
			}
			failure(t, err, ClassNotSent)
			contains(t, err.Error(), append(try.want, "iam.amazonaws.com")...)
			if requests.Load() != 0 {
				t.Error("the request was sent")
			}
		})
	}
}

// The bundle is trusted beside the system's certificates, not instead of them.
func TestBundleIsAdded(t *testing.T) {
	ca := newAuthority(t, "Corp CA")
	want, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	if alone := newClient(t, Config{}).wire.transport.(*http.Transport).TLSClientConfig.RootCAs; alone != nil {
		t.Error("without a bundle the system's pool is not left to crypto/tls")
	}
	want.AddCert(ca.cert)
	if got := newClient(t, Config{CABundle: ca.path}).wire.transport.(*http.Transport).TLSClientConfig.RootCAs; !got.Equal(want) {
		t.Error("the pool is not the system's and the bundle")
	}
}
