package scan

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
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
	if p.wide {
		dressed = narrow(dressed)
	}
	text := undress(dressed)
	all := pieces(text, p.from > 0, p.to < len(b))
	for _, inner := range decoded(text) {
		all = append(all, pieces(undress(inner), false, false)...)
	}
	slices.SortStableFunc(all, func(p, q piece) int { return p.at - q.at })
	return all
}

// pieces looks at each run of base64. One at an end that was cut is not
// whole.
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
		if from == 0 && cutBefore || i == len(p.text) && cutAfter {
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
		if len(before) == 2 && from > 0 && isHex(before) && (p.text[from-1] == '=' || p.text[from-1] == '%') {
			before = nil // quoted-printable, or encoded for a URL once more
		}
		if isPart(p.text, i, i+idLen, before, after) {
			continue
		}
		if id := string(p.text[i : i+idLen]); !isPlaceholder(id) {
			all = append(all, piece{text: id, at: p.where(i), isID: true})
		}
		i += idLen - 1
	}
	return all
}

// isPart says whether what stands around an id in b, within its run of base64 and
// at the ends of that, makes it a part of a longer word or of base64.
func isPart(b []byte, from, to int, before, after []byte) bool {
	n := len(before)
	switch {
	case n > 0 && isAlnum(before[n-1]) || len(after) > 0 && isAlnum(after[0]):
		return true
	case n == 0 && from > 1 && b[from-1] == '_' && isWord(b[from-2]) || to+1 < len(b) && b[to] == '_' && isWord(b[to+1]):
		return true
	case n > 1 && before[n-1] == '+' || len(after) > 1 && after[0] == '+':
		return true
	case n == 0 && len(after) == 1+secretLen && after[0] == '/': // id/secret
		return false
	}
	return looksDrawn(lastPart(before)) || looksDrawn(firstPart(after))
}

func isHex(b []byte) bool {
	_, err := strconv.ParseUint(string(b), 16, 8)
	return err == nil
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
	switch n := len(run) - secretLen; {
	case n == 2 && from > 0 && p.text[from-1] == '=' && string(run[:n]) == "3D", // quoted-printable
		n == 1 && run[0] == '+' && (from == 0 || p.text[from-1] == '\n'), // a patch
		n == idLen+1 && hasID(run) && run[idLen] == '/':                  // id/secret
		from, run = from+n, run[n:]
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
	named, aws := names(p.text[:from])
	if !isSecret(run, named) {
		return piece{}, false
	}
	return piece{text: string(run), at: p.where(from), named: named, aws: aws}, true
}

// ends says whether nothing around a run makes it a part of something longer: of
// base64 with padding, of base64 for URLs, of a token with dots.
func ends(b []byte, from, to int) bool {
	if from > 1 && isJoint(b[from-1]) && isWord(b[from-2]) {
		return false
	}
	return to == len(b) || b[to] != '=' && (!isJoint(b[to]) || to+1 == len(b) || !isWord(b[to+1]))
}

func isJoint(c byte) bool { return c == '_' || c == '-' || c == '.' }

// names says whether a value that stands behind b is called a secret, and whether
// one of AWS: on its line, or on the line before as people list name and value.
func names(b []byte) (secret, aws bool) {
	b = b[max(0, len(b)-64):]
	lines := bytes.Split(b, newline)
	if n := len(lines); n > 1 && bytes.Contains(lines[n-1], []byte("value")) {
		b = b[len(bytes.Join(lines[:n-2], newline)):]
	} else {
		b = lines[n-1]
	}
	b = bytes.ToLower(b)
	for _, name := range bytes.FieldsFunc(b, func(r rune) bool { return r > 0x7f || !isWord(byte(r)) && r != '-' && r != '.' }) {
		secret = secret || bytes.Contains(name, []byte("secret"))
		aws = aws || isAWSName(string(name))
	}
	return secret, aws || bytes.Contains(b, []byte("aws secret access key"))
}
