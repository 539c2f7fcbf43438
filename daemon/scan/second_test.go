package scan_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/awskeyd/awskeyd/daemon/scan"
)

// misses and alarms are what the finder does wrong in the corpus, and why it
// stays so.
var (
	misses = map[string]string{
		"wrapped/twice.yaml": "base64 within base64 leaves none of the traces that are looked for",
		"lone/main.tf":       "only a comment on the secret's line tells what it is",
	}
	alarms = map[string]string{}
)

func all(t testing.TB, data []byte) (found []scan.Found) {
	t.Helper()
	if err := scan.Text(bytes.NewReader(data), func(f scan.Found) { found = append(found, f) }); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestPrecisionAndRecallOfTheSecond holds the finder against the second corpus and
// prints the figures.
func TestPrecisionAndRecallOfTheSecond(t *testing.T) {
	type row struct{ placed, found, paired, pairs, false int }
	rows := map[string]*row{}
	var kinds []string
	used := map[string]bool{}
	total := row{}
	for _, s := range corpus(t, 1) {
		r := rows[s.kind]
		if r == nil {
			r = &row{}
			rows[s.kind] = r
			kinds = append(kinds, s.kind)
		}
		got := all(t, s.data)
		for _, k := range s.keys {
			r.placed++
			where := s.kind + "/" + s.name
			if k.secret != "" {
				r.pairs++
			}
			i := slices.IndexFunc(got, func(f scan.Found) bool { return f.AccessKeyID == k.id && f.Line >= k.first && f.Line <= k.last })
			switch {
			case i < 0:
				if misses[where] == "" {
					t.Errorf("%s: the key in lines %d to %d is missed, and nobody has said why: %v", where, k.first, k.last, got)
				}
				used[where] = true
				continue
			case k.secret != "" && got[i].Secret.Reveal() != k.secret:
				if misses[where] == "" {
					t.Errorf("%s: the key in line %d is found with another secret, or none (line %d), and nobody has said why", where, k.first, got[i].SecretLine)
				}
				used[where] = true
			case k.secret != "":
				r.paired++
			case !got[i].Secret.IsZero():
				t.Errorf("%s: the key in line %d is given a secret that is not its own", where, k.first)
			}
			r.found++
			got = slices.Delete(got, i, i+1)
		}
		for _, f := range got {
			r.false++
			t.Errorf("%s: line %d: a key that is not there: %v", s.kind, f.Line, f)
		}
	}
	out := &strings.Builder{}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kind\tplaced\tfound\twith their secret\tof\tfalse alarms\t")
	for _, kind := range kinds {
		r := rows[kind]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t\n", kind, r.placed, r.found, r.paired, r.pairs, r.false)
		total.placed, total.found, total.paired, total.pairs, total.false = total.placed+r.placed, total.found+r.found, total.paired+r.paired, total.pairs+r.pairs, total.false+r.false
	}
	texts := 0
	for _, c := range lookAlikes() {
		false := 0
		for _, text := range c.texts {
			texts++
			if got := all(t, []byte(text)); len(got) > 0 {
				false++
				if alarms[c.name] == "" {
					t.Errorf("look-alikes, %s: line %d: %v in %.200q", c.name, got[0].Line, got[0], text)
				}
				used[c.name] = true
			}
		}
		total.false += false
		if false > 0 {
			fmt.Fprintf(w, "look-alikes: %s\t%d\t\t\t\t%d\t\n", c.name, len(c.texts), false)
		}
	}
	w.Flush()
	t.Logf("\n%s\n%d access keys in %d kinds of files, %d look-alikes: precision %.2f %%, recall %.2f %%, %d of %d with their secret",
		out, total.placed, len(kinds), texts, 100*float64(total.found)/float64(total.found+total.false), 100*float64(total.found)/float64(total.placed), total.paired, total.pairs)
	for _, known := range []map[string]string{misses, alarms} {
		for where, why := range known {
			if !used[where] {
				t.Errorf("%s is right by now, and explained: %s", where, why)
			}
			t.Logf("%s: %s", where, why)
		}
	}
}

// TestOtherKeysAreFoundAsWell draws all keys of the corpus anew, some times: the
// rules must not fit the first draw alone.
func TestOtherKeysAreFoundAsWell(t *testing.T) {
	draws, placed, missed, unpaired := uint64(6), 0, 0, 0
	for draw := range draws {
		for _, s := range corpus(t, 100+draw) {
			got := all(t, s.data)
			for _, k := range s.keys {
				placed++
				i := slices.IndexFunc(got, func(f scan.Found) bool { return f.AccessKeyID == k.id && f.Line >= k.first && f.Line <= k.last })
				switch {
				case misses[s.kind+"/"+s.name] != "":
				case i < 0:
					missed++
					t.Logf("%s/%s: %s is missed", s.kind, s.name, k.id)
				case got[i].Secret.Reveal() != k.secret:
					unpaired++
					t.Logf("%s/%s: %s is found without its secret", s.kind, s.name, k.id)
				}
			}
		}
	}
	t.Logf("of %d access keys %d are missed, and %d found without their secret", placed, missed, unpaired)
	if missed*300 > placed || unpaired*100 > placed {
		t.Error("that is more than chance allows: ids without a digit that read like words, secrets without a digit or with many small letters")
	}
}
