package rotation

import (
	"fmt"
	"strings"
)

// Way is one step from phase to phase. Held stands aside: every phase may be
// held, and is left or entered again as its row says.
type Way struct {
	From, To Phase
	When     string // for a person, in a few words
}

// Ways are all steps that a rotation can take. The picture in ARCHITECTURE.md
// is made of them, and the search for faults holds every write against them.
var Ways = []Way{
	{Steady, Creating, "due or asked for, no foreign second key"},
	{Creating, Steady, "AWS made no key"},
	{Creating, Proving, "the new key is in the store"},
	{Creating, Monitoring, "an orphan, or a key that a person named, is made inactive"},
	{Creating, Deleting, "somebody else deleted that one"},
	{Proving, Draining, "it works, the switch"},
	{Proving, Steady, "it works, and is the first of its user"},
	{Proving, Deleting, "refused for ten minutes, or not wanted any more"},
	{Draining, Monitoring, "no lease out, grace over, no later use, made inactive"},
	{Draining, Deleting, "somebody else deleted it, or a dead one is replaced"},
	{Draining, Proving, "rollback"},
	{Monitoring, Deleting, "nobody missed it"},
	{Monitoring, Proving, "rollback"},
	{Deleting, Steady, "a List no longer shows it"},
	{Deleting, Draining, "made active by somebody else, made inactive again"},
	{Deleting, Creating, "an orphan made active by somebody else, made inactive again"},
	{Deleting, Proving, "rollback"},
}

// Picture draws the ways as a Mermaid state diagram.
func Picture() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stateDiagram-v2\n    [*] --> %s\n", Steady)
	for _, w := range Ways {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", w.From, w.To, w.When)
	}
	b.WriteString("    note right of deleting: any phase can be held until a person decides\n")
	return b.String()
}
