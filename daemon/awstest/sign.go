package awstest

import (
	"net/http"
	"strings"
	"time"
)

// Sign puts a Signature Version 4 on a request, as a client with a long-term
// key does: for clients that must not link an SDK. The body is passed because
// reading r.Body would use it up. It shares the canonical request with the
// checking side, which the AWS SDK's signer is held against.
func Sign(r *http.Request, body []byte, keyID, secret string, service Service, region string, at time.Time) {
	at = at.UTC()
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	r.Header.Set("X-Amz-Date", at.Format(basicISO))
	g := signature{
		keyID: keyID, date: at.Format("20060102"), region: region, service: string(service), end: terminator,
		signedHeaders: "host;x-amz-date", at: at,
	}
	r.Header.Set("Authorization", algorithm+" Credential="+strings.Join([]string{g.keyID, g.date, g.region, g.service, g.end}, "/")+
		", SignedHeaders="+g.signedHeaders+", Signature="+g.sum(r, body, secret))
}
