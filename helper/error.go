package helper

import "errors"

// What kept the helper from the daemon; match with errors.Is.
var (
	// ErrNoDaemon: nothing answers at any of the addresses.
	ErrNoDaemon = errors.New("no daemon")
	// ErrUnsafe: something may answer there, but not surely our own daemon.
	ErrUnsafe = errors.New("unsafe socket")
)

// Error is a failure for the person at the keyboard. It holds no secret.
type Error struct {
	Exit    int    // exit code of the program that shows it
	Code    string // stable word, such as no-daemon
	Message string // lower case: what was tried, what was wrong
	Remedy  string // what to type next, or nothing
	Kind    error  // ErrNoDaemon, ErrUnsafe or nil
}

// Error returns message and remedy as one text.
func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Message
	}
	return e.Message + "; " + e.Remedy
}

// Unwrap returns the kind, for errors.Is.
func (e *Error) Unwrap() error { return e.Kind }

// maxLine bounds what is shown of any message, in bytes.
const maxLine = 512

// Line makes text fit for one line of a terminal or one header: printable
// ASCII, at most 512 bytes, so that no message can move a cursor, forge a
// second line or split a header.
func Line(text string) string {
	line := make([]byte, 0, min(len(text), maxLine))
	for _, c := range text {
		if len(line) == maxLine {
			return string(line[:maxLine-3]) + "..."
		}
		switch {
		case c >= ' ' && c <= '~':
			line = append(line, byte(c))
		case c < ' ':
			line = append(line, ' ')
		default:
			line = append(line, '?')
		}
	}
	return string(line)
}

// ValidName tells whether name can be the name of a key or a profile:
// [A-Za-z0-9][A-Za-z0-9._-]{0,63}. Such a name needs no quoting in a path, a
// request or a shell.
func ValidName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return true
}
