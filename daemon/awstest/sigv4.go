package awstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"sort"
	"strings"
	"time"
)

// Signature Version 4, the checking side, header form only. The algorithm is
// AWS's "Create a signed AWS API request"; the order of the checks and their
// texts were recorded from AWS by the authors of dynalite (mhart/dynalite).

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	basicISO   = "20060102T150405Z"

	// maxSkew is how far a request's time may be from AWS's, both ways.
	maxSkew = 15 * time.Minute
)

// signature is the Authorization header, taken apart.
type signature struct {
	keyID, date, region string
	service, end        string
	signedHeaders       string // as sent: lower case, sorted, joined by ;
	mac                 string // lower case hex
	at                  time.Time
}

// parseSignature reads the Authorization and date headers of a request.
func parseSignature(h http.Header) (signature, *failure) {
	var g signature
	name, rest, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.HasPrefix(name, "AWS4-") {
		return g, fail(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return g, incomplete("'%s' not a valid key=value pair (missing equal-sign) in Authorization header.", k)
		}
		if _, twice := fields[k]; twice {
			return g, incomplete("Authorization header has '%s' twice.", k)
		}
		fields[k] = v
	}
	// The signed time is X-Amz-Date where it exists, since proxies may set Date.
	date := h.Get("X-Amz-Date")
	if date == "" {
		date = h.Get("Date")
	}
	var missing string
	for _, k := range []string{"Credential", "Signature", "SignedHeaders"} {
		if fields[k] == "" {
			missing += "Authorization header requires '" + k + "' parameter. "
		}
	}
	if date == "" {
		missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
	}
	if missing != "" {
		return g, incomplete("%s", missing)
	}
	at, err := time.Parse(basicISO, date)
	if err != nil {
		return g, incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", date)
	}
	if name != algorithm {
		return g, incomplete("Unsupported AWS 'algorithm': '%s' (only %s for now). ", name, algorithm)
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 {
		return g, incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", fields["Credential"])
	}
	return signature{
		keyID: scope[0], date: scope[1], region: scope[2], service: scope[3], end: scope[4],
		signedHeaders: fields["SignedHeaders"], mac: fields["Signature"], at: at,
	}, nil
}

// check refuses a wrong clock or scope; an empty region is any. It needs no
// secret.
func (g signature) check(now time.Time, service Service, region string) *failure {
	now = now.UTC()
	if limit := now.Add(-maxSkew); g.at.Before(limit) {
		return mismatch("Signature expired: %s is now earlier than %s (%s - 15 min.)",
			g.at.Format(basicISO), limit.Format(basicISO), now.Format(basicISO))
	}
	if limit := now.Add(maxSkew); g.at.After(limit) {
		return mismatch("Signature not yet current: %s is still later than %s (%s + 15 min.)",
			g.at.Format(basicISO), limit.Format(basicISO), now.Format(basicISO))
	}
	if !strings.Contains(";"+g.signedHeaders+";", ";host;") {
		return mismatch("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	// AWS tells everything that is wrong with a scope at once. Global STS is
	// us-east-1, whatever region the account works in; IAM is nowhere else.
	var wrong string
	if ok := g.region == region || service == STS && g.region == "us-east-1" || region == "" && g.region != ""; !ok {
		wrong += fmt.Sprintf("Credential should be scoped to a valid region, not '%s'. ", g.region)
	}
	if g.service != string(service) {
		wrong += fmt.Sprintf("Credential should be scoped to correct service: '%s'. ", service)
	}
	if g.end != terminator {
		wrong += fmt.Sprintf("Credential should be scoped with a valid terminator: '%s', not '%s'. ", terminator, g.end)
	}
	if day := g.at.Format("20060102"); g.date != day {
		wrong += fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'. ",
			g.date, day, g.at.Format(basicISO))
	}
	if wrong != "" {
		return mismatch("%s", wrong)
	}
	return nil
}

// verify tells whether the signature was made over this request with secret.
func (g signature) verify(r *http.Request, body []byte, secret string) bool {
	return hmac.Equal([]byte(g.sum(r, body, secret)), []byte(g.mac))
}

// sum is the signature that the request should have, in hex.
func (g signature) sum(r *http.Request, body []byte, secret string) string {
	canonical := sha256.Sum256([]byte(g.canonical(r, body)))
	text := strings.Join([]string{
		algorithm,
		g.at.Format(basicISO),
		strings.Join([]string{g.date, g.region, g.service, g.end}, "/"),
		hex.EncodeToString(canonical[:]),
	}, "\n")
	// Each part signs the next: date, region, service and terminator make the
	// key, the last round is the signature itself.
	key := []byte("AWS4" + secret)
	for _, part := range []string{g.date, g.region, g.service, g.end, text} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// canonical is the canonical request. The payload hash is always our own: what
// X-Amz-Content-Sha256 claims counts only as a signed header.
func (g signature) canonical(r *http.Request, body []byte) string {
	payload := sha256.Sum256(body)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", r.Method, canonicalPath(r.URL), canonicalQuery(r.URL))
	// In the order of the list as sent: a list that was tampered with, or never
	// was sorted, cannot match.
	for name := range strings.SplitSeq(g.signedHeaders, ";") {
		values := r.Header.Values(name)
		if name == "host" {
			values = []string{r.Host} // net/http keeps it apart
		}
		trimmed := make([]string, len(values))
		for i, v := range values {
			trimmed[i] = strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' }), " ")
		}
		fmt.Fprintf(&b, "%s:%s\n", name, strings.Join(trimmed, ","))
	}
	fmt.Fprintf(&b, "\n%s\n%s", g.signedHeaders, hex.EncodeToString(payload[:]))
	return b.String()
}

// canonicalPath is the path as sent, without dot segments and doubled slashes,
// encoded once more: every service but S3 does so.
func canonicalPath(u *url.URL) string {
	sent := u.EscapedPath()
	clean := path.Clean("/" + sent)
	if strings.HasSuffix(sent, "/") && clean != "/" {
		clean += "/"
	}
	return escape(clean, true)
}

// canonicalQuery sorts the encoded parameters by name, then by value.
func canonicalQuery(u *url.URL) string {
	var pairs [][2]string
	for name, values := range u.Query() {
		for _, v := range values {
			pairs = append(pairs, [2]string{escape(name, false), escape(v, false)})
		}
	}
	sort.Slice(pairs, func(i, j int) bool {
		if pairs[i][0] != pairs[j][0] {
			return pairs[i][0] < pairs[j][0]
		}
		return pairs[i][1] < pairs[j][1]
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0] + "=" + p[1])
	}
	return b.String()
}

// escape is AWS's UriEncode: everything but RFC 3986's unreserved characters.
func escape(s string, keepSlash bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && keepSlash:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func incomplete(format string, args ...any) *failure {
	return fail(400, "IncompleteSignature", fmt.Sprintf(format, args...))
}

func mismatch(format string, args ...any) *failure {
	return fail(403, "SignatureDoesNotMatch", fmt.Sprintf(format, args...))
}
