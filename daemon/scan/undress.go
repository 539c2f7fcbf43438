package scan

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
)

// plain is text without its dress, and where each byte of it stands in the window.
type plain struct {
	text []byte
	at   []int
}

func (p *plain) add(c byte, at int) { p.text, p.at = append(p.text, c), append(p.at, at) }

// narrow takes UTF-16 apart, either byte first. One of its characters begins at id.
func narrow(b []byte, p place) plain {
	var out plain
	for i := p.from + (p.wide-p.from)%2; i+1 < p.to; i += 2 {
		c := b[i]
		if b[i+1] != 0 {
			c = 0x80
		}
		out.add(c, i)
	}
	return out
}

// undress takes away escapes, encodings of single characters and the seams of
// strings that are put together, each where it stands: what belongs together may be
// dressed in several ways.
func undress(in plain) plain {
	b := in.text
	var out plain
	for i := 0; i < len(b); {
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
		case '"', '\'', '`':
			if run := trailing(out.text); run > 0 && !isWhole(out.text[len(out.text)-run:]) {
				if seam := seam(b[i:]); seam > 0 {
					i += seam
					continue
				}
			}
		}
		if n > 0 {
			out.add(c, in.at[i])
		} else {
			n = -n // nothing stands for it
		}
		i += n
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
	quote, i, joins := b[0], 1, 0
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == quote:
			if next := b[i+1:]; isWhole(next[:leading(next)]) {
				return 0
			}
			return i + 1
		case isBlank(c) || c == '\\' || c == '_':
		case c == '+' || c == '.' || c == '&':
			if joins++; joins > 1 {
				return 0
			}
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

// spelt are AKIA and ASIA in base64, by how many characters of it before them
// belong to their first group of four.
var spelt = []struct {
	text  string
	phase int
}{{"QUtJQ", 0}, {"QVNJQ", 0}, {"FLSU", 2}, {"FTSU", 2}, {"BS0lB", 3}, {"BU0lB", 3}}

// decoded is what the base64 around a key in it stands for, each run once.
func decoded(in plain) []plain {
	var all []plain
	for _, s := range spelt {
		for i := 0; ; i++ {
			n := bytes.Index(in.text[i:], []byte(s.text))
			if n < 0 {
				break
			}
			i += n
			from, to := i, i
			for from = i; ; { // back to the begin of the run, over the ends of its lines
				for from > 0 && isBase64URL(in.text[from-1]) {
					from--
				}
				before := lineBefore(in.text, from)
				if before < 0 {
					break
				}
				from = before
			}
			var code []byte
			var at []int
			first := 0
			for j, width := from, 0; j < len(in.text); j++ {
				if j == i {
					first = len(code)
				}
				if isBase64URL(in.text[j]) {
					width++
					code, at = append(code, in.text[j]), append(at, in.at[j])
					to = j
					continue
				}
				next := lineAfter(in.text, j, width)
				if next < 0 {
					break
				}
				j, width = next-1, 0
			}
			i = max(i, to)
			start := (first - s.phase + 4) % 4
			if p := decode(code, at, start); len(p.text) > 0 {
				all = append(all, p)
			}
		}
	}
	return all
}

const leastWidth = 40 // of wrapped base64

// lineBefore is the end of the base64 of the line before, where that is wrapped
// and goes on at from; or -1.
func lineBefore(b []byte, from int) int {
	i := from
	for i > 0 && (b[i-1] == ' ' || b[i-1] == '\t') {
		i--
	}
	if i == 0 || b[i-1] != '\n' {
		return -1
	}
	if i--; i > 0 && b[i-1] == '\r' {
		i--
	}
	width := 0
	for width < i && isBase64URL(b[i-1-width]) {
		width++
	}
	if width < leastWidth {
		return -1
	}
	return i
}

// lineAfter is where base64 goes on that was broken at i, or -1.
func lineAfter(b []byte, i, width int) int {
	if width < leastWidth {
		return -1
	}
	if i < len(b) && b[i] == '\r' {
		i++
	}
	if i >= len(b) || b[i] != '\n' {
		return -1
	}
	for i++; i < len(b) && (b[i] == ' ' || b[i] == '\t'); i++ {
	}
	if i >= len(b) || !isBase64URL(b[i]) {
		return -1
	}
	return i
}

func isBase64URL(c byte) bool { return isBase64(c) || c == '-' || c == '_' }

func decode(code []byte, at []int, start int) plain {
	if start >= len(code) {
		return plain{}
	}
	code, at = code[start:], at[start:]
	for i, c := range code {
		switch c {
		case '-':
			code[i] = '+'
		case '_':
			code[i] = '/'
		}
	}
	if len(code)%4 == 1 {
		code = code[:len(code)-1]
	}
	text, _ := base64.RawStdEncoding.AppendDecode(nil, code) // of its alphabet and length
	where := make([]int, len(text))
	for i := range where {
		where[i] = at[i/3*4]
	}
	return plain{text, where}
}
