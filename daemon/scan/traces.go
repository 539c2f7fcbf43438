package scan

import (
	"bytes"
	"sync"
)

// A trace is a place where an access key may be: cheap to find, and looked at
// more closely afterwards.
type trace struct{ from, to int }

// slack is how far before its trace an id may begin: in base64 the letters of
// two bytes share a digit.
const slack = 4

// A needle is what a trace is found by.
type needle struct {
	text string
	// trace is what lies around a needle at a place, if it may be a key's.
	trace func(buf []byte, at int) (trace, bool)
}

// needles are the beginnings of ids, plain and in base64 at each of the three
// places where a byte may lie in it, and the end of the word secret.
var needles = []needle{
	{longTerm, plainTrace}, {"QUtJQ", here}, {"FLSU", here}, {"BS0lB", here},
	{temporary, plainTrace}, {"QVNJQ", here}, {"FTSU", here}, {"BU0lB", here},
	{"ecret", namedTrace}, {"ECRET", namedTrace},
}

const shortest = 4 // bytes of a needle

// jumps tells, by two bytes, how far the next needle's third and fourth byte are
// from them at least: the search of Wu and Manber (A fast algorithm for
// multi-pattern searching, 1994), which looks at a third of the bytes and is, for
// ten needles, five times as fast as looking for one after another. Pairs share
// places, so that all of it stays in the processor's first cache.
var jumps = sync.OnceValue(func() *[pairs12]uint8 {
	var far [pairs12]uint8
	for i := range far {
		far[i] = shortest - 1
	}
	for _, n := range needles {
		for i := range shortest - 1 {
			pair := &far[pair12(n.text[i], n.text[i+1])]
			*pair = min(*pair, uint8(shortest-2-i))
		}
	}
	return &far
})

const pairs12 = 1 << 12

func pair12(a, b byte) uint16 { return (uint16(a)<<5 ^ uint16(b)) & (pairs12 - 1) }

// traces finds the traces in buf[at:to], in order.
type traces struct {
	buf    []byte
	at, to int
	jumps  *[pairs12]uint8
	held   *trace // found, and not in a cluster yet
}

func newTraces(buf []byte, from, to int) *traces {
	return &traces{buf: buf, at: from, to: to, jumps: jumps()}
}

// cluster is the next trace, and what stands so close behind it that both may
// share a secret.
func (t *traces) cluster() (trace, bool) {
	first, ok := t.next()
	if !ok {
		return trace{}, false
	}
	for {
		more, ok := t.next()
		if !ok {
			return first, true
		}
		if more.from > first.to+around || more.to-first.from > longest {
			t.held = &more
			return first, true
		}
		first.from, first.to = min(first.from, more.from), max(first.to, more.to)
	}
}

func (t *traces) next() (trace, bool) {
	if held := t.held; held != nil {
		t.held = nil
		return *held, true
	}
	b, jumps := t.buf, t.jumps
	// A needle that begins before to may end after it.
	for i, end := t.at+shortest-1, min(len(b), t.to+shortest-1); i < end; {
		if far := jumps[pair12(b[i-1], b[i])]; far > 0 {
			i += int(far)
			continue
		}
		at := i - (shortest - 1)
		i++
		for j := range needles {
			n := &needles[j]
			if b[at] != n.text[0] || len(b)-at < len(n.text) || string(b[at:at+len(n.text)]) != n.text {
				continue
			}
			if found, ok := n.trace(b, at); ok {
				t.at = at + 1
				return found, true
			}
		}
	}
	t.at = t.to
	return trace{}, false
}

// here takes what stands there for a trace.
func here(_ []byte, at int) (trace, bool) { return trace{at, at + shortest}, true }

// plainTrace tells most of what is no id by its neighbours. An id may be written
// in pieces.
func plainTrace(buf []byte, at int) (trace, bool) {
	if at > 0 && isLetter(buf[at-1]) {
		return trace{}, false
	}
	end := at + len(longTerm)
	for end < len(buf) && end-at <= idLen && isBase32(buf[end]) {
		end++
	}
	whole := end-at == idLen && (end == len(buf) || !isLetter(buf[end]))
	cut := end-at < idLen && end < len(buf) && bytes.IndexByte([]byte("\"'`\\"), buf[end]) >= 0
	return trace{at, end}, whole || cut
}

// namedTrace is a secret on the line of a word that names one.
func namedTrace(buf []byte, at int) (trace, bool) {
	if !mayName(buf, at) {
		return trace{}, false
	}
	from, to := lineAround(buf, at)
	for i := from; i < to; {
		n := 0
		for i+n < to && isBase64(buf[i+n]) {
			n++
		}
		if n == secretLen && namesSecret(buf[from:to]) {
			return trace{min(at, i), max(at+1, i+n)}, true
		}
		i += n + 1
	}
	return trace{}, false
}

// mayName tells most words that name no secret of AWS by what stands around them:
// access behind, or aws before.
func mayName(buf []byte, at int) bool {
	behind := at + len("ecret")
	for i := behind; i < min(behind+2, len(buf)); i++ {
		if buf[i]|0x20 == 'a' { // in either case
			return true
		}
	}
	for i := max(0, at-30); i+2 < at; i++ {
		if buf[i+1]|0x20 == 'w' && buf[i]|0x20 == 'a' && buf[i+2]|0x20 == 's' {
			return true
		}
	}
	return false
}

// lineAround is the line on which at lies, or as much of it as a name and its
// value need.
func lineAround(buf []byte, at int) (from, to int) {
	const far = 256
	from, to = at, at
	for from > 0 && at-from < far && buf[from-1] != '\n' && buf[from-1] != '\r' {
		from--
	}
	for to < len(buf) && to-at < far && buf[to] != '\n' && buf[to] != '\r' {
		to++
	}
	return from, to
}
