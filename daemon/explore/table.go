package explore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// phases are the rows of the table.
var phases = []rotation.Phase{starting, rotation.Steady, rotation.Creating, rotation.Proving, rotation.Draining, rotation.Monitoring, rotation.Deleting, rotation.Held}

// Table counts what was visited. It is not safe for concurrent use: each worker
// has its own.
type Table struct {
	visits [8][effects][kinds]int
	ways   map[[2]rotation.Phase]int
	happen map[string]map[rotation.Phase]int
}

func newTable() *Table {
	return &Table{ways: map[[2]rotation.Phase]int{}, happen: map[string]map[rotation.Phase]int{}}
}

func (t *Table) count(p rotation.Phase, e Effect, k Kind) { t.visits[slices.Index(phases, p)][e][k]++ }

func (t *Table) way(from, to rotation.Phase) {
	if from != to {
		t.ways[[2]rotation.Phase{from, to}]++
	}
}

func (t *Table) happened(p rotation.Phase, event string) {
	if t.happen[event] == nil {
		t.happen[event] = map[rotation.Phase]int{}
	}
	t.happen[event][p]++
}

func (t *Table) add(o *Table) {
	for p := range o.visits {
		for e := range o.visits[p] {
			for k, n := range o.visits[p][e] {
				t.visits[p][e][k] += n
			}
		}
	}
	for way, n := range o.ways {
		t.ways[way] += n
	}
	for name, by := range o.happen {
		for p, n := range by {
			t.happened(p, name)
			t.happen[name][p] += n - 1
		}
	}
}

// unreachable says why a phase can have no such effect; empty if it can.
func unreachable(p rotation.Phase, e Effect) string {
	only := func(why string, in ...rotation.Phase) string {
		if slices.Contains(in, p) {
			return ""
		}
		return why
	}
	switch {
	case p == starting && (e.aws() || e == NoteID):
		return "a process asks nothing before it has read the record"
	case p == rotation.Held && (e == AskCreate || e == AskDeactivate || e == AskActivate || e == AskDelete || e == NoteID):
		return "nothing in IAM changes while it is held"
	}
	switch e {
	case AskCreate, NoteID:
		return only("a key is made in creating alone", rotation.Creating)
	case AskDeactivate:
		return only("a victim is made Inactive from draining, an orphan from creating", rotation.Draining, rotation.Creating)
	case AskActivate:
		return only("a key is made Active on the way back alone, which is a kind of proving", rotation.Proving)
	case AskDelete:
		return only("a key is deleted in deleting; in creating only by a stop that cannot store it", rotation.Deleting)
	case AskLook:
		return only("uses count where a victim is on its way out", rotation.Creating, rotation.Draining, rotation.Monitoring)
	case AskWitness:
		return only("the previous version is Active, and ours, while it drains", rotation.Draining, rotation.Held)
	}
	return ""
}

// Empty lists the cells that were never visited although they can be.
func (t *Table) Empty() []string {
	var all []string
	for i, p := range phases {
		for e := range effects {
			if unreachable(p, e) != "" {
				continue
			}
			for _, k := range append([]Kind{Done}, possible[e]...) {
				if t.visits[i][e][k] == 0 {
					all = append(all, fmt.Sprintf("%s × %s × %s", p, e, k))
				}
			}
		}
	}
	return all
}

// Ways lists the rows of rotation.Ways that were never seen.
func (t *Table) unseen() []string {
	var all []string
	for _, y := range rotation.Ways {
		if t.ways[[2]rotation.Phase{y.From, y.To}] == 0 {
			all = append(all, fmt.Sprintf("%s → %s (%s)", y.From, y.To, y.When))
		}
	}
	return all
}

// String is the table for a terminal.
func (t *Table) String() string {
	var b strings.Builder
	header := make([]string, 0, kinds+2)
	header = append(header, "phase", "effect")
	for k := range kinds {
		header = append(header, k.String())
	}
	rows := [][]string{header}
	for i, p := range phases {
		for e := range effects {
			row := []string{string(p), e.String()}
			total := 0
			for k := range kinds {
				n := t.visits[i][e][k]
				total += n
				switch {
				case n == 0 && k != Done && Impossible(e, k) != "":
					row = append(row, "·")
				default:
					row = append(row, fmt.Sprint(n))
				}
			}
			if total > 0 || unreachable(p, e) == "" {
				rows = append(rows, row)
			}
		}
	}
	align(&b, rows)
	return b.String()
}

// Reasons lists what cannot occur, each with its reason.
func Reasons() string {
	var b strings.Builder
	why := map[string][]string{}
	var order []string
	note := func(reason, what string) {
		if why[reason] == nil {
			order = append(order, reason)
		}
		why[reason] = append(why[reason], what)
	}
	for e := range effects {
		for k := Before; k < kinds; k++ {
			if r := Impossible(e, k); r != "" {
				note(r, e.String()+" × "+k.String())
			}
		}
	}
	for _, p := range phases {
		for e := range effects {
			if r := unreachable(p, e); r != "" {
				note(r, string(p)+" × "+e.String())
			}
		}
	}
	for _, r := range order {
		fmt.Fprintf(&b, "  %s: %s\n", r, strings.Join(why[r], ", "))
	}
	return b.String()
}

// align sets columns: words to the left, numbers to the right.
func align(b *strings.Builder, rows [][]string) {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-len([]rune(cell)))
			if i < 2 {
				b.WriteString(cell + pad + "  ")
			} else {
				b.WriteString(pad + cell + " ")
			}
		}
		b.WriteString("\n")
	}
}
