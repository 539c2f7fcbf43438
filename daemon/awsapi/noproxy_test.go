package awsapi

import (
	"net/http"
	"testing"
)

func TestNoProxyIsRespected(t *testing.T) {
	cfg := Config{Proxy: "http://proxy.example:3128", NoProxy: "sts.eu-west-1.amazonaws.com,.internal.example"}
	r, err := newRoute(cfg)
	if err != nil {
		t.Fatal(err)
	}
	through := newWire(cfg, r).transport.(*http.Transport).Proxy
	for address, want := range map[string]bool{
		"https://iam.amazonaws.com/":             true,
		"https://sts.eu-west-1.amazonaws.com/":   false,
		"https://sts.eu-central-1.amazonaws.com": true,
		"https://iam.internal.example/":          false,
		"http://127.0.0.1:4599/":                 false,
	} {
		req, err := http.NewRequest(http.MethodPost, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if u, err := through(req); err != nil || (u != nil) != want {
			t.Errorf("%s goes through %v, %v", address, u, err)
		}
	}
}
