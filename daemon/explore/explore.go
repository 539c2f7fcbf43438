// Package explore searches every way in which a rotation can fail.
//
// It plays whole lives of one access key in memory: the real machine (package
// rotation), the real record store (package store) over a keychain that can be
// told to fail, an IAM of several replicas, clients that honour Expiration, a
// person, an administrator and two clocks that can be set. Whenever the life
// touches the world outside its process (a call to AWS, an item of the keychain,
// the note of a created id) it branches into all that can happen there; see
// [Kind]. After each step the world is held against the promises: judge.go at every
// instant, writes.go at each write of the record, calls.go at each call to IAM.
//
// Every life is a function of its [Schedule], so that a failure is replayed by
// the one line that names it. It must never read a clock, a file or chance of
// its own, and no program but its own command may link it.
package explore

import (
	"fmt"
	"slices"
	"strings"
)

// Effect is one thing that a rotation does outside its process.
type Effect uint8

// The effects.
const (
	AskSTS        Effect = iota // sts:GetCallerIdentity, of a round
	AskIAM                      // iam:ListAccessKeys, of a round
	AskList                     // iam:ListAccessKeys
	AskWitness                  // the same, signed by the previous version
	AskLook                     // last-used, CloudTrail, log group, alarms
	AskCreate                   // iam:CreateAccessKey
	AskDeactivate               // iam:UpdateAccessKey Inactive
	AskActivate                 // iam:UpdateAccessKey Active
	AskDelete                   // iam:DeleteAccessKey
	ItemGet                     // an item of the keychain is read
	ItemSet                     // written
	ItemSync                    // and forced to disk
	NoteID                      // a created id goes to the state folder
	effects
)

var effectNames = [effects]string{"sts", "iam", "list", "witness", "look", "create", "deactivate", "activate", "delete", "get", "set", "sync", "note"}

func (e Effect) String() string { return effectNames[e] }

func (e Effect) aws() bool { return e <= AskDelete }

// changes reports whether the effect changes something that a lost or late
// request can leave changed.
func (e Effect) changes() bool {
	return e >= AskCreate && e <= AskDelete || e == ItemSet
}

// Kind is what becomes of one effect.
type Kind uint8

// The kinds. A program that dies loses its memory and begins anew; a machine
// that dies also loses, together, what was written and not forced to disk.
const (
	Done        Kind = iota // it succeeds
	Before                  // it fails, and did not happen
	After                   // it happens, and its answer is lost
	Unsure                  // silence, and it never happens
	Late                    // silence, and it happens later, over whatever is newer; a read takes long
	CrashBefore             // the program dies before it
	CrashAfter              // the program dies after it
	PowerBefore             // the machine dies before it
	PowerAfter              // the machine dies after it
	Away                    // from here on the network, or the keychain, is away for hours
	Throttled               // AWS asks for patience
	Rejected                // AWS answers another 4xx
	Past                    // AWS answers from the past
	Torn                    // half of it is written, and its answer is lost
	Dropped                 // called done, and nothing was kept
	Lie                     // the same, and the next read shows what was not kept
	Vanish                  // the keychain is empty for hours
	kinds
)

var kindNames = [kinds]string{"done", "before", "after", "unsure", "late", "crash-before", "crash-after", "power-before", "power-after",
	"away", "throttled", "rejected", "past", "torn", "dropped", "lie", "vanish"}

func (k Kind) String() string { return kindNames[k] }

// harmless reports whether a schedule of such faults alone must end without a
// person: crashes, the network, throttling, and a store that fails but does not
// lie about what it holds.
func (k Kind) harmless() bool { return k != Lie && k != Dropped && k != Vanish }

// Impossible says why a kind cannot befall an effect; empty if it can.
func Impossible(e Effect, k Kind) string {
	switch {
	case (k == Torn || k == Dropped || k == Lie) && e != ItemSet:
		return "only a write of an item can be torn or not kept"
	case (k == Throttled || k == Rejected) && !e.aws():
		return "only AWS answers so"
	case k == Past && e != AskList && e != AskWitness:
		return "only a List shows what was"
	case k == Unsure && !e.changes():
		return "what changes nothing cannot be in doubt: the same as before"
	case (k == PowerBefore || k == PowerAfter) && e.aws():
		return "all is on disk before AWS is called, and that is an invariant: the same as a crash"
	case k == Vanish && e != ItemGet && e != ItemSet:
		return "only reads and writes meet an empty keychain"
	case k == Away && e == NoteID:
		return "the state folder is on the local disk"
	default:
		return ""
	}
}

var possible = func() (all [effects][]Kind) {
	for e := range effects {
		for k := Before; k < kinds; k++ {
			if Impossible(e, k) == "" {
				all[e] = append(all[e], k)
			}
		}
	}
	return all
}()

// Fault is one fault of a schedule: what befalls the effect of that number,
// counted over the whole life from 0.
type Fault struct {
	At   int
	Kind Kind
}

// Happening is one event of a schedule, at the point of that number: points lie
// between two actions, and in the middle of each wait.
type Happening struct {
	At    int
	Event string
}

// Schedule names one life. It prints as, and is read from, one line such as
//
//	plain 17=crash-after 45=late @12=pause
type Schedule struct {
	Scenario string
	Faults   []Fault
	Events   []Happening
}

func (s Schedule) String() string {
	var b strings.Builder
	b.WriteString(s.Scenario)
	for _, f := range s.Faults {
		fmt.Fprintf(&b, " %d=%s", f.At, f.Kind)
	}
	for _, e := range s.Events {
		fmt.Fprintf(&b, " @%d=%s", e.At, e.Event)
	}
	return b.String()
}

// ParseSchedule reads what String wrote.
func ParseSchedule(line string) (Schedule, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return Schedule{}, fmt.Errorf("a schedule begins with one of the lives: %s", strings.Join(scenarioNames(), ", "))
	}
	s := Schedule{Scenario: words[0]}
	if scenarioNamed(s.Scenario) == nil {
		return s, fmt.Errorf("there is no life %q; there are: %s", s.Scenario, strings.Join(scenarioNames(), ", "))
	}
	for _, word := range words[1:] {
		place, what, ok := strings.Cut(word, "=")
		var at int
		event := strings.HasPrefix(place, "@")
		if _, err := fmt.Sscanf(strings.TrimPrefix(place, "@"), "%d", &at); err != nil || !ok || at < 0 {
			return s, fmt.Errorf("%q is neither NUMBER=FAULT nor @NUMBER=EVENT", word)
		}
		kind := slices.Index(kindNames[:], what)
		switch {
		case event && eventNamed(what) == nil:
			return s, fmt.Errorf("%q: there is no event %q", word, what)
		case event:
			s.Events = append(s.Events, Happening{at, what})
		case kind < 1:
			return s, fmt.Errorf("%q: there is no fault %q", word, what)
		default:
			s.Faults = append(s.Faults, Fault{at, Kind(kind)})
		}
	}
	slices.SortStableFunc(s.Faults, func(a, b Fault) int { return a.At - b.At })
	slices.SortStableFunc(s.Events, func(a, b Happening) int { return a.At - b.At })
	return s, nil
}

// harmless reports whether such a life must end without a person.
func (s Schedule) harmless() bool {
	return len(s.Events) == 0 && !slices.ContainsFunc(s.Faults, func(f Fault) bool { return !f.Kind.harmless() })
}
