package scan

import (
	"bytes"
	"slices"
)

// place is a part of the window that is worth reading closely.
type place struct {
	from, to int
	wide     int // offset of an id in UTF-16, -1 where there is none
}

// places finds where an access key can be, fast: each pass jumps from one rare
// letter to the next, by the vector instructions behind [bytes.IndexByte], and
// looks at its neighbours.
func places(b []byte, from, to int) []place {
	var all []place
	add := func(at, far, wide int) {
		all = append(all, place{max(0, at-far), min(len(b), at+far), wide})
	}
	each(b, from, to, 'I', func(i int) {
		switch {
		case i < 2 || i+2 >= len(b):
		case b[i+1] == 'A' && isFirst(b[i-2], b[i-1]) && mayFollow(b[i+2:]):
			add(i-2, reach, -1)
		case b[i+1] == 0 && b[i+2] == 'A' && i >= 4 && isFirst(b[i-4], b[i-2]):
			add(i-4, reach, i-4)
		}
	})
	// What base64 makes of AKIA and ASIA, by where in its groups of three they stand.
	each(b, from, to, 'J', func(i int) { // QUtJQ, QVNJQ
		if i >= 3 && i+1 < len(b) && b[i+1] == 'Q' && b[i-3] == 'Q' && (b[i-2] == 'U' && b[i-1] == 't' || b[i-2] == 'V' && b[i-1] == 'N') {
			add(i-3, reach, -1)
		}
	})
	each(b, from, to, 'U', func(i int) { // FLSUE, FTSUE; E is F before a letter
		if i >= 3 && i+1 < len(b) && b[i-1] == 'S' && b[i-3] == 'F' && (b[i-2] == 'L' || b[i-2] == 'T') && (b[i+1] == 'E' || b[i+1] == 'F') {
			add(i-3, reach, -1)
		}
	})
	each(b, from, to, 'B', func(i int) { // BS0lB, BU0lB
		if i+4 < len(b) && b[i+2] == '0' && b[i+3] == 'l' && b[i+4] == 'B' && (b[i+1] == 'S' || b[i+1] == 'U') {
			add(i, reach, -1)
		}
	})
	for _, c := range []byte("cC") {
		each(b, from, to, c, func(i int) { // secret, SECRET
			if i >= 2 && i+3 < len(b) && b[i+3]|0x20 == 't' && b[i+2]|0x20 == 'e' && b[i+1]|0x20 == 'r' && b[i-1]|0x20 == 'e' && b[i-2]|0x20 == 's' && namesSecret(b, i) {
				add(i, nameReach, -1)
			}
		})
	}
	return joined(all)
}

// each calls f with the offset of every c in b[from:to].
func each(b []byte, from, to int, c byte, f func(int)) {
	for i := from; i < to; i++ {
		n := bytes.IndexByte(b[i:to], c)
		if n < 0 {
			return
		}
		i += n
		f(i)
	}
}

func isFirst(a, k byte) bool { return a == 'A' && (k == 'K' || k == 'S') }

// mayFollow says whether an id can go on like that, if only in another string.
func mayFollow(b []byte) bool {
	for i := range min(16, len(b)) {
		if !isBase32(b[i]) {
			return b[i] == '"' || b[i] == '\'' || b[i] == '`' || b[i] == '\\'
		}
	}
	return len(b) >= 16
}

// nameReach is how far around a secret's name a lone secret is looked for.
const nameReach = 512

// namesSecret says whether the word secret at i may be of a name that is AWS's, and
// a value follows.
func namesSecret(b []byte, i int) bool {
	name := bytes.ToLower(b[max(0, i-24):min(len(b), i+24)])
	if !bytes.Contains(name, []byte("aws")) && !bytes.Contains(name, []byte("access")) && !bytes.Contains(name, []byte("amazon")) {
		return false
	}
	run := 0
	for _, c := range b[i:min(len(b), i+160)] {
		if isBase64(c) || c == '\\' || c == '%' {
			if run++; run == 40 {
				return true
			}
		} else {
			run = 0
		}
	}
	return false
}

// joined are the places in order, those that overlap as one.
func joined(all []place) []place {
	slices.SortFunc(all, func(p, q place) int { return p.from - q.from })
	var out []place
	for _, p := range all {
		if last := len(out) - 1; last >= 0 && p.from < out[last].to && (p.wide < 0) == (out[last].wide < 0) {
			out[last].to = max(out[last].to, p.to)
		} else {
			out = append(out, p)
		}
	}
	return out
}
