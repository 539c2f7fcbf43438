package awsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/awskeyd/awskeyd/store/secret"
)

const testSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

var testKey = Credentials{ID: "AKIAIOSFODNN7EXAMPLE", Secret: secret.New(testSecret)}

// TestMain proves beside the tests that no call leaves a goroutine behind.
func TestMain(m *testing.M) {
	if os.Getenv(trapChild) != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve starts a plain HTTP server and a client that speaks to it alone.
func serve(t *testing.T, h http.HandlerFunc) (*Client, *httptest.Server) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm() // an unread body would be answered with a reset
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return newClient(t, Config{EndpointURL: s.URL}), s
}

// opOf is the action that a request asks for.
func opOf(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndexByte(target, '.')+1:]
	}
	return r.FormValue("Action")
}

// response is a document of success as AWS writes it.
func response(op, result string) string {
	if monitors[op] != "" {
		return result
	}
	if result != "" {
		result = fmt.Sprintf("<%sResult>%s</%[1]sResult>", op, result)
	}
	return fmt.Sprintf(`<%sResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">%s<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></%[1]sResponse>`, op, result)
}

// kindOf is the media type of an action's answers.
func kindOf(op string) string {
	switch op {
	case "LookupEvents", "FilterLogEvents":
		return "application/x-amz-json-1.1"
	case "DescribeAlarms":
		return "application/x-amz-json-1.0"
	}
	return "text/xml"
}

// refusal is an error document of AWS.
func refusal(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	op := opOf(r)
	w.Header().Set("Content-Type", kindOf(op))
	w.WriteHeader(status)
	if monitors[op] != "" {
		json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
		return
	}
	fmt.Fprintf(w, `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code, message)
}

// answers is a good answer to each action.
var answers = map[string]string{
	"GetCallerIdentity":       `<Arn>arn:aws:iam::123456789012:user/eng/bob</Arn><UserId>AIDAEXAMPLE</UserId><Account>123456789012</Account>`,
	"GetAccessKeyInfo":        `<Account>123456789012</Account>`,
	"ListAccessKeys":          `<IsTruncated>false</IsTruncated><AccessKeyMetadata><member><UserName>bob</UserName><AccessKeyId>AKIA1</AccessKeyId><Status>Active</Status><CreateDate>2026-01-02T03:04:05Z</CreateDate></member></AccessKeyMetadata>`,
	"CreateAccessKey":         `<AccessKey><UserName>bob</UserName><AccessKeyId>AKIA2</AccessKeyId><Status>Active</Status><SecretAccessKey>new/secret</SecretAccessKey><CreateDate>2026-01-02T03:04:05Z</CreateDate></AccessKey>`,
	"UpdateAccessKey":         ``,
	"DeleteAccessKey":         ``,
	"GetAccessKeyLastUsed":    `<UserName>bob</UserName><AccessKeyLastUsed><LastUsedDate>2026-01-02T03:00:00Z</LastUsedDate><ServiceName>sns</ServiceName><Region>eu-west-1</Region></AccessKeyLastUsed>`,
	"GetUser":                 `<User><Path>/eng/</Path><UserName>bob</UserName><UserId>AIDAEXAMPLE</UserId><Arn>arn:aws:iam::123456789012:user/eng/bob</Arn><CreateDate>2026-01-02T03:04:05Z</CreateDate></User>`,
	"SimulatePrincipalPolicy": `<IsTruncated>false</IsTruncated><EvaluationResults><member><EvalActionName>iam:CreateAccessKey</EvalActionName><EvalResourceName>*</EvalResourceName><EvalDecision>allowed</EvalDecision></member></EvaluationResults>`,
	"ListUsers":               `<IsTruncated>false</IsTruncated><Users><member><UserName>bob</UserName><Arn>arn:aws:iam::123456789012:user/eng/bob</Arn></member></Users>`,
	"LookupEvents":            `{"Events":[{"EventName":"GetCallerIdentity","EventSource":"sts.amazonaws.com","EventTime":1767323045,"CloudTrailEvent":"{\"awsRegion\":\"eu-west-1\",\"sourceIPAddress\":\"203.0.113.7\"}"}]}`,
	"FilterLogEvents":         `{"events":[{"timestamp":1767323045000,"message":"{\"eventTime\":\"2026-01-02T03:04:05Z\",\"eventName\":\"PutObject\",\"eventSource\":\"s3.amazonaws.com\",\"awsRegion\":\"eu-west-1\",\"sourceIPAddress\":\"203.0.113.7\",\"errorCode\":\"AccessDenied\"}"}]}`,
	"DescribeAlarms":          `{"MetricAlarms":[{"AlarmName":"bad calls","StateValue":"ALARM","StateTransitionedTimestamp":1767323045.5}],"CompositeAlarms":[]}`,
}

// good answers every action.
func good(w http.ResponseWriter, r *http.Request) {
	op := opOf(r)
	w.Header().Set("Content-Type", kindOf(op))
	fmt.Fprint(w, response(op, answers[op]))
}

// calls makes each call once.
var calls = map[string]func(context.Context, *Client) (Meta, error){
	"GetCallerIdentity": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.WhoAmI(ctx, testKey)
		return m, err
	},
	"GetAccessKeyInfo": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.AccountOf(ctx, testKey, "AKIA1")
		return m, err
	},
	"ListAccessKeys": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.ListKeys(ctx, testKey, "bob")
		return m, err
	},
	"CreateAccessKey": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.CreateKey(ctx, testKey, "bob")
		return m, err
	},
	"UpdateAccessKey": func(ctx context.Context, c *Client) (Meta, error) {
		return c.SetKeyStatus(ctx, testKey, "bob", "AKIA1", false)
	},
	"DeleteAccessKey": func(ctx context.Context, c *Client) (Meta, error) {
		return c.DeleteKey(ctx, testKey, "bob", "AKIA1")
	},
	"GetAccessKeyLastUsed": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.KeyLastUsed(ctx, testKey, "AKIA1")
		return m, err
	},
	"GetUser": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.User(ctx, testKey, "bob")
		return m, err
	},
	"ListUsers": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.Users(ctx, testKey)
		return m, err
	},
	"SimulatePrincipalPolicy": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.Allowed(ctx, testKey, "arn:aws:iam::123456789012:user/bob", []string{"iam:CreateAccessKey"})
		return m, err
	},
	"LookupEvents": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.LastEvent(ctx, testKey, anotherRegion(), testKey.ID, date("2026-01-01T00:00:00Z"))
		return m, err
	},
	"FilterLogEvents": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.FailedEvent(ctx, testKey, "arn:aws:logs:"+anotherRegion()+":123456789012:log-group:trail:*", testKey.ID, date("2026-01-01T00:00:00Z"))
		return m, err
	},
	"DescribeAlarms": func(ctx context.Context, c *Client) (Meta, error) {
		_, m, err := c.Alarms(ctx, testKey, []string{"bad calls"})
		return m, err
	},
}

var regions atomic.Int32

// anotherRegion is one that nobody has asked yet, so that no call waits for its
// turn.
func anotherRegion() string { return fmt.Sprintf("eu-test-%d", regions.Add(1)) }

// failure checks what must hold of every error and returns it.
func failure(t *testing.T, err error, want Class) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %T %v, want an *Error of class %v", err, err, want)
	}
	if e.Class != want {
		t.Errorf("class %v, want %v: %v", e.Class, want, err)
	}
	text := err.Error()
	if ClassOf(fmt.Errorf("wrapped: %w", err)) != e.Class || strings.ContainsAny(text, "\r\n\t\x1b") ||
		!strings.HasPrefix(text, "asked ") || strings.Contains(fmt.Sprintf("%+v %#v", e, *e), testSecret) {
		t.Errorf("bad error: %#v\n%s", *e, text)
	}
	return e
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q lacks %q", text, p)
		}
	}
}

// counting counts requests on their way to h.
func counting(n *atomic.Int32, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		h(w, r)
	}
}

func date(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}
