package awsapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/aws/smithy-go"
)

// Class is what an error means for the rotation. Only the code of an AWS
// answer decides, never its text; the HTTP status decides only where no code
// came.
type Class int

const (
	ClassUnknown         Class = iota // AWS refused (4xx) with a code of no class below; nothing was done
	ClassUnauthenticated              // the key is unknown, inactive, deleted or not yet propagated: AWS does not tell these apart
	ClassWrongSecret                  // the signature does not match
	ClassSkewed                       // the signature does not match because this machine's clock is wrong
	ClassDenied                       // the key authenticates, a policy refuses
	ClassNotFound                     // no such user or access key
	ClassLimit                        // a quota is full: two access keys per user
	ClassThrottled                    // refused for now, nothing was done
	ClassServer                       // 5xx: it may have been done
	ClassNoAnswer                     // no answer of AWS: it may have been done
	ClassNotSent                      // certainly not done: no byte of the request went out
)

var classNames = [...]string{"unknown", "unauthenticated", "wrong-secret", "skewed", "denied", "not-found", "limit", "throttled", "server", "no-answer", "not-sent"}

// String returns a word for logs.
func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return "unknown"
	}
	return classNames[c]
}

// classes by code. IAM and STS say the query protocol's names; the others are
// the same refusals as JSON services, EC2 and S3 spell them.
var classes = map[string]Class{
	"InvalidClientTokenId": ClassUnauthenticated, "InvalidAccessKeyId": ClassUnauthenticated, "UnrecognizedClientException": ClassUnauthenticated,
	"AuthFailure": ClassUnauthenticated, "ExpiredToken": ClassUnauthenticated, "ExpiredTokenException": ClassUnauthenticated,

	"SignatureDoesNotMatch": ClassWrongSecret, "InvalidSignatureException": ClassWrongSecret,
	"RequestTimeTooSkewed": ClassSkewed, "RequestExpired": ClassSkewed,

	"AccessDenied": ClassDenied, "AccessDeniedException": ClassDenied, "UnauthorizedOperation": ClassDenied,
	"NoSuchEntity": ClassNotFound, "NoSuchEntityException": ClassNotFound,
	"ResourceNotFoundException": ClassNotFound, "ResourceNotFound": ClassNotFound,
	"LimitExceeded": ClassLimit, "LimitExceededException": ClassLimit,

	"Throttling": ClassThrottled, "ThrottlingException": ClassThrottled, "Throttled": ClassThrottled, "ThrottledException": ClassThrottled,
	"RequestLimitExceeded": ClassThrottled, "RequestThrottled": ClassThrottled, "RequestThrottledException": ClassThrottled,
	"TooManyRequestsException": ClassThrottled, "SlowDown": ClassThrottled,

	"ServiceFailure": ClassServer, "InternalFailure": ClassServer, "InternalError": ClassServer, "ServiceUnavailable": ClassServer,
	"RequestTimeout": ClassServer, "RequestTimeoutException": ClassServer,
}

// skewLimit is the offset above which a signature that does not match is laid
// to the clock. AWS itself refuses from 15 minutes on.
const skewLimit = 5 * time.Minute

// Error is every error of a [Client]'s calls. Its text is for the person and
// holds no secret: AWS's own words are cut down to what cannot carry one.
// Embedded are the Class and the Meta of the answer, if there was one.
type Error struct {
	Class
	Op      string // the API action, such as CreateAccessKey
	Code    string // AWS's code; empty if AWS gave none
	Message string // AWS's message, or ours where AWS did not answer
	Status  int    // HTTP status; 0 without an answer, that of a proxy or login page is kept
	// Explicit tells of ClassDenied that a policy denies it, rather than that none
	// allows it. AWS's code does not tell these apart, its message does ("with an
	// explicit deny in …": IAM user guide, troubleshooting access denied errors).
	Explicit bool
	Meta
	Err error // context.Canceled or context.DeadlineExceeded if the call ran out of time, else nil

	asked, remedy string
}

// Unwrap makes errors.Is see a context that ended.
func (e *Error) Unwrap() error { return e.Err }

// Error is Text and Remedy in one line.
func (e *Error) Error() string {
	if r := e.Remedy(); r != "" {
		return e.Text() + "; " + r
	}
	return e.Text()
}

// monitors are the calls that only look for trouble, and their services as
// policies name them.
var monitors = map[string]string{"LookupEvents": "cloudtrail", "FilterLogEvents": "logs", "DescribeAlarms": "cloudwatch"}

// Action is the call as a policy names it, such as iam:ListUsers.
func (e *Error) Action() string {
	service := cmp.Or(monitors[e.Op], "iam")
	if e.Op == "GetCallerIdentity" {
		service = "sts"
	}
	return service + ":" + e.Op
}

// Text says what was tried and what was wrong.
func (e *Error) Text() string {
	asked := e.asked
	if asked == "" {
		asked = strings.TrimSpace("asked AWS " + e.Op)
	}
	switch {
	case e.Code == "":
		return asked + ": " + e.Message
	case e.Message == "":
		return asked + ": AWS says " + e.Code
	}
	return fmt.Sprintf("%s: AWS says %s (%s)", asked, e.Code, e.Message)
}

// Remedy says what to do next; empty if there is nothing to say.
func (e *Error) Remedy() string {
	if e.remedy != "" {
		return e.remedy
	}
	switch e.Class {
	case ClassUnauthenticated:
		return "look in IAM whether this access key still exists and is Active; a new one takes some seconds to work everywhere"
	case ClassWrongSecret:
		return "the secret does not belong to this access key id: check both"
	case ClassSkewed:
		return "set this machine's clock, best by network time"
	case ClassDenied:
		if e.Explicit {
			return "a policy denies it, perhaps to all who come without MFA, and no other can allow it: ask who runs the account"
		}
		if monitors[e.Op] != "" {
			return "allow " + e.Action() + " to the user in IAM, or take it out of [monitor]"
		}
		return "print the policy it needs with: awskey policy NAME"
	case ClassNotFound:
		if monitors[e.Op] != "" {
			return "check [monitor] and the region"
		}
		return "look in IAM whether the user and the access key still exist"
	case ClassLimit:
		return "AWS allows two access keys per user: delete one in IAM that nobody needs"
	case ClassThrottled, ClassServer:
		return "try again in some minutes"
	}
	return ""
}

// ClassOf returns the class of an error of this package. Anything else, nil
// too, is ClassNoAnswer: in doubt it may have been done.
func ClassOf(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return ClassNoAnswer
}

// refused is an error document of AWS.
func refused(answer smithy.APIError, x *exchange, creds Credentials) *Error {
	const absent = "UnknownError" // the SDK's word for a code or message that is not there
	e := &Error{Status: x.status}
	if code := answer.ErrorCode(); code != absent {
		e.Code = clean(code, creds)
	}
	var known bool
	if e.Class, known = classes[e.Code]; !known && x.status >= 500 {
		e.Class = ClassServer
	}
	if offset := x.meta.Local.Sub(x.meta.Date); e.Class == ClassWrongSecret && !x.meta.Date.IsZero() && offset.Abs() > skewLimit {
		e.Class = ClassSkewed
		e.Message = fmt.Sprintf("this machine's clock is %s %s AWS's", offset.Abs().Round(time.Second), aheadOrBehind(offset))
		return e
	}
	if message := answer.ErrorMessage(); message != absent {
		e.Message = clean(message, creds)
	}
	e.Explicit = e.Class == ClassDenied && strings.Contains(strings.ToLower(answer.ErrorMessage()), "explicit deny")
	switch e.Class {
	case ClassUnknown, ClassUnauthenticated, ClassWrongSecret, ClassSkewed:
		e.Message = firstSentence(e.Message)
	}
	if e.Code == "" {
		e.Message = fmt.Sprintf("AWS answered %d %s without saying why", x.status, http.StatusText(x.status))
	}
	return e
}

func aheadOrBehind(offset time.Duration) string {
	if offset > 0 {
		return "ahead of"
	}
	return "behind"
}

// unreadable is an AWS document that the SDK or we could not use, or a request
// that the SDK could not build.
func unreadable(err error, x *exchange, creds Credentials) *Error {
	if x.status == 0 {
		e := &Error{Class: ClassNotSent, Err: ended(err), Message: "the request could not be made: " + clean(err.Error(), creds)}
		if e.Err != nil {
			e.Message = "no time was left to ask"
		}
		return e
	}
	e := &Error{Class: ClassNoAnswer, Status: x.status, Message: "the answer cannot be read"}
	if errors.Is(err, errNoTime) {
		e.Err, e.Message = ended(err), errNoTime.Error()
		return e
	}
	var part incomplete
	if errors.As(err, &part) {
		e.Message = "the answer " + string(part)
	}
	return e
}

// clean makes a text of somebody else fit for a line on a terminal: printable,
// short, and without the secret should it be quoted.
func clean(text string, creds Credentials) string {
	const most = 400 // runes; IAM's longest refusals name two ARNs
	raw := text
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)), " ")
	// Looked for on both sides, as leaving characters out could put it together.
	if s := creds.Secret.Reveal(); s != "" && (strings.Contains(raw, s) || strings.Contains(text, s)) {
		return "AWS's words are left out: they repeat the secret"
	}
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}

// firstSentence drops what IAM appends to signature errors: the canonical
// request and the Authorization header as it received them.
func firstSentence(text string) string {
	for _, mark := range []string{". ", "Authorization", "Credential=", "Signature="} {
		text, _, _ = strings.Cut(text, mark)
	}
	return strings.TrimRight(text, " .:,'\"=(")
}
