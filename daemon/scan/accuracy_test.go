package scan

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// misses are the placements that are not found, or found without their secret, and
// why that is left so. The key is kind/name.
var misses = map[string]string{
	"binary/app.pyc":               "Python's own format puts a letter right behind the secret, so that 41 stand together; the id is found",
	"binary/db.sqlite":             "the columns of a record stand together without anything between them: id and secret are one run of 60",
	"kubernetes/helm-release.yaml": "Helm encodes twice (and compresses in between): what is compressed is not looked into",
	"lone/named.env":               "its name does not say whose secret it is",
	"markdown/far.md":              "more than 14 lines lie between id and secret; the id is found",
	"python/split_early.py":        "only two letters of the prefix stand together: each A and K of a text would be a candidate",
	"python/reversed.py":           "written backwards: who does that hides a key from scanners",
}

// falseAlarms are the classes of look-alikes that are told as keys, and why.
var falseAlarms = map[string]string{}

func all(t testing.TB, text []byte) []Found {
	t.Helper()
	var list []Found
	if err := Text(bytes.NewReader(text), func(f Found) { list = append(list, f) }); err != nil {
		t.Fatal(err)
	}
	return list
}

// outcome is how a document went.
type outcome struct {
	placements, found, paired, pairs, alarms int
	problems                                 []string
}

func (o *outcome) add(p outcome) {
	o.placements += p.placements
	o.found += p.found
	o.paired += p.paired
	o.pairs += p.pairs
	o.alarms += p.alarms
}

// judge compares what is told with what stands in a document. A secret counts once
// an id, wherever the id stands again.
func judge(d document, told []Found) outcome {
	var o outcome
	pairs := map[string]bool{}
	used := make([]bool, len(told))
	for _, p := range d.want {
		o.placements++
		i := slices.IndexFunc(told, func(f Found) bool {
			return f.AccessKeyID == p.id && f.Line == p.line && (p.id != "" || f.Secret.Reveal() == p.secret)
		})
		if i < 0 {
			o.problems = append(o.problems, fmt.Sprintf("line %d is not found", p.line))
		} else {
			used[i] = true
			o.found++
		}
		if p.id != "" && p.secret != "" {
			pairs[p.id] = pairs[p.id] || i >= 0 && told[i].Secret.Reveal() == p.secret
		}
	}
	for i, f := range told {
		right := slices.ContainsFunc(d.want, func(p placement) bool {
			return p.id == f.AccessKeyID && (f.Secret.IsZero() || f.Secret.Reveal() == p.secret)
		})
		if !used[i] || !right {
			o.alarms++
			o.problems = append(o.problems, fmt.Sprintf("line %d is told, of id %q, and is wrong", f.Line, f.AccessKeyID))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(pairs)) {
		o.pairs++
		if pairs[id] {
			o.paired++
		} else {
			o.problems = append(o.problems, id+" is told without its secret")
		}
	}
	return o
}

func percent(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}

// TestPrecisionAndRecall prints both by kind of file; each miss and each false alarm
// is explained above, and each explanation is of one that still occurs.
func TestPrecisionAndRecall(t *testing.T) {
	table := &strings.Builder{}
	fmt.Fprintf(table, "%-34s %10s %6s %6s %6s %9s %9s %9s %9s\n", "kind", "placements", "found", "pairs", "paired", "alikes", "alarms", "precision", "recall")
	row := func(name string, o outcome, alikes int) {
		fmt.Fprintf(table, "%-34s %10d %6d %6d %6d %9d %9d %9s %9s\n", name, o.placements, o.found, o.pairs, o.paired, alikes, o.alarms,
			percent(o.found, o.found+o.alarms), percent(o.found, o.placements))
	}
	kinds := map[string]*outcome{}
	var total outcome
	for _, d := range corpus(t, 1) {
		o := judge(d, all(t, d.text))
		name := d.kind + "/" + d.name
		if why := misses[name]; len(o.problems) > 0 && why == "" {
			t.Errorf("%s: %s", name, strings.Join(o.problems, "; "))
		} else if len(o.problems) == 0 && why != "" {
			t.Errorf("%s goes right, but is explained as a miss: %s", name, why)
		}
		if kinds[d.kind] == nil {
			kinds[d.kind] = new(outcome)
		}
		kinds[d.kind].add(o)
		total.add(o)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		row(kind, *kinds[kind], 0)
	}
	alikes := 0
	for _, l := range lookAlikes(1) {
		told := all(t, []byte(l.text))
		if why := falseAlarms[l.class]; len(told) > 0 && why == "" {
			t.Errorf("%s: %d false alarms, the first: %v", l.class, len(told), told[0])
		} else if len(told) == 0 && why != "" {
			t.Errorf("%s raise no alarm, but are explained: %s", l.class, why)
		}
		o := outcome{alarms: len(told)}
		row(l.class, o, l.n)
		total.add(o)
		alikes += l.n
	}
	row("all", total, alikes)
	for _, name := range slices.Sorted(maps.Keys(misses)) {
		fmt.Fprintf(table, "missed: %s: %s\n", name, misses[name])
	}
	for _, name := range slices.Sorted(maps.Keys(falseAlarms)) {
		fmt.Fprintf(table, "false alarm: %s: %s\n", name, falseAlarms[name])
	}
	t.Log("\n" + table.String())
}
