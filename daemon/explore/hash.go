package explore

import (
	"fmt"
	"hash"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// mix folds one call and its answer into a hash.
func mix(sum uint64, name string, data []byte, err error) uint64 {
	const prime = 1099511628211 // FNV-1a
	for _, c := range []byte(name) {
		sum = (sum ^ uint64(c)) * prime
	}
	for _, c := range data[:min(len(data), 160)] { // an item begins with a checksum of all the rest
		sum = (sum ^ uint64(c)) * prime
	}
	sum = (sum ^ uint64(len(data))) * prime
	if err != nil {
		sum++
	}
	return sum * prime
}

var bar = []byte{'|'}

// state is a hash of all that the future of a life depends on. Two lives with
// the same one go on alike, under the same faults.
func (w *World) state() uint64 {
	h := fnv.New64a()
	c, k, j := w.cloud, w.keychain, w.judge
	// Numbers of steps count relative to each other only.
	j.saved, j.reloaded, j.provedSTS, j.provedIAM = w.steps-j.saved, w.steps-j.reloaded, w.steps-j.provedSTS, w.steps-j.provedIAM
	if w.p == nil || !w.p.loaded {
		j.saved, j.reloaded, j.provedSTS, j.provedIAM = 0, 0, 0, 0
	}
	fmt.Fprint(h, w.scenario.Name, w.settings.TTL, w.settings.Endpoint, w.settings.Admin != nil, w.now.UnixNano(), w.skew, w.awake, w.up,
		w.notes, w.blind.UnixNano(), w.back, w.lives, w.waiting.UnixNano(), w.first, w.then, w.idle, w.touched, j)
	for _, key := range c.keys {
		fmt.Fprint(h, key)
	}
	for _, l := range c.late {
		fmt.Fprint(h, l.at, l.effect, l.action.Target, l.action.Signer.ID, l.user, l.skew)
	}
	fmt.Fprint(h, c.turn, c.made, c.dud, c.name, c.denied, c.explicit, c.offline, c.alarm)
	for _, m := range []map[string][]byte{k.items, k.unsynced, k.lies} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprint(h, name, len(m[name]))
			h.Write(m[name])
		}
		h.Write(bar)
	}
	fmt.Fprint(h, k.late, k.locked, k.empty, k.landed, k.stray, k.lied, k.liar)
	if k.odd {
		fmt.Fprint(h, k.history)
	}
	if p := w.p; p != nil {
		fmt.Fprint(h, p.lock, p.began, p.noted, p.loaded, p.fails, p.surprises, p.tries, p.handed, p.stop, p.clock)
		if p.loaded {
			if b, err := rotation.Encode(p.r); err == nil {
				h.Write(b)
			}
			hashMemory(h, p.m)
		}
	}
	return h.Sum64()
}

func hashMemory(h hash.Hash64, m rotation.Memory) {
	if m.Barrier != nil {
		fmt.Fprint(h, *m.Barrier)
	}
	if m.Created != nil {
		fmt.Fprint(h, m.Created.ID)
	}
	for _, o := range []*rotation.Outcome{m.Answer, m.Listed, m.Evidence} {
		if o != nil {
			fmt.Fprint(h, *o)
		}
		h.Write(bar)
	}
	m.Barrier, m.Created, m.Answer, m.Listed, m.Evidence = nil, nil, nil, nil, nil
	fmt.Fprint(h, m)
}
