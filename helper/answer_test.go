package helper

import (
	"errors"
	"strings"
	"testing"
)

const goodBody = `{"Version":1,"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"CANARY"}` + "\n"

// good is a whole answer with the given extra header lines.
func good(extra string) string {
	return "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n" + extra + "Content-Length: 69\r\n\r\n" + goodBody
}

// readings are the ways by which an answer comes.
var readings = map[string]func(t *testing.T, data string) ([]byte, error){
	"parsed": func(_ *testing.T, data string) ([]byte, error) { return parseAnswer([]byte(data)) },
}

func TestAnswer(t *testing.T) {
	refusal := "HTTP/1.0 404 Not Found\r\nAwskey-Exit: 5\r\nAwskey-Message: no such profile\r\nContent-Length: 6\r\n\r\nCANARY"
	tests := []struct {
		name, data, body string
		exit             int
		message          string
	}{
		{"good", good(""), goodBody, 0, ""},
		{"1.1, no reason, other case", "HTTP/1.1 200\r\ncontent-LENGTH:\t2 \r\n\r\n{}", "{}", 0, ""},
		{"refused", refusal, "", ExitUnknown, "no such profile"},
		{"refused, not explained", "HTTP/1.0 503 x\r\n\r\nCANARY", "", ExitFailed, "status 503"},
		{"refused with exit 0", "HTTP/1.0 500 x\r\nAwskey-Exit: 0\r\n\r\n", "", ExitFailed, "status 500"},
		{"refused with exit 99", "HTTP/1.0 500 x\r\nAwskey-Exit: 99\r\n\r\n", "", ExitFailed, "status 500"},
		{"redirect", "HTTP/1.0 302 Found\r\nLocation: http://CANARY/\r\n\r\n", "", ExitFailed, "status 302"},
		{"empty", "", "", ExitFailed, "is empty"},
		{"not HTTP", "SSH-2.0-OpenSSH_9.2 CANARY\r\n", "", ExitFailed, "is not HTTP"},
		{"half a status line", "HTTP/1.0 20", "", ExitFailed, "is not HTTP"},
		{"status of four digits", strings.Replace(good(""), "200", "2000", 1), "", ExitFailed, "is not HTTP"},
		{"half the headers", good("")[:40], "", ExitFailed, "ended within its headers"},
		{"half a body", good("")[:len(good(""))-10], "", ExitFailed, "ended early"},
		{"a byte short", good("")[:len(good(""))-1], "", ExitFailed, "ended early"},
		{"a byte more", good("") + "\n", "", ExitFailed, "longer than it says"},
		{"two answers", good("") + good(""), "", ExitFailed, "longer than it says"},
		{"no length", "HTTP/1.0 200 OK\r\n\r\n" + goodBody, "", ExitFailed, "no Content-Length"},
		{"two lengths", good("Content-Length: 69\r\n"), "", ExitFailed, "no sound Content-Length"},
		{"negative length", "HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n" + goodBody, "", ExitFailed, "no sound Content-Length"},
		{"signed length", "HTTP/1.0 200 OK\r\nContent-Length: +69\r\n\r\n" + goodBody, "", ExitFailed, "no sound Content-Length"},
		{"length over all bounds", "HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n" + goodBody, "", ExitFailed, "no sound Content-Length"},
		{"empty body", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "", ExitFailed, "not one JSON object"},
		{"chunked", good("Transfer-Encoding: chunked\r\n"), "", ExitFailed, "transfer encoding"},
		{"NUL in a header", good("X: a\x00b\r\n"), "", ExitFailed, "malformed header"},
		{"folded header", good("X: a\r\n b\r\n"), "", ExitFailed, "malformed header"},
		{"header without a name", good(": a\r\n"), "", ExitFailed, "malformed header"},
		{"space before the colon", good("Content-Type : a\r\n"), "", ExitFailed, "malformed header"},
		{"bare line feeds", strings.ReplaceAll(good(""), "\r\n", "\n"), "", ExitFailed, "is not HTTP"},
		{"too many headers", good(strings.Repeat("X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 400)), "", ExitFailed, "too long"},
		{"NUL in the body", "HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n{\"CANAR\x00\"}", "", ExitFailed, "not one JSON object"},
		{"a page", "HTTP/1.0 200 OK\r\nContent-Length: 15\r\n\r\n<html>CANARY...", "", ExitFailed, "not one JSON object"},
		{"too long", good("") + strings.Repeat("x", maxHeader+maxBody), "", ExitFailed, "too long"},
		{"forged line", "HTTP/1.0 500 x\r\nAwskey-Message: a\x1b[2J\r\n\r\n", "", ExitFailed, "malformed header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// However the bytes are cut, the answer is the same.
			for name, read := range readings {
				body, err := read(t, tt.data)
				if string(body) != tt.body {
					t.Errorf("%s: body %q, want %q", name, body, tt.body)
				}
				e, _ := errors.AsType[*Error](err)
				if tt.exit == 0 && err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if tt.exit != 0 && (e == nil || e.Exit != tt.exit || !strings.Contains(e.Error(), tt.message)) {
					t.Errorf("%s: error %v, want exit %d and %q", name, err, tt.exit, tt.message)
				}
				if err != nil && strings.Contains(err.Error(), "CANARY") {
					t.Errorf("%s: the error quotes the answer: %v", name, err)
				}
			}
		})
	}
}

// FuzzAnswer holds that no answer, however mangled, yields both a body and an
// error or neither, that a body is the very end of the answer, and that an
// error quotes nothing but the daemon's own message.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(good("")))
	f.Add([]byte(good("") + good("")))
	f.Add([]byte("HTTP/1.0 404 Not Found\r\nAwskey-Exit: 5\r\nAwskey-Message: no such profile\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := parseAnswer(data)
		if (body == nil) == (err == nil) {
			t.Fatalf("body %q with error %v", body, err)
		}
		if err == nil {
			if !strings.HasSuffix(string(data), "\r\n\r\n"+string(body)) || len(body) > maxBody {
				t.Fatalf("the body is not the end of the answer: %q", body)
			}
			return
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Exit < ExitFailed || e.Exit > ExitHeld || e.Message == "" {
			t.Fatalf("unfit error %#v", err)
		}
		if e.Code == "bad-answer" && !strings.HasPrefix(e.Message, "the daemon's answer ") {
			t.Fatalf("unfit message %q", e.Message)
		}
		if line := Line(e.Error()); strings.ContainsAny(line, "\r\n\x00\x1b") || len(line) > maxLine {
			t.Fatalf("unfit line %q", line)
		}
	})
}
