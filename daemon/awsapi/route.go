package awsapi

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// route is a Config that was checked.
type route struct {
	region   string
	main     string         // of the partition
	endpoint *url.URL       // nil: the SDK's own for the region
	proxy    *url.URL       // nil: straight
	roots    *x509.CertPool // nil: the system's
}

const maxBundle = 4 << 20 // bytes; the whole of Mozilla's roots is a quarter of a MiB

var regionForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z0-9]+)+$`)

func newRoute(cfg Config) (route, error) {
	r := route{region: cfg.Region}
	if r.region == "" {
		r.region = "us-east-1"
	}
	// The SDK builds host names from the region, so it must not carry a dot or slash.
	err := checkRegion(r.region)
	if err != nil {
		return r, fmt.Errorf("[aws] region %w", err)
	}
	if r.main, err = mainRegion(r.region); err != nil {
		return r, err
	}
	if r.endpoint, err = endpoint(cfg.EndpointURL); err != nil {
		return r, err
	}
	if r.proxy, err = proxy(cfg.Proxy); err != nil {
		return r, err
	}
	r.roots, err = roots(cfg.CABundle)
	return r, err
}

// endpoint refuses whatever could hand a request, or a new secret, to somebody
// in clear text.
func endpoint(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/") {
		return nil, errors.New("[aws] endpoint_url must be a scheme, a host and perhaps a port, nothing else: write it like https://iam.example.com or http://127.0.0.1:4599")
	}
	switch {
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, fmt.Errorf("[aws] endpoint_url %s: plain http is for loopback alone: write https, or a host like 127.0.0.1", text)
	}
	return nil, fmt.Errorf("[aws] endpoint_url %s: write https://%s", text, u.Host)
}

// loopback takes names as they are written: to resolve "localhost" would ask
// whoever answers DNS whether clear text is safe.
func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// proxy never repeats what was written: it may hold a password.
func proxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("[aws] proxy is not the address of an HTTP proxy: write it like http://proxy.example.com:3128, a user and password percent-encoded before an @")
	}
	return u, nil
}

// roots adds the certificates of the PEM file to the system's.
func roots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := readBundle(path)
	if err != nil {
		return nil, fmt.Errorf("[aws] ca_bundle cannot be read: %w", err)
	}
	// Without the system's roots a proxy's CA alone would do for hosts that the
	// proxy does not touch: fail rather than trust less than was asked.
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("[aws] ca_bundle is added to the system's certificates, which cannot be read: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("[aws] ca_bundle %s holds no certificate: it must be a PEM file with a line -----BEGIN CERTIFICATE-----", path)
	}
	return pool, nil
}

func readBundle(path string) ([]byte, error) {
	// Stat first: opening a fifo would wait for a writer.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	if n, err := io.Copy(&b, io.LimitReader(f, maxBundle+1)); err != nil {
		return nil, err
	} else if n > maxBundle {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxBundle>>20)
	}
	return b.Bytes(), nil
}

// endpoints asks the SDK's resolver of a service as if there were no endpoint of
// our own and then replaces only the address. So a request through endpoint_url
// is signed for the region that AWS's own endpoint would want, which for IAM is
// not the configured one (us-east-1 for all of the aws partition).
type endpoints[P any] struct {
	sdk resolver[P]
	to  *url.URL
}

type resolver[P any] interface {
	ResolveEndpoint(context.Context, P) (smithyendpoints.Endpoint, error)
}

func (r endpoints[P]) ResolveEndpoint(ctx context.Context, p P) (smithyendpoints.Endpoint, error) {
	e, err := r.sdk.ResolveEndpoint(ctx, p)
	if err == nil && r.to != nil {
		e.URI = *r.to
	}
	return e, err
}

// mainRegion is the region of a partition where IAM is, and so CloudTrail's
// events of IAM and of the global STS endpoint: us-east-1, cn-north-1,
// us-gov-west-1, … The SDK knows it as the region that IAM's requests are signed
// for.
func mainRegion(region string) (string, error) {
	e, err := iam.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), iam.EndpointParameters{Region: &region})
	if err != nil {
		return "", fmt.Errorf("[aws] region %q: %w", region, err)
	}
	options, _ := smithyauth.GetAuthOptions(&e.Properties)
	for _, o := range options {
		if main, ok := smithyhttp.GetSigV4SigningRegion(&o.SignerProperties); ok {
			return main, nil
		}
	}
	return region, nil
}
