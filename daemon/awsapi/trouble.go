package awsapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// unanswered explains a transport error by how far the request came. Texts of
// net/http may quote what a peer sent, so from the first byte received on they
// are replaced by our own.
func (w *wire) unanswered(req *http.Request, x *exchange, err error) *Error {
	host, over := req.URL.Host, ended(err)
	if over == nil {
		over = req.Context().Err() // a connection closed with the call tells of itself alone
	}
	if stage(x.stage.Load()) == stageReady {
		e := &Error{Class: ClassNoAnswer, Err: over, remedy: "it may have been done all the same: the daemon looks before it asks again"}
		switch {
		case over == context.Canceled:
			e.Message = "stopped while waiting for the answer of " + host
		case over != nil || timedOut(err):
			e.Message = "no answer from " + host + " in time"
		default:
			e.Message = "the connection to " + host + " broke before the answer was here"
		}
		if !changes(x.op) {
			e.remedy = "check the network and try again"
		}
		return e
	}

	// Host alone, never the URL: its user part is a password.
	peer := host
	if w.proxy != nil && !loopback(req.URL.Hostname()) {
		peer = "the proxy " + w.proxy.Host
	}
	e := &Error{Class: ClassNotSent, Err: over, remedy: "check the network and [aws] region, endpoint_url and proxy"}
	var (
		refusal proxyRefusal
		untrust *tls.CertificateVerificationError
		notTLS  tls.RecordHeaderError
		dns     *net.DNSError
	)
	// What a peer said outranks a clock that ran out in the same moment: it is
	// the more useful news.
	switch {
	case errors.As(err, &refusal):
		w.proxyRefused(e, int(refusal), host)
	case errors.As(err, &untrust):
		distrusted(e, untrust, host)
	case errors.As(err, &notTLS):
		e.Message = "something on the way to " + host + " does not speak TLS"
		e.remedy = "log in to the network in a browser, or set [aws] proxy"
	case over == context.Canceled:
		e.Message = "stopped while connecting to " + peer
	case over != nil || timedOut(err):
		e.Message = "no connection to " + peer + " in time"
	case errors.As(err, &dns):
		e.Message = fmt.Sprintf("cannot find the host %s (%s)", dns.Name, dns.Err)
	case stage(x.stage.Load()) == stageTLS:
		e.Message = "the TLS handshake on the way to " + host + " failed"
		var alert *net.OpError
		if errors.As(err, &alert) && alert.Op == "remote error" {
			e.Message += " (" + alert.Err.Error() + ")" // one of crypto/tls's fixed texts
		}
	case stage(x.stage.Load()) == stageConnected:
		e.Message = peer + " closed the connection instead of opening a way to " + host
		e.remedy = "check that [aws] proxy is the address of an HTTP proxy"
	default:
		e.Message = "cannot connect to " + peer + ": " + innermost(err)
	}
	return e
}

// proxyRefused tells a password that is missing from one that is wrong. The
// proxy's own words are left out: they are a page of HTML.
func (w *wire) proxyRefused(e *Error, status int, host string) {
	e.Status = status
	if status != http.StatusProxyAuthRequired {
		e.Message = fmt.Sprintf("the proxy %s refused the way to %s (%d %s)", w.proxy.Host, host, status, http.StatusText(status))
		e.remedy = "ask whoever runs the proxy to allow " + host
		return
	}
	if w.proxy.User == nil {
		e.Message = "the proxy " + w.proxy.Host + " asks for a user and a password"
		e.remedy = "write them into [aws] proxy: http://USER:PASSWORD@" + w.proxy.Host
		return
	}
	e.Message = "the proxy " + w.proxy.Host + " does not accept the user and password of [aws] proxy"
	e.remedy = "check them; special characters must be percent-encoded, and only Basic is spoken"
}

// distrusted names the issuer: it is how a person recognises the product that
// opens TLS on this network.
func distrusted(e *Error, err *tls.CertificateVerificationError, host string) {
	issuer := "an unnamed issuer"
	if len(err.UnverifiedCertificates) > 0 {
		if name := clean(err.UnverifiedCertificates[0].Issuer.String(), Credentials{}); name != "" {
			issuer = fmt.Sprintf("%q", name)
		}
	}
	var (
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	// A CA bundle heals the last case; a login page or a wrong clock look alike
	// to TLS but want another cure first.
	switch {
	case errors.As(err, &name):
		e.Message = fmt.Sprintf("on the way to %s something showed a certificate for another host, issued by %s", host, issuer)
		e.remedy = "log in to the network in a browser, or check [aws] proxy; if the network opens TLS, put its CA's certificate into a PEM file and name it in [aws] ca_bundle"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.Message = fmt.Sprintf("the certificate on the way to %s, issued by %s, is not valid at this machine's time", host, issuer)
		e.remedy = "check this machine's clock; if it is right, the certificate or the CA in [aws] ca_bundle must be renewed"
	default:
		e.Message = fmt.Sprintf("the certificate on the way to %s was issued by %s, which this machine does not trust", host, issuer)
		e.remedy = "if that is the network's own CA, put its certificate into a PEM file and name it in [aws] ca_bundle"
	}
}

// strange returns what is wrong with an answer that is not AWS's by form, or
// nil. It is doubt even with status 4xx: a filter on the way may have
// swallowed AWS's answer to a request that went through.
func strange(op string, resp *http.Response, body []byte) *Error {
	e := &Error{Class: ClassNoAnswer, Status: resp.StatusCode, remedy: "log in to the network in a browser, or check [aws] proxy and endpoint_url"}
	if len(body) > maxAnswer {
		e.Message = fmt.Sprintf("the answer is larger than %d KiB, which AWS's never is", maxAnswer>>10)
		return e
	}
	if ours(op, resp, body) {
		return nil
	}
	what := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if resp.StatusCode >= 500 {
		e.Class, e.remedy = ClassServer, ""
		e.Message = "AWS, or something before it, answered " + what
		return e
	}
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	if kind = clean(kind, Credentials{}); kind != "" {
		what += ", " + kind
	}
	e.Message = "something between this machine and AWS answered (" + what + ")"
	return e
}

// ours reports whether an answer has the form that AWS gives the answers of an
// action: a document of XML with the right root, or an object of AWS JSON, whose
// errors name their type.
func ours(op string, resp *http.Response, body []byte) bool {
	good := resp.StatusCode >= 200 && resp.StatusCode < 300
	if monitors[op] == "" {
		if good {
			return document(body) == op+"Response"
		}
		return document(body) == "ErrorResponse"
	}
	var object map[string]json.RawMessage
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/x-amz-json-1.") || json.Unmarshal(body, &object) != nil || object == nil {
		return false
	}
	failed := object["__type"] != nil || resp.Header.Get("X-Amzn-Errortype") != ""
	return good != failed
}

// changes tells the calls after which doubt matters from those that only look.
func changes(op string) bool {
	return op == "CreateAccessKey" || op == "UpdateAccessKey" || op == "DeleteAccessKey"
}

// ended keeps of an error only that time or the caller ended the call.
func ended(err error) error {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return end
		}
	}
	return nil
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// innermost returns the system's own words, such as "connection refused",
// without the addresses and layers that net puts before them.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
