package scan

import (
	"bytes"
	"math"
	"regexp"
)

// A pair is an id with its secret, an id alone, or a secret that its name tells.
type pair struct{ id, secret *item }

func (p pair) at() int {
	if p.id != nil {
		return p.id.at
	}
	return p.secret.at
}

// marked reports whether a person has said that this one may stand there.
func (p pair) marked(text []byte) bool {
	for _, i := range []*item{p.id, p.secret} {
		if i == nil {
			continue
		}
		if from, to := lineAround(text, i.at); bytes.Contains(text[from:to], []byte(Allow)) {
			return true
		}
	}
	return false
}

// farthest is how many lines may lie between an id and its secret.
const farthest = 12

// pairs gives each id the secret that most likely is its own. In most files the
// secret comes after its id; where it comes before, it does so throughout. So
// both are tried, and the one that leaves fewer alone is taken.
func pairs(text []byte, all []item) []pair {
	after, lost, cost := matched(text, all, false)
	if before, l, c := matched(text, all, true); l < lost || l == lost && c < cost {
		return before
	}
	return after
}

// matched goes through the ids in order, and tells how many found no secret and
// how well those lie that did.
func matched(text []byte, all []item, before bool) (found []pair, lost, cost int) {
	taken := make([]bool, len(all))
	for i := range all {
		if !all[i].id {
			continue
		}
		prev, next := -1, -1
		for j := i - 1; j >= 0 && !all[j].id && prev < 0; j-- {
			if !taken[j] {
				prev = j
			}
		}
		for j := i + 1; j < len(all) && !all[j].id && next < 0; j++ {
			next = j
		}
		best, least := -1, math.MaxInt
		for _, j := range []int{next, prev} {
			if j < 0 {
				continue
			}
			c, near := distance(text, all[i], all[j])
			if before == (j > i) {
				c++
			}
			if near && c < least {
				best, least = j, c
			}
		}
		p := pair{id: &all[i]}
		if best >= 0 {
			taken[best], p.secret = true, &all[best]
			cost += least
		} else {
			lost++
		}
		if p.secret != nil || !capitalWord(p.id.text) {
			found = append(found, p)
		}
	}
	for i := range all {
		if from, to := lineAround(text, all[i].at); !all[i].id && !taken[i] && namesSecret(text[from:to]) {
			found = append(found, pair{secret: &all[i]})
		}
	}
	return found, lost, cost
}

var speaks = regexp.MustCompile(`(?i)secret|passw|pwd|private|aws`)

// distance tells how far a secret lies from an id, more if its line says nothing
// of what it is, and whether that is near enough.
func distance(text []byte, id, secret item) (cost int, near bool) {
	from, to := min(id.to, secret.to), max(id.at, secret.at)
	if from > to { // of one piece of base64
		return 0, true
	}
	between := text[from:to]
	n := lines(between)
	cost = 10*n + len(between)/100
	if a, b := lineAround(text, secret.at); n > 0 && !speaks.Match(text[a:b]) {
		cost += 50
	}
	if bytes.Contains(between, []byte("\n\n")) || bytes.Contains(between, []byte("\n[")) {
		cost += 30
	}
	return cost, n <= farthest
}
