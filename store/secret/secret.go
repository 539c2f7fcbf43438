// Package secret holds the one type that may carry an AWS secret access key.
//
// It exists so that a secret cannot slip into a log line, an error text or a
// JSON document by accident: every ordinary way of printing a Value yields a
// mask. It must never offer a second way out beside [Value.Reveal], so that
// one search for that name finds every place where a secret is used.
package secret

import (
	"crypto/subtle"
	"log/slog"
)

const mask = "[secret]"

// Value is a secret held in memory. The zero Value is empty. Copies share the
// same bytes, so wiping one wipes all. A Value is safe for concurrent reading;
// Wipe must not run beside a reader.
//
// The bytes live in a closure because fmt calls no method on a field that is
// not exported: it would print bytes, and even a pointer to them under %s, out
// of an enclosing struct.
type Value struct{ held func() []byte }

// New takes a private copy of text.
func New(text string) Value {
	b := []byte(text)
	return Value{func() []byte { return b }}
}

func (v Value) bytes() []byte {
	if v.held == nil {
		return nil
	}
	return v.held()
}

// Reveal returns the secret itself. The string is a copy that cannot be wiped:
// hand it straight to what needs it and keep no reference.
func (v Value) Reveal() string { return string(v.bytes()) }

// IsZero reports whether there is no secret.
func (v Value) IsZero() bool { return len(v.bytes()) == 0 }

// Equal compares in constant time.
func (v Value) Equal(w Value) bool { return subtle.ConstantTimeCompare(v.bytes(), w.bytes()) == 1 }

// Wipe overwrites the bytes of this Value and of all its copies.
func (v Value) Wipe() { clear(v.bytes()) }

// String returns a mask, never the secret.
func (v Value) String() string { return mask }

// GoString returns a mask for %#v, never the secret.
func (v Value) GoString() string { return mask }

// MarshalText returns a mask, so that JSON and TOML encoders cannot leak.
func (v Value) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue returns a mask for log/slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(mask) }
