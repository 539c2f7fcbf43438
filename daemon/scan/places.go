package scan

import (
	"bytes"
	"slices"
	"strings"
)

// place is a part of the window that is worth reading closely.
type place struct {
	from, to int
	wide     bool // in UTF-16
}

// sign is four letters that stand wherever an access key may be.
type sign struct {
	text string
	// where says whether a key may be there, once the four are: at is of the first.
	where func(b []byte, at int) (place, bool)
}

var signs = []sign{
	{"AKIA", byID}, {"ASIA", byID},
	// In UTF-16, either byte first.
	{"A\x00K\x00", byWide("IA", reach)}, {"A\x00S\x00", byWide("IA", reach)},
	{"s\x00e\x00", byWide("cr", nameReach)}, {"S\x00e\x00", byWide("cr", nameReach)}, {"S\x00E\x00", byWide("CR", nameReach)},
	// What base64 makes of AKIA and ASIA, by where in a group of three they stand.
	{"QUtJ", byCode("Q")}, {"QVNJ", byCode("Q")},
	{"FLSU", byCode("EF")}, {"FTSU", byCode("EF")}, // F before a letter
	{"S0lB", byTail}, {"U0lB", byTail}, // a B goes before
	// And of UTF-16.
	{"BLAE", byCode("k")}, {"BTAE", byCode("k")}, {"SwBJ", byCode("A")}, {"UwBJ", byCode("A")}, {"EsAS", byCode("Q")}, {"FMAS", byCode("Q")},
	// A secret may stand alone.
	{"secr", byName}, {"Secr", byName}, {"SECR", byName},
}

// pairs are the bytes that may stand together in a sign, as a set; ofPair says of
// which signs. To look at one pair in three bytes is enough to find each sign.
var pairs, ofPair = func() (set [1 << 10]uint64, which [1 << 16][]part) {
	for i := range signs {
		for at := range 3 {
			p := uint16(signs[i].text[at]) | uint16(signs[i].text[at+1])<<8
			set[p>>6] |= 1 << (p & 63)
			which[p] = append(which[p], part{&signs[i], at})
		}
	}
	return set, which
}()

// part is a pair in a sign.
type part struct {
	sign *sign
	at   int
}

// places finds where an access key can be, fast: it looks at two bytes of three, and
// at more only where these two are of a sign.
func places(b []byte, from int) []place {
	var all []place
	for i := from; i+1 < len(b); i += 3 {
		p := uint16(b[i]) | uint16(b[i+1])<<8
		if pairs[p>>6]>>(p&63)&1 == 0 {
			continue
		}
		for _, s := range ofPair[p] {
			if at := i - s.at; at >= 0 && at+4 <= len(b) && string(b[at:at+4]) == s.sign.text {
				if found, ok := s.sign.where(b, at); ok {
					all = append(all, found)
				}
			}
		}
	}
	return joined(all)
}

func around(b []byte, at, far int) place {
	return place{from: max(0, at-far), to: min(len(b), at+far)}
}

func byID(b []byte, at int) (place, bool) {
	return around(b, at, reach), mayFollow(b[at+4:])
}

func byWide(next string, far int) func([]byte, int) (place, bool) {
	return func(b []byte, at int) (place, bool) {
		p := around(b, at, far)
		p.wide = true
		return p, at+7 <= len(b) && b[at+4] == next[0] && b[at+5] == 0 && b[at+6] == next[1]
	}
}

func byCode(next string) func([]byte, int) (place, bool) {
	return func(b []byte, at int) (place, bool) {
		return around(b, at, reach), at+4 < len(b) && strings.IndexByte(next, b[at+4]) >= 0 && mayFollowCode(b[at+5:])
	}
}

func byTail(b []byte, at int) (place, bool) {
	return around(b, at, reach), at > 0 && b[at-1] == 'B' && mayFollowCode(b[at+4:])
}

// mayFollow says whether an id can go on like that, if only in another string or
// on another line.
func mayFollow(b []byte) bool {
	for i := range min(idLen-4, len(b)) {
		switch c := b[i]; {
		case isBase32(c):
		case c == '\\':
			_, n := escape(b[i:])
			return n < 0
		default:
			return (c == '"' || c == '\'' || c == '`') && seam(b[i:]) > 0
		}
	}
	return len(b) >= idLen-4
}

// mayFollowCode is the same for the base64 of an id.
func mayFollowCode(b []byte) bool {
	for _, c := range b[:min(20, len(b))] {
		if !isBase64URL(c) {
			return isBlank(c) || c == '\\'
		}
	}
	return len(b) >= 20
}

// nameReach is how far around a secret's name a lone secret is looked for.
const nameReach = 512

var awsWords = bytes.Fields([]byte("aws Aws AWS ccess CCESS mazon MAZON"))

// byName is for the names that are AWS's and a value behind them.
func byName(b []byte, at int) (place, bool) {
	name := b[max(0, at-24):min(len(b), at+24)]
	if !slices.ContainsFunc(awsWords, func(w []byte) bool { return bytes.Contains(name, w) }) {
		return place{}, false
	}
	run := 0
	for _, c := range b[at:min(len(b), at+160)] {
		if isBase64(c) || c == '\\' || c == '%' {
			if run++; run == secretLen {
				return around(b, at, nameReach), true
			}
		} else {
			run = 0
		}
	}
	return place{}, false
}

// joined are the places in order, those that overlap as one.
func joined(all []place) []place {
	slices.SortFunc(all, func(p, q place) int { return p.from - q.from })
	var out []place
	for _, p := range all {
		if last := len(out) - 1; last >= 0 && p.from < out[last].to && p.wide == out[last].wide {
			out[last].to = max(out[last].to, p.to)
		} else {
			out = append(out, p)
		}
	}
	return out
}
