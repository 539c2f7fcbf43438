package keys

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever comes and goes, who is due is told, and for how long nobody is.
func TestTheAgendaForgetsNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := agenda{sooner: make(chan struct{}, 1)}
		all := make([]*Key, 40)
		rests := map[*Key]time.Duration{}
		for i := range all {
			all[i] = &Key{place: -1}
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			k := rapid.SampledFrom(all).Draw(t, "key")
			if _, in := rests[k]; in {
				a.drop(k)
				delete(rests, k)
			} else {
				rests[k] = time.Duration(rapid.IntRange(0, 90).Draw(t, "due")) * time.Second
				a.put(k, rests[k])
			}
			now := time.Duration(rapid.IntRange(0, 90).Draw(t, "now")) * time.Second
			due, rest := a.look(now, lookEvery)
			want, left := 0, lookEvery
			for k, at := range rests {
				if at <= now {
					want++
					if !slices.Contains(due, k) {
						t.Fatalf("who is due at %s is not told of at %s", at, now)
					}
				} else {
					left = min(left, at-now)
				}
			}
			if len(due) != want || rest != left {
				t.Fatalf("%d are due and %d were told of; the next in %s, not %s", want, len(due), left, rest)
			}
		}
	})
}

// The one that comes to the front is heard of, whoever was there before.
func TestASoonerKeyIsHeardOf(t *testing.T) {
	a := agenda{sooner: make(chan struct{}, 1)}
	for i, due := range []time.Duration{5, 9, 3, 4} {
		a.put(&Key{place: -1}, due)
		select {
		case <-a.sooner:
			if i%2 == 1 {
				t.Errorf("%d is said to be the first", due)
			}
		default:
			if i%2 == 0 {
				t.Errorf("%d came to the front unheard", due)
			}
		}
	}
}

// BenchmarkAgenda is what one key costs that comes due beside so many others.
func BenchmarkAgenda(b *testing.B) {
	for n := 1; n <= 10000; n *= 10 {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := agenda{sooner: make(chan struct{}, 1)}
			for i := range n {
				a.put(&Key{place: -1}, time.Duration(i)*time.Second)
			}
			for i := 0; b.Loop(); i++ {
				due, _ := a.look(time.Duration(i)*time.Second, lookEvery)
				for _, k := range due {
					a.drop(k)
					a.put(k, time.Duration(i+n)*time.Second)
				}
			}
		})
	}
}
