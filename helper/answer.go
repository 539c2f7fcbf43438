package helper

import "strconv"

// The most of an answer that is read. SDKs take little more: Go v1 stops at
// 8 KiB, Java v2 at 64,000 bytes, and Ruby deadlocks beyond a pipe's 64 KiB.
const (
	maxHeader = 8 << 10
	maxBody   = 48 << 10
)

// parseAnswer takes a whole HTTP/1.x answer apart, and its headers' names lower
// in place: the body of a 200, else the error that the daemon's headers carry.
// The end of the data and Content-Length must agree: each alone would let half
// an answer, or more than one, pass for a whole.
func parseAnswer(data []byte) ([]byte, error) {
	if len(data) > maxHeader+maxBody {
		return nil, bad("is too long")
	}
	line, rest, ok := cutLine(data[:min(len(data), maxHeader)])
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
		line, rest, ok = cutLine(rest)
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
		switch string(name) {
		case "content-length":
			n, err := strconv.ParseUint(string(value), 10, 31)
			if length >= 0 || err != nil || n > maxBody {
				return nil, bad("has no sound Content-Length")
			}
			length = int(n)
		case "transfer-encoding":
			return nil, bad("has a transfer encoding")
		case "awskey-exit":
			if n, err := strconv.Atoi(string(value)); err == nil && n >= ExitFailed && n <= ExitHeld {
				exit = n
			}
		case "awskey-message":
			message = string(value)
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

// cutLine cuts after the first line. Package bytes would bring unicode and what
// it begins with.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	for i := 1; i < len(b); i++ {
		if b[i-1] == '\r' && b[i] == '\n' {
			return b[:i-1], b[i+1:], true
		}
	}
	return b, nil, false
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

// parseHeader returns the name, which it makes lower case, and the value without
// the space around it. A name holds token characters only, so a folded line has
// none.
func parseHeader(line []byte) (name, value []byte, ok bool) {
	colon := 0
	for colon < len(line) && line[colon] != ':' {
		colon++
	}
	if colon == 0 || colon == len(line) {
		return nil, nil, false
	}
	name, value = line[:colon], line[colon+1:]
	for i, c := range name {
		if c <= ' ' || c >= 0x7f {
			return nil, nil, false
		}
		if c >= 'A' && c <= 'Z' {
			name[i] += 'a' - 'A'
		}
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, nil, false
		}
	}
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for n := len(value); n > 0 && (value[n-1] == ' ' || value[n-1] == '\t'); n-- {
		value = value[:n-1]
	}
	return name, value, true
}

// object tells whether body has the outside of a JSON object: enough that an
// error page, a torn answer or binary noise is not handed to an SDK, which
// might quote it in a log.
func object(body []byte) bool {
	if n := len(body); n > 0 && body[n-1] == '\n' {
		body = body[:n-1]
	}
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
