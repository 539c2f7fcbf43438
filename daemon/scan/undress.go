package scan

import (
	"bytes"
	"sort"
	"strconv"
	"strings"
)

// plain is text without its dress, and where it stood in the text that wore it.
type plain struct {
	text []byte
	of   *plain // nil for the window
	cuts []cut
}

// cut says that from here on each div bytes stood in mul, beginning at at.
type cut struct{ from, at, mul, div int }

// where is the offset in the window of a byte.
func (p *plain) where(i int) int {
	c := p.cuts[sort.Search(len(p.cuts), func(k int) bool { return p.cuts[k].from > i })-1]
	i = c.at + (i-c.from)/c.div*c.mul
	if p.of != nil {
		return p.of.where(i)
	}
	return i
}

// whole is a place as it stands.
func whole(b []byte, p place) *plain {
	return &plain{text: b[p.from:p.to], cuts: []cut{{0, p.from, 1, 1}}}
}

// narrow takes UTF-16 apart, whichever byte is first.
func narrow(in *plain) *plain {
	var zeros [2]int
	for i, c := range in.text {
		if c == 0 {
			zeros[i%2]++
		}
	}
	from := 0
	if zeros[0] > zeros[1] {
		from = 1
	}
	out := &plain{of: in, cuts: []cut{{0, from, 2, 1}}}
	for i := from; i < len(in.text); i += 2 {
		c := in.text[i]
		if i+1 < len(in.text) && in.text[i+1] != 0 {
			c = 0x80
		}
		out.text = append(out.text, c)
	}
	return out
}

// dresses are the bytes that may stand for others.
var dresses = setOf("\\%&\x1b\"'`")

// undress takes away escapes, encodings of single characters and the seams of
// strings that are put together, each where it stands: what belongs together may be
// dressed in several ways.
func undress(in *plain) *plain {
	b := in.text
	out := &plain{text: make([]byte, 0, len(b)), of: in, cuts: []cut{{0, 0, 1, 1}}}
	skip := func(to int) { out.cuts = append(out.cuts, cut{len(out.text), to, 1, 1}) }
	for i := 0; i < len(b); {
		from := i
		for i < len(b) && !dresses[b[i]] {
			i++
		}
		out.text = append(out.text, b[from:i]...)
		if i == len(b) {
			break
		}
		c, n := b[i], 1
		switch c {
		case '\\':
			c, n = escape(b[i:])
		case '%':
			if v, ok := number(b, i+1, i+3, 16); ok {
				c, n = v, 3
			}
		case '&':
			c, n = entity(b[i:])
		case 0x1b:
			c, n = ' ', colour(b[i:])
		default: // quotes
			if run := trailing(out.text); run > 0 && !isWhole(out.text[len(out.text)-run:]) {
				n = -seam(b[i:])
			}
			if n == 0 {
				n = 1
			}
		}
		if n > 0 {
			out.text = append(out.text, c)
			i += n
		} else {
			i -= n // nothing stands for it
		}
		if n != 1 {
			skip(i)
		}
	}
	return out
}

// escape is what a backslash and what follows stand for, and their length;
// negative for the end of a line that is no end.
func escape(b []byte) (byte, int) {
	n := 1
	for n < len(b) && b[n] == '\\' { // escaped again with the text around it
		n++
	}
	if n == len(b) {
		return '\\', n
	}
	switch c := b[n]; c {
	case 'n', 'r':
		return '\n', n + 1
	case 't':
		return '\t', n + 1
	case '"', '\'', '/', '=', ':':
		return c, n + 1
	case 'u':
		if c, ok := number(b, n+1, n+5, 16); ok {
			return c, n + 5
		}
	case 'x':
		if c, ok := number(b, n+1, n+3, 16); ok {
			return c, n + 3
		}
	case '\r', '\n':
		for n < len(b) && isBlank(b[n]) {
			n++
		}
		return 0, -n
	}
	return '\\', n
}

// number is the ASCII character whose number stands in b[from:to].
func number(b []byte, from, to, base int) (byte, bool) {
	if to > len(b) {
		return 0, false
	}
	v, err := strconv.ParseUint(string(b[from:to]), base, 7)
	return byte(v), err == nil && v >= '\t'
}

// colour is the length of what tells a terminal to change it.
func colour(b []byte) int {
	n := 1
	for n < len(b) && (b[n] == '[' || b[n] == ';' || b[n] >= '0' && b[n] <= '9') {
		n++
	}
	return min(n+1, len(b)) // and the letter
}

func entity(b []byte) (byte, int) {
	end := bytes.IndexByte(b[:min(len(b), 8)], ';')
	if end < 0 {
		return '&', 1
	}
	switch name := strings.ToLower(string(b[1:end])); {
	case name == "quot":
		return '"', end + 1
	case strings.HasPrefix(name, "#x"):
		if c, ok := number(b, 3, end, 16); ok {
			return c, end + 1
		}
	case strings.HasPrefix(name, "#"):
		if c, ok := number(b, 2, end, 10); ok {
			return c, end + 1
		}
	}
	return '&', 1
}

// seam is how long it takes from the quote that ends one string to behind the one
// that begins the next, where a program puts the two together; or 0.
func seam(b []byte) int {
	quote, i := b[0], 1
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == quote:
			if next := b[i+1:]; isWhole(next[:leading(next)]) {
				return 0
			}
			return i + 1
		case isBlank(c) || strings.IndexByte(`\_+.&`, c) >= 0:
		default:
			return 0
		}
	}
	return 0
}

// isWhole says whether a run of base64 needs nothing more.
func isWhole(run []byte) bool { return len(run) == secretLen || len(run) == idLen && hasID(run) }

// leading is the length of the run of base64 that b begins with.
func leading(b []byte) int {
	n := 0
	for n < len(b) && n <= secretLen && isBase64(b[n]) {
		n++
	}
	return n
}

// trailing is the length of the run of base64 at the end of b.
func trailing(b []byte) int {
	n := 0
	for n < len(b) && n <= secretLen && isBase64(b[len(b)-1-n]) {
		n++
	}
	return n
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
