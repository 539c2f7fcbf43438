package awsapi

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a network that is not there.
type recorder struct{ requests []*http.Request }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.requests = append(r.requests, req)
	return nil, errors.New("no network in this test")
}

// asked returns where and for which scope a client would send to STS and IAM.
func asked(t *testing.T, cfg Config) (sts, iam string) {
	t.Helper()
	c := newClient(t, cfg)
	r := new(recorder)
	c.wire.transport = r
	c.WhoAmI(t.Context(), testKey)
	c.ListKeys(t.Context(), testKey, "bob")
	if len(r.requests) != 2 {
		t.Fatalf("%+v: %d requests", cfg, len(r.requests))
	}
	line := func(req *http.Request) string {
		_, scope, _ := strings.Cut(req.Header.Get("Authorization"), "Credential="+testKey.ID+"/")
		field := strings.Split(scope, "/")
		if len(field) < 4 {
			t.Fatalf("not signed: %v", req.Header)
		}
		return req.URL.String() + " " + field[1]
	}
	return line(r.requests[0]), line(r.requests[1])
}

// The addresses of every partition, as AWS's endpoint pages list them.
func TestEndpoints(t *testing.T) {
	for _, try := range []struct {
		cfg      Config
		sts, iam string
	}{
		{Config{}, "https://sts.us-east-1.amazonaws.com/ us-east-1", "https://iam.amazonaws.com/ us-east-1"},
		{Config{Region: "eu-west-1"}, "https://sts.eu-west-1.amazonaws.com/ eu-west-1", "https://iam.amazonaws.com/ us-east-1"},
		{Config{Region: "us-west-2", FIPS: true}, "https://sts-fips.us-west-2.amazonaws.com/ us-west-2", "https://iam-fips.amazonaws.com/ us-east-1"},
		{Config{Region: "cn-northwest-1"}, "https://sts.cn-northwest-1.amazonaws.com.cn/ cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn/ cn-north-1"},
		{Config{Region: "us-gov-east-1"}, "https://sts.us-gov-east-1.amazonaws.com/ us-gov-east-1", "https://iam.us-gov.amazonaws.com/ us-gov-west-1"},
		{Config{Region: "us-gov-west-1", FIPS: true}, "https://sts.us-gov-west-1.amazonaws.com/ us-gov-west-1", "https://iam.us-gov.amazonaws.com/ us-gov-west-1"},
		{Config{Region: "us-iso-west-1"}, "https://sts.us-iso-west-1.c2s.ic.gov/ us-iso-west-1", "https://iam.us-iso-east-1.c2s.ic.gov/ us-iso-east-1"},
		{Config{Region: "us-isob-east-1"}, "https://sts.us-isob-east-1.sc2s.sgov.gov/ us-isob-east-1", "https://iam.us-isob-east-1.sc2s.sgov.gov/ us-isob-east-1"},
		{Config{Region: "eu-isoe-west-1"}, "https://sts.eu-isoe-west-1.cloud.adc-e.uk/ eu-isoe-west-1", "https://iam.eu-isoe-west-1.cloud.adc-e.uk/ eu-isoe-west-1"},
		{Config{Region: "us-isof-south-1"}, "https://sts.us-isof-south-1.csp.hci.ic.gov/ us-isof-south-1", "https://iam.us-isof-south-1.csp.hci.ic.gov/ us-isof-south-1"},
		{Config{Region: "eusc-de-east-1"}, "https://sts.eusc-de-east-1.amazonaws.eu/ eusc-de-east-1", "https://iam.eusc-de-east-1.amazonaws.eu/ eusc-de-east-1"},
		// A region newer than the SDK, and an endpoint of our own, which is
		// signed for as if it were AWS's.
		{Config{Region: "eu-north-9"}, "https://sts.eu-north-9.amazonaws.com/ eu-north-9", "https://iam.amazonaws.com/ us-east-1"},
		{Config{Region: "cn-north-1", EndpointURL: "http://127.0.0.1:4599/"}, "http://127.0.0.1:4599/ cn-north-1", "http://127.0.0.1:4599/ cn-north-1"},
		{Config{Region: "eu-west-1", EndpointURL: "https://aws.example.com", FIPS: true}, "https://aws.example.com/ eu-west-1", "https://aws.example.com/ us-east-1"},
	} {
		sts, iam := asked(t, try.cfg)
		if sts != try.sts || iam != try.iam {
			t.Errorf("%+v\n got %s\n     %s\nwant %s\n     %s", try.cfg, sts, iam, try.sts, try.iam)
		}
	}
}

func TestBadConfig(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large.pem")
	if err := os.WriteFile(large, make([]byte, maxBundle+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		cfg  Config
		want string
	}{
		{Config{Region: "Ireland"}, "[aws] region"},
		{Config{Region: "eu-west-1.evil.example/"}, "[aws] region"},
		{Config{Region: "eu"}, "write one like eu-west-1"},
		{Config{Region: "eu-" + strings.Repeat("x", 64)}, "[aws] region"},
		{Config{EndpointURL: "http://iam.example.com"}, "plain http is for loopback alone"},
		{Config{EndpointURL: "http://127.0.0.1.example.com"}, "plain http is for loopback alone"},
		{Config{EndpointURL: "http://localhost.example.com"}, "plain http is for loopback alone"},
		{Config{EndpointURL: "http://10.0.0.1"}, "plain http is for loopback alone"},
		{Config{EndpointURL: "http://0.0.0.0"}, "plain http is for loopback alone"},
		{Config{EndpointURL: "ftp://host"}, "write https://host"},
		{Config{EndpointURL: "127.0.0.1:4599"}, "[aws] endpoint_url must be"},
		{Config{EndpointURL: "https://"}, "[aws] endpoint_url must be"},
		{Config{EndpointURL: "https://host/?a=hidden"}, "[aws] endpoint_url must be"},
		{Config{EndpointURL: "https://me:hidden@host"}, "[aws] endpoint_url must be"},
		{Config{EndpointURL: "https://host/path"}, "[aws] endpoint_url must be"},
		{Config{Proxy: "proxy.example.com:3128"}, "[aws] proxy"},
		{Config{Proxy: "me:hidden@proxy.example.com:3128"}, "write it like http://"},
		{Config{Proxy: "http://me:hid%zzden@proxy.example.com"}, "percent-encoded"},
		{Config{Proxy: "socks5://me:hidden@proxy.example.com"}, "HTTP proxy"},
		{Config{Proxy: "http://"}, "[aws] proxy"},
		{Config{CABundle: filepath.Join(dir, "none.pem")}, "[aws] ca_bundle cannot be read"},
		{Config{CABundle: dir}, "is not a regular file"},
		{Config{CABundle: large}, "larger than 4 MiB"},
		{Config{CABundle: empty}, "holds no certificate"},
	} {
		_, err := New(try.cfg)
		if err == nil {
			t.Errorf("%+v is accepted", try.cfg)
			continue
		}
		contains(t, err.Error(), try.want)
		if strings.Contains(err.Error(), "hid") {
			t.Errorf("tells a password: %v", err)
		}
	}
	for _, cfg := range []Config{
		{EndpointURL: "http://localhost:1"}, {EndpointURL: "http://127.8.9.1"}, {EndpointURL: "http://[::1]:80"}, {EndpointURL: "https://10.0.0.1/"},
		{Proxy: "http://me:p%40ss@proxy.example.com:3128/"}, {Proxy: "https://proxy.example.com"},
	} {
		if _, err := New(cfg); err != nil {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("eu-west-1", "http://127.0.0.1:1", "http://a:b@c:1")
	f.Add("", "https://h/", "")
	f.Add("eu-west-1", "http://localhost@example.com", "x:hidden@y")
	f.Fuzz(func(t *testing.T, region, endpoint, proxy string) {
		r, err := newRoute(Config{Region: region, EndpointURL: endpoint, Proxy: proxy})
		if err != nil {
			return
		}
		if strings.ContainsAny(r.region, "./@: ") {
			t.Errorf("region %q", r.region)
		}
		if e := r.endpoint; e != nil && (e.User != nil || e.Scheme != "https" && !loopback(e.Hostname())) {
			t.Errorf("endpoint %q", endpoint)
		}
	})
}
