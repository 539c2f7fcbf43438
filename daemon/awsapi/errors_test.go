package awsapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestClasses(t *testing.T) {
	for _, try := range []struct {
		status int
		code   string
		want   Class
	}{
		{403, "InvalidClientTokenId", ClassUnauthenticated},
		{403, "InvalidAccessKeyId", ClassUnauthenticated},
		{400, "UnrecognizedClientException", ClassUnauthenticated},
		{401, "AuthFailure", ClassUnauthenticated},
		{403, "ExpiredToken", ClassUnauthenticated},
		{403, "SignatureDoesNotMatch", ClassWrongSecret},
		{403, "InvalidSignatureException", ClassWrongSecret},
		{403, "RequestTimeTooSkewed", ClassSkewed},
		{400, "RequestExpired", ClassSkewed},
		{403, "AccessDenied", ClassDenied},
		{400, "AccessDeniedException", ClassDenied},
		{403, "UnauthorizedOperation", ClassDenied},
		{404, "NoSuchEntity", ClassNotFound},
		{409, "LimitExceeded", ClassLimit},
		{409, "LimitExceededException", ClassLimit},
		{400, "Throttling", ClassThrottled},
		{503, "Throttling", ClassThrottled},
		{400, "ThrottlingException", ClassThrottled},
		{500, "ServiceFailure", ClassServer},
		{500, "InternalFailure", ClassServer},
		{503, "ServiceUnavailable", ClassServer},
		{502, "SomethingNew", ClassServer},
		{500, "", ClassServer},
		{400, "ValidationError", ClassUnknown},
		{409, "ConcurrentModification", ClassUnknown},
		{403, "", ClassUnknown},
		{400, "UnknownError", ClassUnknown},
	} {
		// The texts say the opposite of each code: they must not count.
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
			refusal(w, r, try.status, try.code, "AccessDenied Throttling NoSuchEntity with an explicit deny")
		})
		for op, call := range calls {
			m, err := call(t.Context(), c)
			e := failure(t, err, try.want)
			if e.Op != op || e.Status != try.status || m.Date.IsZero() || e.Meta != m {
				t.Errorf("%s %d %s: %#v, %v", op, try.status, try.code, *e, m)
			}
			if e.Explicit != (try.want == ClassDenied) {
				t.Errorf("%s %s: explicit %v", op, try.code, e.Explicit)
			}
			if code := try.code; code != "UnknownError" && e.Code != code {
				t.Errorf("code %q, want %q", e.Code, code)
			}
		}
	}
}

// Who is at fault for a signature, secret or clock, is decided by AWS's Date.
func TestSkew(t *testing.T) {
	for _, try := range []struct {
		offset time.Duration // AWS's clock against ours
		want   Class
		text   string
	}{
		{0, ClassWrongSecret, "check both"},
		{4 * time.Minute, ClassWrongSecret, "check both"},
		{-4 * time.Minute, ClassWrongSecret, "check both"},
		{16 * time.Minute, ClassSkewed, "behind AWS's"},
		{-16 * time.Minute, ClassSkewed, "ahead of AWS's"},
	} {
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(try.offset).UTC().Format(http.TimeFormat))
			refusal(w, r, 403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
		})
		_, _, err := c.WhoAmI(t.Context(), testKey)
		e := failure(t, err, try.want)
		contains(t, e.Error(), try.text)
		if got := e.Date.Sub(e.Local); (got - try.offset).Abs() > time.Minute {
			t.Errorf("offset %v, want %v", got, try.offset)
		}
	}
	// Without a date there is no reason to blame the clock.
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		refusal(w, r, 403, "SignatureDoesNotMatch", "no")
	})
	_, m, err := c.WhoAmI(t.Context(), testKey)
	failure(t, err, ClassWrongSecret)
	if !m.Date.IsZero() || m.Local.IsZero() {
		t.Errorf("meta %+v", m)
	}
}

func TestErrorTexts(t *testing.T) {
	for _, try := range []struct {
		op, code, message string
		status            int
		want              string
	}{
		{"CreateAccessKey", "AccessDenied", "User: arn:aws:iam::1:user/bob is not authorized to perform: iam:CreateAccessKey on resource: user bob. An explicit deny", 403,
			"asked IAM to create an access key for bob: AWS says AccessDenied (User: arn:aws:iam::1:user/bob is not authorized to perform: iam:CreateAccessKey on resource: user bob. An explicit deny); a policy denies it, perhaps to all who come without MFA, and no other can allow it: ask who runs the account"},
		{"CreateAccessKey", "AccessDenied", "User: arn:aws:iam::1:user/bob is not authorized to perform: iam:CreateAccessKey on resource: user bob because no identity-based policy allows the iam:CreateAccessKey action", 403,
			"asked IAM to create an access key for bob: AWS says AccessDenied (User: arn:aws:iam::1:user/bob is not authorized to perform: iam:CreateAccessKey on resource: user bob because no identity-based policy allows the iam:CreateAccessKey action); print the policy it needs with: awskey policy NAME"},
		{"DescribeAlarms", "AccessDeniedException", "no", 400, "asked CloudWatch for its alarms: AWS says AccessDeniedException (no); allow cloudwatch:DescribeAlarms to the user in IAM, or take it out of [monitor]"},
		{"CreateAccessKey", "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", 409,
			"asked IAM to create an access key for bob: AWS says LimitExceeded (Cannot exceed quota for AccessKeysPerUser: 2); AWS allows two access keys per user: delete one in IAM that nobody needs"},
		{"UpdateAccessKey", "NoSuchEntity", "The Access Key with id AKIA1 cannot be found.", 404,
			"asked IAM to deactivate access key AKIA1 of bob: AWS says NoSuchEntity (The Access Key with id AKIA1 cannot be found.); look in IAM whether the user and the access key still exist"},
		{"GetCallerIdentity", "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key.\n\nThe Canonical String for this request should have been\n'POST\n/\nx-amz-date", 403,
			"asked STS who access key AKIAIOSFODNN7EXAMPLE belongs to: AWS says SignatureDoesNotMatch (The request signature we calculated does not match the signature you provided); the secret does not belong to this access key id: check both"},
		{"GetCallerIdentity", "IncompleteSignature", "'x' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=0123abcd'", 403,
			"asked STS who access key AKIAIOSFODNN7EXAMPLE belongs to: AWS says IncompleteSignature ('x' not a valid key=value pair (missing equal-sign) in)"},
		{"DeleteAccessKey", "", "", 403, "asked IAM to delete access key AKIA1 of bob: AWS answered 403 Forbidden without saying why"},
		{"ListAccessKeys", "AccessDenied", "", 403, "asked IAM for the access keys of bob: AWS says AccessDenied; print the policy it needs with: awskey policy NAME"},
	} {
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { refusal(w, r, try.status, try.code, try.message) })
		_, err := calls[try.op](t.Context(), c)
		if err == nil || err.Error() != try.want {
			t.Errorf("got  %v\nwant %s", err, try.want)
		}
	}
	// Made by hand, as a fake of this package would.
	if got := (&Error{Class: ClassDenied, Op: "CreateAccessKey", Code: "AccessDenied"}).Error(); got != "asked AWS CreateAccessKey: AWS says AccessDenied; print the policy it needs with: awskey policy NAME" {
		t.Error(got)
	}
	if ClassOf(nil) != ClassNoAnswer || ClassOf(io.EOF) != ClassNoAnswer {
		t.Error("a strange error is not doubt")
	}
	for c := ClassUnknown; c <= ClassNotSent; c++ {
		if c != ClassUnknown && c.String() == "unknown" {
			t.Errorf("class %d has no name", c)
		}
	}
}

// Whatever AWS, or something that poses as AWS, writes into an error: the
// secret is not repeated, and the line stays a line.
func TestErrorsHoldNoSecret(t *testing.T) {
	for _, message := range []string{testSecret, "your secret is " + testSecret + " is it not", "a\x1b[31mb\x00c\u202ed\n e"} {
		for _, code := range []string{"AccessDenied", "ValidationError", "SignatureDoesNotMatch", testSecret} {
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/"+testSecret)
				refusal(w, r, 403, code, strings.NewReplacer("\x1b", "", "\x00", "").Replace(message))
			})
			for _, call := range calls {
				_, err := call(t.Context(), c)
				var e *Error
				if !errors.As(err, &e) {
					t.Fatal(err)
				}
				if all := err.Error() + fmt.Sprintf("%+v %#v %v", e, *e, e.Err); strings.Contains(all, testSecret) || strings.ContainsAny(err.Error(), "\n\x1b\u202e") {
					t.Errorf("leaks: %s", all)
				}
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("User: arn:aws:iam::1:user/bob is not authorized")
	f.Add("a\nb\x1b[0m\u202e" + testSecret)
	f.Add(strings.Repeat("x", 5000))
	f.Add(testSecret[:10] + "\x00" + testSecret[10:])
	f.Fuzz(func(t *testing.T, text string) {
		for _, out := range []string{clean(text, testKey), firstSentence(clean(text, testKey))} {
			if strings.Contains(out, testSecret) || utf8.RuneCountInString(out) > 401 || strings.ContainsFunc(out, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q becomes %q", text, out)
			}
		}
	})
}
