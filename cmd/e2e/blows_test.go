//go:build linux

package e2e

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/store/failpoint"
)

// blow is what happens at some passings of one failpoint in one operation.
type blow struct {
	operation
	point string
	nth   int
	what  string // a rule's action
	until int    // the last passing; 0 is only the nth
}

func (b blow) String() string {
	return fmt.Sprintf("%s/%s %d %.12s", b.name, b.point, b.nth, b.what)
}

func (b blow) rule() string {
	return fmt.Sprintf("%s %d-%d %s", b.point, b.nth, max(b.nth, b.until), b.what)
}

// steer puts rules into force beside the one that the stage is about.
func (s *stage) steer(more ...string) {
	s.t.Helper()
	s.h.steer(append(more, s.rule)...)
}

// set makes the stage on which an operation can begin.
func (o operation) set(t *testing.T, bin string) *stage {
	t.Helper()
	h := newHome(t, bin)
	s := newStage(t, h, h.fileStore(), cmp.Or(o.settings, swift))
	h.steer()
	s.d = h.start()
	if !o.bare {
		h.mustAdd("work", s.old, s.secret)
	}
	if o.prepare != nil {
		o.prepare(s)
	}
	return s
}

// operationLimit bounds an operation, with a crash in its midst.
const operationLimit = 100 * time.Second

// run carries the operation out. A daemon that is killed meanwhile is started
// again, once; what a person typed is typed again.
func (o operation) run(s *stage) (killed bool) {
	s.t.Helper()
	stop := s.useAllTheWhile()
	defer stop()
	began := time.Now()
	missing := within(operationLimit, func() string {
		missing := o.step(s)
		if !killed && s.cut {
			killed = true
			s.calm.Store(true)
			s.rule = ""
			s.steer()
			return "what a person typed was killed: " + missing
		}
		if !killed && s.d.killed() {
			killed = true
			s.calm.Store(true)
			s.rule = ""
			s.steer()
			s.d.kill() // its output is kept
			s.d = s.h.start()
			return "it was killed: " + missing
		}
		return missing
	})
	if missing != "" {
		s.t.Fatalf("it did not end well: %s", missing)
	}
	s.calm.Store(true)
	s.rule = ""
	s.steer()
	if s.d.over() {
		s.d = s.h.start()
	}
	if o.gone {
		if left := s.aws.Keys("alice"); len(left) != 1 || left[0].ID != s.old {
			s.t.Errorf("IAM has %v", left)
		}
	} else {
		s.oneKey()
	}
	stop()
	if !o.gone && s.signed.Load() == 0 && time.Since(began) > 5*time.Second {
		s.t.Error("no client has signed anything, and none could be refused")
	}
	s.check(o.breaks)
	return killed
}

// passings are the points that an operation passes when nothing happens to it,
// in order.
func (o operation) passings(t *testing.T, bin string) (points []string) {
	s := o.set(t, bin)
	before := len(s.h.passed())
	if o.run(s) {
		t.Error("it was killed, and nobody has said so")
	}
	points = s.h.passed()[before:]
	s.d.stop()
	return points
}

// strike runs the operation with the blow. False: its point was not passed so
// often this time.
func (b blow) strike(t *testing.T, bin string) bool {
	s := b.set(t, bin)
	s.rule = b.rule()
	s.steer()
	struck := b.run(s)
	s.d.stop()
	return struck
}

// dryRuns finds out what every operation passes. Each point must be passed by
// one of them.
func dryRuns(t *testing.T, bin string) map[string][]string {
	t.Helper()
	list := slices.DeleteFunc(operations(), func(o operation) bool { return o.slow && !thorough })
	found := make([][]string, len(list))
	var at []int
	for i := range list {
		at = append(at, i)
	}
	fourAtATime(t, at, func(i int) string { return "undisturbed/" + list[i].name }, func(t *testing.T, i int) {
		found[i] = list[i].passings(t, bin)
	})
	passed := map[string][]string{}
	unpassed := slices.Clone(failpoint.All)
	for i, o := range list {
		passed[o.name] = found[i]
		unpassed = slices.DeleteFunc(unpassed, func(p string) bool { return slices.Contains(found[i], p) })
	}
	if thorough && len(unpassed) > 0 {
		t.Errorf("no operation passes %q: add one, or take the point away", unpassed)
	}
	return passed
}

// blows are where to strike: the first passing of every point, in the first
// operation that passes it. If thorough, also the last one of each in a rotation,
// and whatever else an operation wants.
func blows(passed map[string][]string) (list []blow) {
	seen := map[string]bool{}
	timed := map[string]string{}
	for _, o := range operations() {
		for _, p := range o.timed {
			timed[p] = o.name
		}
	}
	for _, o := range operations() {
		count := map[string]int{}
		last := map[string]bool{} // whether the latest passing is in the list
		for _, p := range passed[o.name] {
			if by := timed[p]; by != "" && by != o.name {
				continue
			}
			count[p]++
			also := thorough && slices.ContainsFunc(o.also, func(begin string) bool { return strings.HasPrefix(p, begin) })
			if last[p] = !seen[p] || also; last[p] {
				seen[p] = true
				list = append(list, blow{operation: o, point: p, nth: count[p], what: "kill"})
			}
		}
		for _, p := range failpoint.All {
			if thorough && o.name == "rotate" && count[p] > 0 && !last[p] {
				list = append(list, blow{operation: o, point: p, nth: count[p], what: "kill"})
			}
		}
	}
	return list
}

// sample takes every third in a quick run.
func sample[T any](list []T) (some []T) {
	for i, one := range list {
		if thorough || i%3 == 0 {
			some = append(some, one)
		}
	}
	return some
}

// kill -9 between any two durable things that the daemon does, and a start: the
// key works, IAM ends with one key of ours, nothing foreign was touched, and no
// client was refused.
func TestKilledAtEveryFailpointItGoesOn(t *testing.T) {
	t.Parallel()
	bin := must(t)(steerable())
	passed := dryRuns(t, bin)
	list := sample(blows(passed))
	struck := make([]bool, len(list))
	var at []int
	for i := range list {
		at = append(at, i)
	}
	fourAtATime(t, at, func(i int) string { return list[i].String() }, func(t *testing.T, i int) {
		if struck[i] = list[i].strike(t, bin); !struck[i] && list[i].nth == 1 {
			t.Errorf("the point was not passed")
		}
	})
	count := map[string]int{}
	missed := 0
	for i, b := range list {
		if struck[i] {
			count[b.name]++
		} else {
			missed++
		}
	}
	for _, o := range operations() {
		if passed[o.name] != nil {
			t.Logf("%-40s %4d passings of failpoints, killed at %3d", o.name, len(passed[o.name]), count[o.name])
		}
	}
	t.Logf("%d points, killed at %d passings; at %d more it had ended before", len(failpoint.All), len(list)-missed, missed)
	if 4*missed > len(list) {
		t.Error("that is too seldom to prove much")
	}
}
