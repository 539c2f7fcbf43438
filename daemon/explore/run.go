package explore

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// queue is the work that is left. It is safe for concurrent use.
type queue struct {
	mu   sync.Mutex
	cond *sync.Cond
	todo []func(*worker)
	busy int
	done int
}

func (q *queue) add(do func(*worker)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.todo = append(q.todo, do)
	q.cond.Signal()
}

// take waits for work; nil: there will be none any more.
func (q *queue) take() func(*worker) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.todo) == 0 && q.busy > 0 {
		q.cond.Wait()
	}
	if len(q.todo) == 0 {
		q.cond.Broadcast()
		return nil
	}
	do := q.todo[0]
	q.todo = q.todo[1:]
	q.busy++
	return do
}

func (q *queue) finish() (done, left int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
	q.done++
	q.cond.Broadcast()
	return q.done, len(q.todo)
}

// Report is what a search found.
type Report struct {
	Options  Options
	Table    *Table
	Ends     map[string]map[string]int // how lives ended: by class of schedule, then by reason
	States   int                       // distinct states from which somebody went on
	Lives    int                       // schedules that were lived
	Steps    int                       // actions in all of them
	Broken   []Violation
	Took     time.Duration
	Complete bool // all was tried that was to be tried
}

// Run searches. It uses as many goroutines as there are workers, and returns
// when all are done.
func Run(o Options, now func() time.Time) (*Report, error) {
	began := now()
	s := &search{o: o, seen: map[uint64]struct{}{}, ends: map[string]map[string]int{}}
	s.queue.cond = sync.NewCond(&s.queue.mu)
	for _, life := range Scenarios {
		if o.Only != "" && o.Only != life.Name {
			continue
		}
		w, err := life.born(newRecorder())
		if err != nil {
			return nil, fmt.Errorf("the life %s cannot begin: %w", life.Name, err)
		}
		for _, left := range o.budgets(life) {
			s.queue.add(func(k *worker) { k.fork(base{w, Schedule{Scenario: life.Name}}, plan{}, left, 0) })
		}
		s.stroll(base{w, Schedule{Scenario: life.Name}})
	}
	workers := o.Workers
	if workers == 0 {
		workers = 2
	}
	tables := make([]*Table, workers)
	var all sync.WaitGroup
	for i := range workers {
		k := &worker{s, newRecorder()}
		tables[i] = k.rec.table
		all.Go(func() {
			for do := s.queue.take(); do != nil; do = s.queue.take() {
				do(k)
				s.tell(s.queue.finish())
			}
		})
	}
	all.Wait()
	r := &Report{Options: o, Table: newTable(), Ends: s.ends, States: len(s.seen), Lives: int(s.lives.Load()), Steps: int(s.steps.Load()), Broken: s.broken, Complete: !s.stop.Load() && o.Only == ""}
	for _, t := range tables {
		r.Table.add(t)
	}
	slices.SortFunc(r.Broken, func(a, b Violation) int { return strings.Compare(a.Schedule.String(), b.Schedule.String()) })
	r.Took = now().Sub(began)
	return r, nil
}

// tell reports progress, one worker at a time.
func (s *search) tell(done, left int) {
	if s.o.Tell == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Tell(done, left, int(s.lives.Load()))
}

// budgets are the passes over one life: of one fault, or two; and of what people
// and clocks do, with a fault before or after it.
func (o Options) budgets(life *Scenario) []budget {
	one := budget{faults: 1, asks: 2, all: !o.Quick}
	two := budget{faults: 2, asks: 1, all: life.whole && !o.Quick}
	people := budget{events: 1, faults: 1, asks: 2, thin: 23}
	if o.Quick {
		two.thin, people.thin, people.sparse = 61*life.cost, 499*life.cost, 4
	}
	var all []budget
	if !life.deep || !o.Quick {
		all = append(all, one)
	}
	if life.deep {
		all = append(all, two)
	}
	if life.stirred {
		all = append(all, people)
	}
	return all
}

// Missing says what a complete search should have seen and has not.
func (r *Report) Missing() []string {
	if !r.Complete {
		return nil
	}
	var all []string
	for _, cell := range r.Table.Empty() {
		all = append(all, "never visited: "+cell)
	}
	for _, way := range r.Table.unseen() {
		all = append(all, "never seen: "+way)
	}
	for _, e := range events {
		if len(r.Table.happen[e.name]) == 0 {
			all = append(all, "never happened: "+e.name)
		}
	}
	return all
}

// Failed reports whether anything is wrong.
func (r *Report) Failed() bool { return len(r.Broken) > 0 || len(r.Missing()) > 0 }

// String is the report for a terminal.
func (r *Report) String() string {
	var b strings.Builder
	b.WriteString("visits, by phase, effect and what became of it (· cannot be):\n\n")
	b.WriteString(r.Table.String())
	b.WriteString("\nwhat cannot be:\n\n" + Reasons())
	b.WriteString("\nhow lives ended:\n\n")
	for _, class := range sorted(r.Ends) {
		fmt.Fprintf(&b, "  %s\n", class)
		rows := [][]string{}
		for _, reason := range sorted(r.Ends[class]) {
			rows = append(rows, []string{"   ", reason, fmt.Sprint(r.Ends[class][reason])})
		}
		align(&b, rows)
	}
	b.WriteString("\nsteps of the machine seen:\n\n")
	rows := [][]string{}
	for _, y := range rotation.Ways {
		rows = append(rows, []string{"  " + string(y.From), string(y.To), fmt.Sprint(r.Table.ways[[2]rotation.Phase{y.From, y.To}])})
	}
	align(&b, rows)
	b.WriteString("\nwhat people and clocks did:\n\n")
	rows = rows[:0]
	for _, e := range events {
		n := 0
		for _, m := range r.Table.happen[e.name] {
			n += m
		}
		rows = append(rows, []string{"  " + e.name, "", fmt.Sprint(n)})
	}
	align(&b, rows)
	for _, m := range r.Missing() {
		b.WriteString("\n" + m)
	}
	const most = 20
	for i, v := range r.Broken {
		if i == most {
			fmt.Fprintf(&b, "\nand %d more", len(r.Broken)-most)
			break
		}
		fmt.Fprintf(&b, "\nBROKEN: %s", v)
	}
	fmt.Fprintf(&b, "\n%d schedules, %d distinct states, %d actions, %s\nviolations: %d\n", r.Lives, r.States, r.Steps, r.Took.Round(100*time.Millisecond), len(r.Broken))
	return b.String()
}

func sorted[T any](m map[string]T) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
