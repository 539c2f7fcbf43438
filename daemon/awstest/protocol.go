package awstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// protocol is how a request is written and answered.
type protocol int

const (
	asForm protocol = iota // the Query protocol: IAM, STS, SNS, and CloudWatch for older clients
	asJSON                 // AWS JSON: CloudTrail, CloudWatch Logs and CloudWatch
)

// targets are the services of X-Amz-Target. botocore writes CloudTrail's whole
// name, the Go SDK the last part of it; AWS takes both.
var targets = map[string]Service{
	"CloudTrail_20131101": CloudTrail,
	"com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101": CloudTrail,
	"Logs_20140328":                 Logs,
	"GraniteServiceVersion20100801": CloudWatch,
}

// jsonKind is the media type that goes with AWS JSON: its version is the
// service's.
func jsonKind(s Service) string {
	if s == CloudWatch {
		return "application/x-amz-json-1.0"
	}
	return "application/x-amz-json-1.1"
}

// kind is the type of a member of a document.
type kind string

const (
	text   kind = "string"
	number kind = "number"
)

// known is what the emulator knows of the documents it takes, by the names
// that the Query protocol would give them. AWS ignores unknown members; here a
// member that is not emulated is refused, since ignoring it would be lenient.
var known = map[string]map[string]kind{
	"LookupEvents": {
		"LookupAttributes.member.N.AttributeKey": text, "LookupAttributes.member.N.AttributeValue": text,
		"StartTime": number, "EndTime": number, "MaxResults": number, "NextToken": text,
	},
	"FilterLogEvents": {
		"logGroupName": text, "logGroupIdentifier": text, "filterPattern": text,
		"startTime": number, "endTime": number, "limit": number, "nextToken": text,
	},
	"DescribeAlarms": {"AlarmNames.member.N": text, "AlarmTypes.member.N": text, "MaxRecords": number, "NextToken": text},
}

// parse fills in what a request asks for. Whatever its protocol, the parameters
// come out as the Query protocol names them.
func (q *request) parse() *failure {
	if q.http.Header.Get("X-Amz-Target") != "" {
		return q.parseDocument()
	}
	return q.parseForm()
}

// parseForm reads parameters from the form and from the URL.
func (q *request) parseForm() *failure {
	params, err := url.ParseQuery(q.http.URL.RawQuery)
	if q.contentType() == "application/x-www-form-urlencoded" && err == nil {
		var form url.Values
		form, err = url.ParseQuery(string(q.body))
		for name, values := range form {
			params[name] = append(values, params[name]...)
		}
	}
	if err != nil {
		return fail(http.StatusNotFound, "MalformedQueryString", "The query string contains a syntax error.")
	}
	action, version := params.Get("Action"), params.Get("Version")
	q.call.Action, q.call.Params, q.call.Service = action, params, versions[version]
	if action == "" {
		return fail(http.StatusBadRequest, "MissingAction", "The request must contain the parameter Action.")
	}
	if operations[q.call.Service][action] == nil {
		return fail(http.StatusBadRequest, "InvalidAction", "Could not find operation "+action+" for version "+version)
	}
	return nil
}

func (q *request) parseDocument() *failure {
	q.protocol = asJSON
	target := q.http.Header.Get("X-Amz-Target")
	dot := max(strings.LastIndexByte(target, '.'), 0)
	action := strings.TrimPrefix(target[dot:], ".")
	q.call.Service, q.call.Action = targets[target[:dot]], action
	if operations[q.call.Service][action] == nil || q.contentType() != jsonKind(q.call.Service) {
		return fail(http.StatusBadRequest, "UnknownOperationException", "")
	}
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.UseNumber()
	var members map[string]any
	err := d.Decode(&members)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the document")
		}
	}
	q.call.Params = url.Values{}
	if err == nil {
		err = flatten(q.call.Params, known[action], "", members)
	}
	if err != nil {
		return fail(http.StatusBadRequest, "SerializationException", err.Error())
	}
	return nil
}

var index = regexp.MustCompile(`\.member\.\d+`)

func flatten(to url.Values, known map[string]kind, name string, value any) error {
	var is kind
	var literal string
	switch v := value.(type) {
	case nil:
		return nil // null is absent
	case map[string]any:
		for key, member := range v {
			if err := flatten(to, known, strings.TrimPrefix(name+"."+key, "."), member); err != nil {
				return err
			}
		}
		return nil
	case []any:
		for i, member := range v {
			if err := flatten(to, known, name+".member."+strconv.Itoa(i+1), member); err != nil {
				return err
			}
		}
		return nil
	case string:
		is, literal = text, v
	case json.Number:
		is, literal = number, v.String()
	default:
		return fmt.Errorf("%s: a value that no member has", name)
	}
	want, ok := known[index.ReplaceAllString(name, ".member.N")]
	switch {
	case !ok:
		return fmt.Errorf("%s is not emulated", name)
	case is != want:
		return fmt.Errorf("%s: expected a %s, found a %s", name, want, is)
	}
	to.Set(name, literal)
	return nil
}

func (q *request) contentType() string {
	kind, _, _ := mime.ParseMediaType(q.http.Header.Get("Content-Type"))
	return kind
}

// number reads a parameter that is a number from least to most, or gives
// otherwise where it is absent.
func (c *action) number(name string, otherwise, least, most int) (int, bool) {
	if !c.params.Has(name) {
		return otherwise, true
	}
	n, err := strconv.Atoi(c.params.Get(name))
	return n, err == nil && n >= least && n <= most
}

// moment reads a parameter that counts units since 1970; zero where it is absent.
func (c *action) moment(name string, unit time.Duration) time.Time {
	n, err := strconv.ParseFloat(c.params.Get(name), 64)
	if err != nil {
		return time.Time{}
	}
	// In whole milliseconds: a float of seconds holds no more.
	return time.UnixMilli(int64(n*float64(unit/time.Millisecond) + 0.5)).UTC()
}

// respond is the answer to an action that was carried out.
func (q *request) respond(result any) answer {
	if q.protocol == asJSON {
		return answer{status: http.StatusOK, contentType: jsonKind(q.call.Service), body: mustJSON(result)}
	}
	return success(q.call.Service, q.call.Action, result, q.id)
}

// exceptions are the names that services of AWS JSON give to refusals which the
// Query protocol spells otherwise.
var exceptions = map[string]string{
	"InvalidClientTokenId":       "UnrecognizedClientException",
	"SignatureDoesNotMatch":      "InvalidSignatureException",
	"IncompleteSignature":        "IncompleteSignatureException",
	"MissingAuthenticationToken": "MissingAuthenticationTokenException",
	"ExpiredToken":               "ExpiredTokenException",
	"AccessDenied":               "AccessDeniedException",
	"Throttling":                 "ThrottlingException",
	"ValidationError":            "ValidationException",
	"RequestEntityTooLarge":      "RequestEntityTooLargeException",
}

// refuse is the answer to a request that was refused.
func (q *request) refuse(f *failure) answer {
	refused := f.status == http.StatusForbidden
	if q.protocol == asForm {
		a := f.answer(q.call.Service, q.id)
		a.refused = refused
		return a
	}
	a := answer{status: f.status, contentType: jsonKind(q.call.Service), code: f.code, refused: refused}
	fault := "Receiver"
	if a.status < 500 {
		fault = "Sender"
	}
	if fault == "Sender" && q.call.Service != CloudWatch { // which keeps the statuses of its Query protocol
		a.status = http.StatusBadRequest
	}
	if name := exceptions[f.code]; name != "" {
		a.code = name
	}
	a.body = mustJSON(map[string]any{"__type": a.code, "message": f.message})
	if q.call.Service == CloudWatch {
		a.queryError = f.code + ";" + fault // for clients that know the Query protocol's names (awsQueryCompatible)
	}
	return a
}

// mustJSON is for documents made here, which JSON can hold.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("awstest: " + err.Error())
	}
	return b
}
