package awsapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"golang.org/x/net/http/httpproxy"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	// maxAnswer bounds what is read of a body; a page of ListAccessKeys with its
	// greatest MaxItems of 1000 stays under half of it.
	maxAnswer = 1 << 20
	maxHeader = 64 << 10
)

// wire carries one request over one new connection and keeps account of how
// far it came. It is what the SDK calls its HTTP client. It follows no
// redirect, keeps no cookie, and hands to the SDK only what is AWS's by form:
// the SDK takes any 2xx for the success of UpdateAccessKey and DeleteAccessKey,
// and a login page of a network answers 200.
type wire struct {
	transport http.RoundTripper
	dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	proxy     *url.URL
	agent     string
}

func newWire(cfg Config, r route) *wire {
	version := cfg.Version
	if version == "" {
		version = "dev"
	}
	dial := cfg.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	w := &wire{dial: dial, proxy: r.proxy, agent: "awskeyd/" + version}
	t := &http.Transport{
		// HTTP/1 alone, never kept alive: an HTTP/2 transport would send a request
		// again by itself after REFUSED_STREAM, and IAM's replicas are only told
		// apart by new connections.
		Protocols:              new(http.Protocols),
		DisableKeepAlives:      true,
		DisableCompression:     true, // so that maxAnswer bounds what lies in memory
		DialContext:            w.connect,
		TLSHandshakeTimeout:    handshakeTimeout,
		TLSClientConfig:        &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: maxHeader,
	}
	t.Protocols.SetHTTP1(true)
	if r.proxy != nil {
		through := (&httpproxy.Config{HTTPProxy: r.proxy.String(), HTTPSProxy: r.proxy.String(), NoProxy: cfg.NoProxy}).ProxyFunc()
		t.Proxy = func(req *http.Request) (*url.URL, error) {
			if loopback(req.URL.Hostname()) {
				return nil, nil // the proxy's loopback is not ours
			}
			return through(req.URL)
		}
		t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return proxyRefusal(resp.StatusCode)
			}
			return nil
		}
	}
	w.transport = t
	return w
}

// connect dials AWS or the proxy. net/http cuts the dial loose from the
// request's context (Transport.getConn), so that a proxy which says nothing
// would keep it for a minute: the connection is bound to the call instead, and
// closed with it at the latest.
func (w *wire) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	x := ctx.Value(exchangeKey{}).(*exchange)
	dialing, cancel := context.WithTimeout(x.ctx, dialTimeout)
	defer cancel()
	conn, err := w.dial(dialing, network, addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(x.ctx, func() { conn.Close() })
	x.reach(stageConnected)
	return conn, nil
}

// proxyRefusal is the status of a CONNECT that was not granted.
type proxyRefusal int

func (proxyRefusal) Error() string { return "the proxy refused the connection" }

// stage is how far a request came.
type stage int32

const (
	stageStart     stage = iota
	stageConnected       // TCP stands, to AWS or to the proxy, and the last TLS handshake if there was one
	stageTLS             // a TLS handshake is under way
	stageReady           // the connection is ours to write to: from here on doubt
)

// exchange is the account of one call. The SDK gives back too little: it has
// no Date for transport errors and cannot tell unsent from unanswered.
type exchange struct {
	op      string
	ctx     context.Context // ends with the call
	stage   atomic.Int32    // set by net/http's dialing goroutine too
	status  int             // of an answer that is AWS's by form
	meta    Meta
	problem *Error // why there is no such answer
}

type exchangeKey struct{}

func (x *exchange) reach(s stage) { x.stage.Store(int32(s)) }

// Do makes the one attempt. Beside the error it leaves the account in the
// exchange of the request's context.
func (w *wire) Do(req *http.Request) (*http.Response, error) {
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, errors.New("awsapi: a request outside of a call")
	}
	x.reach(stageStart)
	x.status, x.meta = 0, Meta{}
	// Both headers the SDK fills from AWS_* variables (AWS_EXECUTION_ENV,
	// AWS_LAMBDA_FUNCTION_NAME); neither is part of the signature.
	req.Header.Set("User-Agent", w.agent)
	req.Header.Del("X-Amzn-Trace-Id")

	// GotConn and not WroteHeaders marks the start of doubt: the latter is told
	// after the first bytes may have left.
	trace := &httptrace.ClientTrace{
		TLSHandshakeStart: func() { x.reach(stageTLS) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				x.reach(stageConnected)
			}
		},
		GotConn: func(httptrace.GotConnInfo) { x.reach(stageReady) },
	}
	resp, err := w.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		x.problem = w.unanswered(req, x, err)
		return nil, err
	}
	defer resp.Body.Close()
	arrived := time.Now()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		x.problem = w.unanswered(req, x, err)
		return nil, err
	}
	if x.problem = strange(x.op, resp, body); x.problem != nil {
		return nil, x.problem
	}
	x.status = resp.StatusCode
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		x.meta = Meta{Date: date.UTC(), Local: arrived}
	} else {
		x.meta = Meta{Local: arrived}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// document returns the name of the outermost element of a well-formed XML
// document, or "" if it is none or breaks off.
func document(body []byte) string {
	d, root := xml.NewDecoder(bytes.NewReader(body)), ""
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			return ""
		}
		if e, ok := t.(xml.StartElement); ok && root == "" {
			root = e.Name.Local
		}
	}
}
