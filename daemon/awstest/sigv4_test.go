package awstest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"
)

var signedAt = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// arrived is a request after its way over the wire.
type arrived struct {
	r    *http.Request
	body []byte
}

// overTheWire writes a client's request and reads it as a server does.
func overTheWire(t interface{ Fatalf(string, ...any) }, r *http.Request) arrived {
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatalf("write: %v", err)
	}
	server, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	body, err := io.ReadAll(server.Body)
	if err != nil {
		t.Fatalf("read body: %v", err)
	}
	return arrived{server, body}
}

func (a arrived) accepted(secret string) bool {
	g, f := parseSignature(a.r.Header)
	return f == nil && g.check(signedAt, SNS, "") == nil && g.verify(a.r, a.body, secret)
}

// Every request that the SDK signs is accepted, and none of its parts can be
// changed without its being refused.
func TestSignatureAgainstSDK(t *testing.T) {
	text := rapid.StringOf(rapid.OneOf(
		rapid.RuneFrom([]rune("abz09AZ-._~ !\"#$%&'()*+,/:;<=>?@[\\]^`{|}äßéñ漢字🙂")),
	))
	segment := rapid.StringOfN(rapid.RuneFrom([]rune("abz09AZ-_~ !$%&'()*+,:;=@[]^äé漢🙂")), 1, 8, -1)
	header := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09  -,;=\"ä")), 1, 20, -1)
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9/+]{40}`).Draw(t, "secret")
		method := rapid.SampledFrom([]string{"GET", "POST", "PUT"}).Draw(t, "method")
		var body string
		if method != "GET" {
			body = rapid.OneOf(text, rapid.String()).Draw(t, "body")
		}
		u := &url.URL{Scheme: "http", Host: rapid.SampledFrom([]string{"iam.example", "127.0.0.1:4599", "[::1]:80"}).Draw(t, "host")}
		u.Path = "/" + strings.Join(rapid.SliceOfN(segment, 0, 3).Draw(t, "path"), "/")
		query := url.Values{}
		for range rapid.IntRange(0, 4).Draw(t, "queries") {
			query.Add(text.Draw(t, "name"), text.Draw(t, "value"))
		}
		u.RawQuery = query.Encode()
		r, err := http.NewRequest(method, u.String(), strings.NewReader(body))
		if err != nil {
			t.Fatalf("request: %v", err)
		}
		for _, name := range []string{"X-Amz-Meta", "Content-Type", "Zeta"} {
			for range rapid.IntRange(0, 2).Draw(t, "headers") {
				r.Header.Add(name, header.Draw(t, "header"))
			}
		}
		region := rapid.SampledFrom([]string{"us-east-1", "eu-west-1"}).Draw(t, "region")
		token := rapid.SampledFrom([]string{"", "session+token/="}).Draw(t, "token")
		hash := sha256.Sum256([]byte(body))
		err = v4.NewSigner().SignHTTP(context.Background(),
			aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: secret, SessionToken: token},
			r, hex.EncodeToString(hash[:]), "sns", region, signedAt)
		if err != nil {
			t.Fatalf("sign: %v", err)
		}
		a := overTheWire(t, r)
		if !a.accepted(secret) {
			g, f := parseSignature(a.r.Header)
			t.Fatalf("refused what the SDK signed: %v\n%s", f, g.canonical(a.r, a.body))
		}
		for what, change := range mutations(a.r.Header) {
			m := arrived{a.r.Clone(context.Background()), bytes.Clone(a.body)}
			change(&m)
			if m.accepted(secret) {
				t.Fatalf("accepted although changed: %s", what)
			}
		}
		if a.accepted(secret[:39] + "=") {
			t.Fatalf("accepted another secret")
		}
	})
}

// mutations are single changes, each of which must break the signature.
func mutations(h http.Header) map[string]func(*arrived) {
	list := map[string]func(*arrived){
		"method":      func(a *arrived) { a.r.Method = "DELETE" },
		"path":        func(a *arrived) { a.r.URL.Path += "x"; a.r.URL.RawPath = "" },
		"query added": func(a *arrived) { a.r.URL.RawQuery += "&zz=1" },
		"query value": func(a *arrived) { a.r.URL.RawQuery += "x=1" },
		"host":        func(a *arrived) { a.r.Host += "x" },
		"body":        func(a *arrived) { a.body = append(a.body, ' ') },
		"date":        func(a *arrived) { a.r.Header.Set("X-Amz-Date", "20260304T050608Z") },
		"no date":     func(a *arrived) { a.r.Header.Del("X-Amz-Date") },
		"no header":   func(a *arrived) { a.r.Header.Del("Authorization") },
	}
	for from, to := range map[string]string{
		"/20260304/":        "/20260305/",
		"/aws4_request":     "/aws4_reques",
		"/sns/":             "/sqs/",
		"-1/":               "-2/",
		"AWS4-HMAC-SHA256 ": "AWS4-HMAC-SHA512 ",
		"host;":             "",
		"=host":             "=",
		";x-amz-date":       "",
	} {
		list["Authorization: "+from+" to "+to] = func(a *arrived) {
			old := a.r.Header.Get("Authorization")
			changed := strings.Replace(old, from, to, 1)
			if changed == old {
				changed = "" // nothing to change here: any refusal will do
			}
			a.r.Header.Set("Authorization", changed)
		}
	}
	list["signature"] = func(a *arrived) {
		auth := []byte(a.r.Header.Get("Authorization"))
		auth[len(auth)-1] ^= 1
		a.r.Header.Set("Authorization", string(auth))
	}
	_, names, _ := strings.Cut(h.Get("Authorization"), "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	for name := range strings.SplitSeq(names, ";") {
		if name == "host" {
			continue
		}
		list["header "+name] = func(a *arrived) {
			a.r.Header[http.CanonicalHeaderKey(name)] = append(a.r.Header.Values(name), "x")
		}
	}
	return list
}

// The path is cleaned as the specification says, which the SDK leaves to its
// callers. The signatures are those of AWS's published Signature Version 4 test
// suite: all its cases that clean to / have the signature of get-vanilla.
func TestSignaturePathsOfTestSuite(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	for _, target := range []string{"/", "//", "/./", "/example/..", "/example1/example2/../.."} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\n" +
			"Host: example.amazonaws.com\r\nX-Amz-Date: 20150830T123600Z\r\n" +
			"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
			"SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		g, f := parseSignature(r.Header)
		if f != nil {
			t.Fatal(f.message)
		}
		if !g.verify(r, nil, secret) {
			t.Errorf("%s: refused\n%s", target, g.canonical(r, nil))
		}
	}
}

func TestAuthorizationHeader(t *testing.T) {
	const good = "AWS4-HMAC-SHA256 Credential=AKID/20260304/us-east-1/sns/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	for _, c := range []struct {
		authorization, date, code string
	}{
		{good, "20260304T050607Z", ""},
		{strings.ReplaceAll(good, ", ", ","), "20260304T050607Z", ""},
		{"", "20260304T050607Z", "MissingAuthenticationToken"},
		{"Basic YWJj", "20260304T050607Z", "MissingAuthenticationToken"},
		{"AWS AKID:signature", "20260304T050607Z", "MissingAuthenticationToken"},
		{"AWS4-HMAC-SHA256", "20260304T050607Z", "IncompleteSignature"},
		{strings.Replace(good, ", Signature=00", "", 1), "20260304T050607Z", "IncompleteSignature"},
		{strings.Replace(good, "Signature=00", "Signature=", 1), "20260304T050607Z", "IncompleteSignature"},
		{good + ", Signature=11", "20260304T050607Z", "IncompleteSignature"},
		{good + ", rest", "20260304T050607Z", "IncompleteSignature"},
		{strings.Replace(good, "/sns", "", 1), "20260304T050607Z", "IncompleteSignature"},
		{strings.Replace(good, "/sns", "/sns/x", 1), "20260304T050607Z", "IncompleteSignature"},
		{strings.Replace(good, "SHA256", "SHA1", 1), "20260304T050607Z", "IncompleteSignature"},
		{good, "", "IncompleteSignature"},
		{good, "Wed, 04 Mar 2026 05:06:07 GMT", "IncompleteSignature"},
		{good, "20261304T050607Z", "IncompleteSignature"},
	} {
		h := http.Header{}
		h.Set("Authorization", c.authorization)
		h.Set("X-Amz-Date", c.date)
		code := ""
		if _, f := parseSignature(h); f != nil {
			code = f.code
		}
		if code != c.code {
			t.Errorf("%q at %q: %q, want %q", c.authorization, c.date, code, c.code)
		}
	}
}

func TestScope(t *testing.T) {
	good := signature{date: "20260304", region: "us-east-1", service: "iam", end: "aws4_request", signedHeaders: "content-type;host", at: signedAt}
	for _, c := range []struct {
		change  func(*signature)
		message string
	}{
		{func(*signature) {}, ""},
		{func(g *signature) { g.signedHeaders = "content-type;hosts" }, "'Host' must be a 'SignedHeader'"},
		{func(g *signature) { g.region = "eu-west-1" }, "not 'eu-west-1'"},
		{func(g *signature) { g.service = "sts" }, "correct service: 'iam'"},
		{func(g *signature) { g.end = "aws5_request" }, "valid terminator: 'aws4_request', not 'aws5_request'"},
		{func(g *signature) { g.date = "20260303" }, "'20260303' != '20260304', from '20260304T050607Z'"},
		{func(g *signature) { g.at = signedAt.Add(-15 * time.Minute) }, ""},
		{func(g *signature) { g.at = signedAt.Add(15 * time.Minute) }, ""},
		{func(g *signature) { g.at = signedAt.Add(-15*time.Minute - time.Second) },
			"Signature expired: 20260304T045106Z is now earlier than 20260304T045107Z (20260304T050607Z - 15 min.)"},
		{func(g *signature) { g.at = signedAt.Add(15*time.Minute + time.Second) },
			"Signature not yet current: 20260304T052108Z is still later than 20260304T052107Z (20260304T050607Z + 15 min.)"},
	} {
		g := good
		c.change(&g)
		f := g.check(signedAt, IAM, "us-east-1")
		switch {
		case f == nil && c.message != "":
			t.Errorf("accepted, want %q", c.message)
		case f != nil && (c.message == "" || f.status != 403 || f.code != "SignatureDoesNotMatch" || !strings.Contains(f.message, c.message)):
			t.Errorf("%+v, want %q", *f, c.message)
		}
	}
}

// What is not signed is never taken for signed, whatever the header says.
func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20260304/us-east-1/sns/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20260304T050607Z")
	f.Add("AWS4-HMAC-SHA256 Credential=////, SignedHeaders=;host;;, Signature==,=", "20260304T050607Z")
	f.Add("AWS4- ,,,=", "")
	f.Fuzz(func(t *testing.T, authorization, date string) {
		r := &http.Request{Method: "POST", URL: &url.URL{Path: "/"}, Host: "h", Header: http.Header{
			"Authorization": {authorization}, "X-Amz-Date": {date}}}
		a := arrived{r, nil}
		g, refusal := parseSignature(r.Header)
		if refusal != nil {
			if refusal.status < 400 || refusal.status > 499 {
				t.Fatalf("status %d", refusal.status)
			}
			return
		}
		g.check(signedAt, IAM, "us-east-1")
		if a.accepted("secret that nobody has") {
			t.Fatal("accepted garbage")
		}
	})
}
