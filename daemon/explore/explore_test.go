package explore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock stands still: what a search finds does not depend on one.
func clock() time.Time { return time.Time{} }

// TestUndisturbedLives ends each life as it should end, without a fault.
func TestUndisturbedLives(t *testing.T) {
	for _, s := range Scenarios {
		reason, broken := Replay(Schedule{Scenario: s.Name}, func(string, ...any) {})
		if broken != nil {
			t.Errorf("%s: %s", s.Name, broken.Text)
		}
		if !slices.Contains(s.ends, reason) && (s.ends != nil || reason != newVersion) {
			t.Errorf("%s ends with %s", s.Name, reason)
		}
	}
}

// TestOneFaultOfEachKindInAShortLife is a search small enough for the race
// detector; the whole of it is run by the tests of cmd/explore.
func TestOneFaultOfEachKindInAShortLife(t *testing.T) {
	r, err := Run(Options{Quick: true, Only: "unborn"}, clock)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Broken {
		t.Error(v)
	}
	if r.Lives < 300 {
		t.Errorf("only %d lives", r.Lives)
	}
}

// TestASearchIsAFunction: workers may come in any order, and find the same.
func TestASearchIsAFunction(t *testing.T) {
	var figures []string
	for _, workers := range []int{1, 2, 3} {
		r, err := Run(Options{Quick: true, Only: "blind", Workers: workers}, clock)
		if err != nil {
			t.Fatal(err)
		}
		figures = append(figures, fmt.Sprint(r.Lives, r.States, r.Ends))
	}
	if figures[0] != figures[1] || figures[1] != figures[2] {
		t.Error(strings.Join(figures, "\n"))
	}
}

// TestALifeIsAFunctionOfItsSchedule replays what was drawn at random, and gets
// the same life to the last word.
func TestALifeIsAFunctionOfItsSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, err := beginning(rapid.SampledFrom(scenarioNames()).Draw(t, "life"))
		if err != nil {
			t.Fatal(err)
		}
		rec := newRecorder()
		var first, second []string
		rec.log = func(format string, a ...any) { first = append(first, fmt.Sprintf(format, a...)) }
		e, made, _, _ := walk(b, &walker{intn: drawn(t), until: 120, every: 10, people: rapid.Bool().Draw(t, "people")}, rec)
		if e.broken != nil {
			t.Fatal(e.broken.Text, "\n", made)
		}
		parsed, err := ParseSchedule(made.String())
		if err != nil || parsed.String() != made.String() {
			t.Fatalf("%s is read as %s: %v", made, parsed, err)
		}
		reason, broken := Replay(parsed, func(format string, a ...any) { second = append(second, fmt.Sprintf(format, a...)) })
		second = second[:max(0, len(second)-1)] // how it ends
		if broken != nil || reason != e.reason {
			t.Fatalf("%s\nends with %s, then with %s (%v)", made, e.reason, reason, broken)
		}
		for i := range max(len(first), len(second)) {
			if i >= len(first) || i >= len(second) || first[i] != second[i] {
				t.Fatalf("%s\nparts after\n%s\ninto\n%s\nand\n%s", made, strings.Join(first[max(0, i-9):min(i, len(first))], "\n"),
					strings.Join(first[min(i, len(first)):min(i+3, len(first))], "\n"), strings.Join(second[min(i, len(second)):min(i+3, len(second))], "\n"))
			}
		}
	})
}

// TestWalksWithoutPeople: whatever fails, and however often, all ends well
// without anybody's doing.
func TestWalksWithoutPeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, err := beginning(rapid.SampledFrom([]string{"loopback", "plain", "slow", "dud"}).Draw(t, "life"))
		if err != nil {
			t.Fatal(err)
		}
		d := &walker{intn: drawn(t), until: 200, every: rapid.IntRange(4, 40).Draw(t, "every"), harmless: true}
		e, made, asked, _ := walk(b, d, newRecorder())
		switch {
		case e.broken != nil:
			t.Fatalf("%s\n%s", e.broken.Text, made)
		case !e.stray && (asked > 0 || e.reason != newVersion):
			t.Fatalf("it ends with %s, after asking %d times\n%s", e.reason, asked, made)
		}
	})
}

func drawn(t *rapid.T) func(int) int {
	return func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "draw") }
}

func beginning(name string) (base, error) {
	w, err := scenarioNamed(name).born(newRecorder())
	return base{w, Schedule{Scenario: name}}, err
}

// TestEachImpossibleCellHasItsReason, and no possible one has.
func TestEachImpossibleCellHasItsReason(t *testing.T) {
	text := Reasons()
	for e := range effects {
		for k := Before; k < kinds; k++ {
			if r := Impossible(e, k); r != "" && !strings.Contains(text, r) {
				t.Errorf("%s × %s: %q is not told", e, k, r)
			}
		}
	}
	empty := newTable().Empty()
	for _, cell := range []string{"creating × create × crash-after", "draining × set × torn", "held × list × past", "deleting × delete × late"} {
		if !slices.Contains(empty, cell) {
			t.Errorf("an empty table does not miss %s", cell)
		}
	}
	if slices.Contains(empty, "steady × create × late") {
		t.Error("an empty table misses what cannot be")
	}
}

func FuzzParseSchedule(f *testing.F) {
	f.Add("plain 17=crash-after 45=late @12=pause")
	f.Add("loopback @0=resolve:retry @3=day 1=away")
	f.Add("nobody 1=done")
	f.Add("plain -1=late")
	f.Fuzz(func(t *testing.T, line string) {
		s, err := ParseSchedule(line)
		if err != nil {
			return
		}
		again, err := ParseSchedule(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q is read as %q, and that as %q (%v)", line, s, again, err)
		}
	})
}
