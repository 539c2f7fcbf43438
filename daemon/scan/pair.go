package scan

import (
	"bytes"
	"slices"
)

// key is an id with the secret that belongs to it, or a lone secret.
type key struct {
	id       string
	at       int // of the id, or of the lone secret
	secret   string
	secretAt int
}

// never is the cost from which on a secret belongs to no id: of about 14 lines.
const never = 1500

// pair gives each id a secret that stands between it and the next id on either
// side, so that all together are as near as can be. Pieces are in order.
func pair(b []byte, all []piece) []key {
	var ids []piece
	gaps := [][]piece{nil} // gaps[i] stands before ids[i]
	for _, p := range all {
		switch last := len(gaps) - 1; {
		case p.isID:
			ids, gaps = append(ids, p), append(gaps, nil)
		default:
			gaps[last] = append(gaps[last], p)
		}
	}
	mates := byOrder(b, ids, gaps)
	nearest(b, ids, gaps, mates)
	taken := map[int]bool{}
	var keys []key
	for i, id := range ids {
		k := key{id: id.text, at: id.at}
		if m := mates[i]; m != nil {
			k.secret, k.secretAt = m.text, m.at
			taken[m.at] = true
		}
		keys = append(keys, k)
	}
	for _, p := range all {
		if !p.isID && p.aws && !taken[p.at] {
			keys = append(keys, key{at: p.at, secret: p.text, secretAt: p.at})
		}
	}
	slices.SortStableFunc(keys, func(k, l key) int { return k.at - l.at })
	return keys
}

// byOrder pairs ids that stand together with as many secrets that do.
func byOrder(b []byte, ids []piece, gaps [][]piece) []*piece {
	mates := make([]*piece, len(ids))
	for i := 0; i < len(ids); {
		j := i + 1
		for j < len(ids) && len(gaps[j]) == 0 {
			j++
		}
		for _, g := range []int{j, i} {
			if n := j - i; n > 1 && len(gaps[g]) == n && cost(b, ids[i], gaps[g][0]) < never {
				for k := range n {
					mates[i+k] = &gaps[g][k]
				}
				gaps[g] = nil
				break
			}
		}
		i = j
	}
	return mates
}

// choice is the best that can be had up to an id, if of the gap behind it one
// secret is used already, or none (-1).
type choice struct {
	cost int
	used int
	own  *piece
	from *choice
}

// nearest fills in the mates that are nil, with the least cost for all.
func nearest(b []byte, ids []piece, gaps [][]piece, mates []*piece) {
	states := []*choice{{used: -1}}
	for i, id := range ids {
		var next []*choice
		add := func(used int, c choice) {
			c.used = used
			for k, old := range next {
				if old.used == used {
					if c.cost < old.cost {
						next[k] = &c
					}
					return
				}
			}
			next = append(next, &c)
		}
		for _, s := range states {
			if mates[i] != nil {
				add(-1, choice{cost: s.cost, own: mates[i], from: s})
				continue
			}
			add(-1, choice{cost: s.cost + never, from: s})
			for k := range few(gaps[i]) {
				if p := &gaps[i][len(gaps[i])-1-k]; len(gaps[i])-1-k != s.used {
					add(-1, choice{cost: s.cost + cost(b, id, *p), own: p, from: s})
				}
			}
			for k := range few(gaps[i+1]) {
				p := &gaps[i+1][k]
				add(k, choice{cost: s.cost + cost(b, id, *p), own: p, from: s})
			}
		}
		states = next
	}
	best := slices.MinFunc(states, func(a, b *choice) int { return a.cost - b.cost })
	for i := len(ids) - 1; i >= 0; i-- {
		mates[i], best = best.own, best.from
	}
}

// few is how many secrets of a gap are looked at from one side.
func few(gap []piece) int { return min(len(gap), 4) }

// cost tells how little a secret seems to belong to an id.
func cost(b []byte, id, s piece) int {
	if max(id.at-s.at, s.at-id.at) > reach {
		return never
	}
	text := b[min(id.at, s.at):max(id.at, s.at)]
	n := 100*bytes.Count(text, newline) + len(text)/16
	for _, end := range []string{"\n\n", "\n[", "}", "=======\n"} {
		if bytes.Contains(text, []byte(end)) {
			n += 300
			break
		}
	}
	if s.named {
		n -= 90
	}
	return min(max(n, 0), never)
}
