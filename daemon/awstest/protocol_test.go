package awstest

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDocumentsThatAreNone(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	const logs, trail = "Logs_20140328.FilterLogEvents", "CloudTrail_20131101.LookupEvents"
	for _, c := range []struct {
		target, kind, body string
		code, message      string
	}{
		{"Logs_20140328.PutLogEvents", "application/x-amz-json-1.1", "{}", "UnknownOperationException", ""},
		{"Logs.FilterLogEvents", "application/x-amz-json-1.1", "{}", "UnknownOperationException", ""},
		{"FilterLogEvents", "application/x-amz-json-1.1", "{}", "UnknownOperationException", ""},
		{".", "application/x-amz-json-1.1", "{}", "UnknownOperationException", ""},
		{logs, "application/x-amz-json-1.0", "{}", "UnknownOperationException", ""},
		{"GraniteServiceVersion20100801.DescribeAlarms", "application/x-amz-json-1.1", "{}", "UnknownOperationException", ""},
		{logs, "application/x-amz-json-1.1", "", "SerializationException", "EOF"},
		{logs, "application/x-amz-json-1.1", "[]", "SerializationException", "cannot unmarshal"},
		{logs, "application/x-amz-json-1.1", "{} {}", "SerializationException", "something follows"},
		{logs, "application/x-amz-json-1.1", `{"logGroupName":1}`, "SerializationException", "logGroupName: expected a string, found a number"},
		{logs, "application/x-amz-json-1.1", `{"limit":"1"}`, "SerializationException", "limit: expected a number, found a string"},
		{logs, "application/x-amz-json-1.1", `{"limit":true}`, "SerializationException", "limit: a value that no member has"},
		{logs, "application/x-amz-json-1.1", `{"unmask":null,"logGroupName":["a"]}`, "SerializationException", "logGroupName.member.1 is not emulated"},
		{trail, "application/x-amz-json-1.1", `{"LookupAttributes":[{"AttributeKey":["a"]}]}`, "SerializationException", "is not emulated"},
		{trail, "application/x-amz-json-1.1", `{"StartTime":1}`, "MissingAuthenticationTokenException", ""},
		{"com.amazonaws.cloudtrail.v20131101." + trail, "application/x-amz-json-1.1", `{}`, "MissingAuthenticationTokenException", ""},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Content-Type", c.kind)
		r.Header.Set("X-Amz-Target", c.target)
		w := serve(s, []byte(c.body), r)
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != 400 || e.Type != c.code || !strings.Contains(e.Message, c.message) {
			t.Errorf("%s %s: %d %s (%v), want %s %s", c.target, c.body, w.Code, w.Body, err, c.code, c.message)
		}
	}
}
