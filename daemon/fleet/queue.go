package fleet

import "time"

// queue hands events out in order of their seconds, and within one in the order
// in which they were put in. Every event has at most one place in it. A day lies
// open, second by second; later days are heaps of events not looked at yet.
type queue struct {
	day   int
	first []int32 // of each second of the open day; -1 is none
	last  []int32
	next  []int32  // behind an event, in its second
	when  []moment // of every event
	days  map[int][]int32
}

const secondsADay = int(day / time.Second)

func newQueue(events, firstDay int) *queue {
	q := &queue{
		day: firstDay, first: make([]int32, secondsADay), last: make([]int32, secondsADay),
		next: make([]int32, events), when: make([]moment, events), days: map[int][]int32{},
	}
	for i := range q.first {
		q.first[i] = -1
	}
	return q
}

// put sets an event that is not in the queue to a moment not in the past.
func (q *queue) put(event int, m moment) {
	q.when[event] = m
	if n := dayOf(m); n != q.day {
		q.days[n] = append(q.days[n], int32(event))
		return
	}
	q.open(int32(event))
}

func (q *queue) open(event int32) {
	s := int((q.when[event] - moment(q.day)*day) / time.Second)
	q.next[event] = -1
	if q.first[s] < 0 {
		q.first[s] = event
	} else {
		q.next[q.last[s]] = event
	}
	q.last[s] = event
}

// run does every event up to the end of a day, until enough.
func (q *queue) run(lastDay int, do func(event int, m moment), enough func() bool) {
	for ; q.day <= lastDay && !enough(); q.day++ {
		for _, event := range q.days[q.day] {
			q.open(event)
		}
		delete(q.days, q.day)
		for s := range q.first {
			for event := q.first[s]; event >= 0; event = q.first[s] {
				q.first[s] = q.next[event]
				do(int(event), q.when[event])
			}
		}
	}
}
