package scan

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// piece is an id or a secret.
type piece struct {
	text  string
	at    int  // in the window, where it begins
	isID  bool // or it is a secret
	named bool // a secret, by the name before it
	aws   bool // and by that one of AWS
}

// read finds the pieces in one place, in order.
func read(b []byte, p place) []piece {
	dressed := whole(b, p)
	if p.wide >= 0 {
		dressed = narrow(b, p)
	}
	text := undress(dressed)
	all := pieces(text, p.from > 0, p.to < len(b))
	for _, inner := range decoded(text) {
		if in := pieces(undress(inner), true, true); slices.ContainsFunc(in, func(p piece) bool { return p.isID }) {
			all = append(all, in...)
		}
	}
	slices.SortStableFunc(all, func(p, q piece) int { return p.at - q.at })
	return all
}

// pieces looks at each run of base64. A run at an end that was cut may be longer.
func pieces(p *plain, cutBefore, cutAfter bool) []piece {
	var all []piece
	for i := 0; i < len(p.text); {
		if !isBase64(p.text[i]) {
			i++
			continue
		}
		from := i
		for i < len(p.text) && isBase64(p.text[i]) {
			i++
		}
		if from == 0 && cutBefore && i > idLen+secretLen || i == len(p.text) && cutAfter && i-from > idLen+secretLen {
			continue
		}
		all = append(all, ids(p, from, i)...)
		if s, ok := theSecret(p, from, i); ok {
			all = append(all, s)
		}
	}
	return all
}

// ids are those within the run: by themselves or as a part of a path, but not
// within a word or within base64.
func ids(p *plain, from, to int) []piece {
	var all []piece
	for i := from; i+idLen <= to; i++ {
		n := bytes.IndexByte(p.text[i:to-idLen+1], 'A')
		if n < 0 {
			break
		}
		i += n
		if !hasID(p.text[i:to]) {
			continue
		}
		before, after := p.text[from:i], p.text[i+idLen:to]
		if quoted := i == from+2 && string(before) == "3D" && from > 0 && p.text[from-1] == '='; quoted {
			before = nil // quoted-printable
		}
		if n := len(before); n > 0 && isAlnum(before[n-1]) || len(after) > 0 && isAlnum(after[0]) ||
			from > 0 && i == from && p.text[from-1] == '_' || to < len(p.text) && i+idLen == to && p.text[to] == '_' {
			continue
		}
		if looksDrawn(lastPart(before)) || looksDrawn(firstPart(after)) ||
			len(before) > 1 && before[len(before)-1] == '+' || len(after) > 1 && after[0] == '+' {
			continue
		}
		if id := string(p.text[i : i+idLen]); !isPlaceholder(id) {
			all = append(all, piece{text: id, at: p.where(i), isID: true})
		}
		i += idLen - 1
	}
	return all
}

func notAlnum(r rune) bool { return r > 0x7f || !isAlnum(byte(r)) }

// lastPart is what stands before an id up to the next slash.
func lastPart(b []byte) []byte {
	b = bytes.TrimRightFunc(b, notAlnum)
	return b[bytes.LastIndexFunc(b, notAlnum)+1:]
}

func firstPart(b []byte) []byte {
	b = bytes.TrimLeftFunc(b, notAlnum)
	if i := bytes.IndexFunc(b, notAlnum); i >= 0 {
		b = b[:i]
	}
	return b
}

// theSecret is what the run is, if it is a secret as it stands or as base64.
func theSecret(p *plain, from, to int) (piece, bool) {
	run := p.text[from:to]
	if from > 0 && p.text[from-1] == '=' && len(run) == secretLen+2 && string(run[:2]) == "3D" {
		from, run = from+2, run[2:] // quoted-printable
	}
	switch n := len(run); {
	case n == secretLen && ends(p.text, from, to):
	case n >= 54 && n <= 56:
		inner, err := base64.RawStdEncoding.AppendDecode(nil, run)
		run = bytes.TrimRight(inner, "\r\n")
		if err != nil || len(run) != secretLen || trailing(run) != secretLen {
			return piece{}, false
		}
	default:
		return piece{}, false
	}
	name := nameBefore(p.text[:from])
	named := bytes.Contains(bytes.ToLower(name), []byte("secret"))
	if !isSecret(run, named) {
		return piece{}, false
	}
	return piece{text: string(run), at: p.where(from), named: named, aws: named && isAWSName(string(name))}, true
}

// ends says whether nothing around a run makes it a part of something longer: of
// base64 with padding, of base64 for URLs, of a token with dots.
func ends(b []byte, from, to int) bool {
	if from > 1 && (b[from-1] == '_' || b[from-1] == '-' && b[from-2] != '\n' || b[from-1] == '.' && isWord(b[from-2])) {
		return false
	}
	if to == len(b) {
		return true
	}
	return b[to] != '=' && b[to] != '_' && b[to] != '-' && (b[to] != '.' || to+1 == len(b) || !isWord(b[to+1]))
}

// nameBefore is the name that a value is given by at the end of b.
func nameBefore(b []byte) []byte {
	const most = 64
	i := len(b)
	for n := 0; i > 0 && n < 24 && bytes.IndexByte([]byte(" \t\"'`=:>(,[{)]"), b[i-1]) >= 0; n++ {
		i--
	}
	from := i
	for from > 0 && i-from < most && (isWord(b[from-1]) || b[from-1] == '-' || b[from-1] == '.') {
		from--
	}
	return b[from:i]
}
