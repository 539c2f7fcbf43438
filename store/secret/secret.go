// Package secret holds the one type that may carry an AWS secret access key.
//
// It exists so that a secret cannot slip into a log line, an error text or a
// JSON document by accident: every ordinary way of printing a Value yields a
// mask. It must never offer a way out that is not called Reveal, so that one
// search for that name finds every place where a secret is used.
package secret

import (
	"crypto/subtle"
	"log/slog"
	"runtime"
	"sync"
)

const mask = "[secret]"

// Value is a secret held in memory, kept from swap and core dumps where the
// system lets us (see [Swappable]). The zero Value is empty. Copies share the
// same bytes, so wiping one wipes all; what nobody refers to any more is wiped
// when the garbage is collected. A Value is safe for concurrent use: a reader
// beside Wipe gets the whole secret or none.
//
// The bytes live behind a closure because fmt calls no method on a field that
// is not exported: it would print bytes, and even a pointer to them under %s,
// out of an enclosing struct.
type Value struct{ held func() *cell }

// cell is what copies of a Value share.
type cell struct {
	mu sync.RWMutex
	b  []byte // of the arena where there was room
}

// New takes a private copy of text.
func New(text string) Value {
	c := &cell{b: reserve(len(text))}
	if c.b == nil {
		c.b = make([]byte, len(text))
		runtime.AddCleanup(c, func(b []byte) { clear(b) }, c.b)
	} else {
		releaseWith(c)
	}
	copy(c.b, text)
	return Value{func() *cell { return c }}
}

// read calls f with the bytes, none for an empty Value. The bytes are not kept
// alive by a reference to them: f must not keep one.
func (v Value) read(f func([]byte)) {
	if v.held == nil {
		f(nil)
		return
	}
	c := v.held()
	c.mu.RLock()
	defer c.mu.RUnlock() // c is in use until then
	f(c.b)
}

// Reveal returns the secret itself. The string is a copy that cannot be wiped:
// hand it straight to what needs it and keep no reference.
func (v Value) Reveal() (text string) {
	v.read(func(b []byte) { text = string(b) })
	return text
}

// RevealTo appends the secret to buf, which the caller wipes after use; nothing
// of an empty Value.
func (v Value) RevealTo(buf []byte) []byte {
	v.read(func(b []byte) { buf = append(buf, b...) })
	return buf
}

// Len is the length in bytes.
func (v Value) Len() (n int) {
	v.read(func(b []byte) { n = len(b) })
	return n
}

// IsZero reports whether there is no secret, or none any more.
func (v Value) IsZero() bool { return v.Len() == 0 }

// Equal compares in constant time.
func (v Value) Equal(w Value) (same bool) {
	own := v.RevealTo(nil) // and not both at once: each waits for a Wipe
	defer clear(own)
	w.read(func(b []byte) { same = subtle.ConstantTimeCompare(own, b) == 1 })
	return same
}

// Wipe overwrites the bytes of this Value and of all its copies, which are
// empty from then on.
func (v Value) Wipe() {
	if v.held == nil {
		return
	}
	c := v.held()
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.b)
	c.b = nil
}

// String returns a mask, never the secret.
func (v Value) String() string { return mask }

// GoString returns a mask for %#v, never the secret.
func (v Value) GoString() string { return mask }

// MarshalText returns a mask, so that JSON and TOML encoders cannot leak.
func (v Value) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue returns a mask for log/slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(mask) }
