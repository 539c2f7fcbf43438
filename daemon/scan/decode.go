package scan

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// spelt are AKIA and ASIA in base64, by how many characters of it before them
// belong to their first group of four; the same of UTF-16.
var spelt = []struct {
	text  string
	phase int
	wide  bool
}{
	{"QUtJQ", 0, false}, {"QVNJQ", 0, false}, {"FLSU", 2, false}, {"FTSU", 2, false}, {"BS0lB", 3, false}, {"BU0lB", 3, false},
	{"QQBLAEkAQ", 0, true}, {"QQBTAEkAQ", 0, true}, {"SwBJAEE", 0, true}, {"UwBJAEE", 0, true}, {"AEsASQBB", 0, true}, {"AFMASQBB", 0, true},
}

// decoded is what the base64 around a key in it stands for, each run once.
func decoded(in *plain) []*plain {
	var all []*plain
	for _, s := range spelt {
		for i := 0; ; i++ {
			n := bytes.Index(in.text[i:], []byte(s.text))
			if n < 0 {
				break
			}
			i += n
			lines := linesOf(in.text, i)
			before := 0 // how many characters of the base64 stand before i
			for _, l := range lines {
				if l.from <= i {
					before += min(l.to, i) - l.from
				}
			}
			p := decode(in, lines, (before-s.phase+4)%4)
			if s.wide {
				p = narrow(p)
			}
			all = append(all, p)
			i = max(i, lines[len(lines)-1].to-1)
		}
	}
	return all
}

// span is one line of base64.
type span struct{ from, to int }

// linesOf are the lines of the base64 that i is in, if it is wrapped: of one width
// at least, and blanks before them at most.
func linesOf(b []byte, i int) []span {
	line := span{i, i}
	for line.from > 0 && isBase64URL(b[line.from-1]) {
		line.from--
	}
	for line.to < len(b) && isBase64URL(b[line.to]) {
		line.to++
	}
	lines := []span{line}
	for l := line; ; {
		end := lineBefore(b, l.from)
		if end < 0 {
			break
		}
		l = span{end, end}
		for l.from > 0 && isBase64URL(b[l.from-1]) {
			l.from--
		}
		lines = append(lines, l)
	}
	slices.Reverse(lines)
	for l := line; ; {
		begin := lineAfter(b, l.to, l.to-l.from)
		if begin < 0 {
			break
		}
		l = span{begin, begin}
		for l.to < len(b) && isBase64URL(b[l.to]) {
			l.to++
		}
		lines = append(lines, l)
	}
	return lines
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

// decode is what the lines stand for, but for their first skip characters.
func decode(in *plain, lines []span, skip int) *plain {
	out := &plain{of: in}
	var code []byte
	for _, l := range lines {
		n := min(skip, l.to-l.from)
		skip -= n
		out.cuts = append(out.cuts, cut{(len(code) + 3) / 4 * 3, l.from + n, 4, 3})
		code = append(code, in.text[l.from+n:l.to]...)
	}
	for i, c := range code {
		switch c {
		case '-':
			code[i] = '+'
		case '_':
			code[i] = '/'
		}
	}
	out.text, _ = base64.RawStdEncoding.AppendDecode(nil, code) // but for a character that is left over
	return out
}
