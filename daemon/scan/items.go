package scan

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"slices"
)

// An item is one half of an access key.
type item struct {
	text   string
	at, to int // where it stands, in the text as it was read
	id     bool
}

// items are all halves in a text, in order: as they stand, written in pieces, and
// in base64.
func items(text []byte) []item {
	found := written(text)
	for _, t := range encoded(text) {
		if !overlaps(found, t) {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b item) int { return cmp.Compare(a.at, b.at) })
	return found
}

// written are those that stand there, also in pieces.
func written(text []byte) []item {
	found := tokens(escapes(text))
	for _, t := range tokens(joined(text)) {
		if t.to-t.at > len(t.text) && !overlaps(found, t) { // else it stands there in one piece
			found = append(found, t)
		}
	}
	return found
}

func overlaps(all []item, t item) bool {
	return slices.ContainsFunc(all, func(o item) bool { return t.at < o.to && o.at < t.to })
}

// tokens are the ids and secrets that stand in a view.
func tokens(v view) (found []item) {
	b := v.text
	for i := 0; i < len(b); {
		if !isBase64(b[i]) {
			i++
			continue
		}
		n := i
		for n < len(b) && isBase64(b[n]) {
			n++
		}
		if n-i == secretLen && (n == len(b) || b[n] != '=') && plausibleSecret(b[i:n]) {
			found = append(found, v.item(i, n, false))
		}
		found = append(found, ids(v, i, n)...)
		i = n
	}
	return found
}

// ids are those in a run of letters: slashes may stand around one.
func ids(v view, from, to int) (found []item) {
	b := v.text
	for i := from; i+idLen <= to; i++ {
		if b[i] != 'A' || i > 0 && isLetter(b[i-1]) || i+idLen < len(b) && isLetter(b[i+idLen]) {
			continue
		}
		id := b[i : i+idLen]
		if prefix := string(id[:4]); (prefix == longTerm || prefix == temporary) &&
			bytes.IndexFunc(id, func(r rune) bool { return !isBase32(byte(r)) }) < 0 && plausibleID(string(id)) {
			found = append(found, v.item(i, i+idLen, true))
		}
	}
	return found
}

// encoded are the items within base64. A run may go on over lines, as in PEM and
// mail, and may have begun before the text.
func encoded(text []byte) (found []item) {
	for i := 0; i < len(text); {
		if !isBase64(text[i]) {
			i++
			continue
		}
		v, end := run(text, i)
		starts := 1
		if i == 0 {
			starts = 4 // of which nobody knows where its groups of four begin
		}
		for s := range starts {
			if got := unwrapped(v, s); len(got) > 0 {
				found = append(found, got...)
				break
			}
		}
		i = end
	}
	return found
}

// run is a run of base64 from i on, without the ends of its lines, and its end.
func run(text []byte, i int) (v view, end int) {
	line := i
	for {
		for i < len(text) && isBase64(text[i]) {
			v.put(text[i], i)
			i++
		}
		next := i
		if n := i - line; n < 40 || n%4 != 0 {
			return v, i
		}
		for next < len(text) && bytes.IndexByte([]byte(" \t\r\n"), text[next]) >= 0 {
			next++
		}
		if next == i || next == len(text) || !isBase64(text[next]) {
			return v, i
		}
		i, line = next, next
	}
}

// unwrapped are the items within one run. What is encoded twice is not unwrapped
// twice: it leaves no trace by which it would be looked at.
func unwrapped(v view, skip int) (found []item) {
	const fewest = 27 // digits of an id
	if len(v.text)-skip < fewest {
		return nil
	}
	digits := v.text[skip:]
	plain := make([]byte, base64.RawStdEncoding.DecodedLen(len(digits)))
	n, _ := base64.RawStdEncoding.Decode(plain, digits) // as far as it goes
	for _, t := range written(plain[:n]) {
		first, last := skip+t.at*4/3, skip+(t.to*4-1)/3
		t.at, t.to = v.from[first], v.from[min(last, len(v.from)-1)]+1
		found = append(found, t)
	}
	return found
}
