package helper

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
)

// The most of an answer that is read. SDKs take little more: Go v1 stops at
// 8 KiB, Java v2 at 64,000 bytes, and Ruby deadlocks beyond a pipe's 64 KiB.
const (
	maxHeader = 8 << 10
	maxBody   = 48 << 10
)

// readAnswer reads one answer to its end and returns the body for standard
// output. The end of the connection and Content-Length must agree: each alone
// would let half an answer, or more than one, pass for a whole.
func readAnswer(r io.Reader) ([]byte, error) {
	data := make([]byte, 0, 4<<10)
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case len(data) > maxHeader+maxBody:
			return nil, bad("is too long")
		case err == io.EOF:
			return parseAnswer(data)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, tooLate()
		case err != nil:
			return nil, &Error{Exit: ExitFailed, Code: "socket", Message: "cannot read the daemon's answer: " + reason(err)}
		}
	}
}

// parseAnswer takes a whole HTTP/1.x answer apart: the body of a 200, else the
// error that the daemon's headers carry.
func parseAnswer(data []byte) ([]byte, error) {
	line, rest, ok := bytes.Cut(data[:min(len(data), maxHeader)], []byte("\r\n"))
	if len(data) == 0 {
		return nil, bad("is empty")
	}
	status := parseStatus(line)
	if !ok || status == 0 {
		return nil, bad("is not HTTP")
	}
	length := -1
	exit, message := ExitFailed, ""
	read := len(line) + 2
	for {
		line, rest, ok = bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			return nil, bad("ended within its headers, or they are too long")
		}
		read += len(line) + 2
		if len(line) == 0 {
			break
		}
		name, value, ok := parseHeader(line)
		if !ok {
			return nil, bad("has a malformed header")
		}
		switch name {
		case "content-length":
			n, err := strconv.ParseUint(value, 10, 31)
			if length >= 0 || err != nil || n > maxBody {
				return nil, bad("has no sound Content-Length")
			}
			length = int(n)
		case "transfer-encoding":
			return nil, bad("has a transfer encoding")
		case "awskey-exit":
			if n, err := strconv.Atoi(value); err == nil && n >= ExitFailed && n <= ExitHeld {
				exit = n
			}
		case "awskey-message":
			message = value
		}
	}
	if status != 200 {
		if message == "" {
			message = "the daemon answered with status " + strconv.Itoa(status)
		}
		return nil, &Error{Exit: exit, Code: "refused", Message: message}
	}
	body := data[read:]
	if length < 0 {
		return nil, bad("has no Content-Length")
	}
	if len(body) < length {
		return nil, bad("ended early")
	}
	if len(body) > length {
		return nil, bad("is longer than it says")
	}
	if !object(body) {
		return nil, bad("is not one JSON object")
	}
	return body, nil
}

// parseStatus returns the code of "HTTP/1.1 200 OK", or 0.
func parseStatus(line []byte) int {
	if len(line) < len("HTTP/1.0 200") || string(line[:7]) != "HTTP/1." || line[7] < '0' || line[7] > '9' || line[8] != ' ' {
		return 0
	}
	if len(line) > 12 && line[12] != ' ' {
		return 0
	}
	code, err := strconv.Atoi(string(line[9:12]))
	if err != nil || code < 100 || code > 599 {
		return 0
	}
	return code
}

// parseHeader returns the name in lower case and the value without the space
// around it. A name holds token characters only, so a folded line has none.
func parseHeader(line []byte) (name, value string, ok bool) {
	n, v, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(n) == 0 {
		return "", "", false
	}
	lower := make([]byte, len(n))
	for i, c := range n {
		if c <= ' ' || c >= 0x7f {
			return "", "", false
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	for _, c := range v {
		if c < ' ' && c != '\t' || c == 0x7f {
			return "", "", false
		}
	}
	return string(lower), string(bytes.Trim(v, " \t")), true
}

// object tells whether body has the outside of a JSON object: enough that an
// error page, a torn answer or binary noise is not handed to an SDK, which
// might quote it in a log.
func object(body []byte) bool {
	body = bytes.TrimSuffix(body, []byte("\n"))
	if len(body) < 2 || body[0] != '{' || body[len(body)-1] != '}' {
		return false
	}
	for _, c := range body {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// bad is the error for an answer that cannot be used. It says what is wrong
// with the form and never quotes the answer, which may hold a secret.
func bad(what string) error {
	return &Error{Exit: ExitFailed, Code: "bad-answer", Message: "the daemon's answer " + what,
		Remedy: "if this goes on, awskeyd and awskey-helper may be of different versions"}
}
