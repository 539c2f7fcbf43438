package awstest

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	const event = `{"errorCode":"Client.UnauthorizedOperation","userIdentity":{"accessKeyId":"AKIA1","n":1},"list":["x"],"odd":"a*b"}`
	var e map[string]any
	if err := json.Unmarshal([]byte(event), &e); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pattern string
		matches bool
	}{
		{`{ $.errorCode = "Client.UnauthorizedOperation" }`, true},
		{`{$.errorCode="*UnauthorizedOperation"}`, true},
		{`{ $.errorCode = "Client.*" }`, true},
		{`{ $.errorCode = "*Unauthorized*" }`, true},
		{`{ $.errorCode = "*" }`, true},
		{`{ $.errorCode = "Client" }`, false},
		{`{ $.errorCode = "client.*" }`, false},
		{`{ $.errorCode = "*Unauthorized" }`, false},
		{`{ $.errorCode != "AccessDenied*" }`, true},
		{`{ $.errorCode != "Client.*" }`, false},
		{`{ $.userIdentity.accessKeyId = "AKIA1" }`, true},
		{`{ $.userIdentity.accessKeyId = "AKIA2" }`, false},
		{`{ $.nothing = "*" }`, false},
		{`{ $.nothing != "x" }`, false},
		{`{ $.userIdentity.n = "1" }`, false},
		{`{ $.userIdentity = "*" }`, false},
		{`{ $.errorCode.more = "*" }`, false},
		{`{ $.list = "x" }`, false},
		{`{ ($.a = "1") || ($.userIdentity.accessKeyId = "AKIA1") }`, true},
		{`{ $.errorCode = "*" && $.a = "1" || $.odd = "a*" }`, true},
		{`{ $.errorCode = "*" && ($.a = "1" || $.b = "1") }`, false},
		{"{\n$.odd = \"*b\" &&\t(($.errorCode = \"C*\"))}", true},
	} {
		p, err := parsePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		} else if got := p.match(e); got != c.matches {
			t.Errorf("%s: %v", c.pattern, got)
		}
	}
	for _, bad := range []string{
		"", "ERROR", "{", "{}", "{ $.a }", `{ $.a = }`, `{ $.a = b }`, `{ $.a = "b }`, `{ $.a = "b" `, `{ $.a = "b" } x`, `{ $.a == "b" }`, `{ $.a > 1 }`,
		`{ $.a = "b" && }`, `{ || $.a = "b" }`, `{ ($.a = "b" }`, `{ $.a = "b") }`, `{ $.a = "b\"" }`, `{ $.a = "b*c" }`, `{ $.a = %b% }`, `{ $.a IS NULL }`,
		`{ $.a[0] = "b" }`, `{ $. = "b" }`, `{ $.a = "b" $.c = "d" }`, "[a, b]", `{ $.a = "` + strings.Repeat("x", longestPattern) + `" }`,
		"{ " + strings.Repeat("(", 20) + `$.a = "b"` + strings.Repeat(")", 20) + " }",
	} {
		if _, err := parsePattern(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// Whatever is accepted can be asked; parentheses around the whole change nothing,
// and a field that is absent never matches.
func FuzzPattern(f *testing.F) {
	f.Add(`{ ($.userIdentity.accessKeyId = "AKIA1") && (($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*")) }`, `{"errorCode":"AccessDenied"}`)
	f.Add(`{ $.a.b != "*" || $.c = "x" && $.d = "" }`, `{"a":{"b":""},"c":[1],"d":null}`)
	f.Add("{((", "")
	f.Fuzz(func(t *testing.T, text, event string) {
		p, err := parsePattern(text)
		if err != nil {
			return
		}
		var e map[string]any
		json.Unmarshal([]byte(event), &e)
		got := p.match(e)
		inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "{"), "}")
		if again, err := parsePattern("{ ( " + inner + " ) && $.absent.absent = \"*\" }"); err == nil && again.match(map[string]any{}) {
			t.Errorf("%s matches an empty event in an absent field", text)
		}
		if again, err := parsePattern("{(" + inner + ")}"); err == nil && again.match(e) != got {
			t.Errorf("%s: parentheses change the answer", text)
		}
	})
}
