//go:build linux

package e2e

import (
	"os"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// point is a moment of a rotation, told by what AWS just saw.
type point struct {
	name    string
	here    func(awstest.Moment, awstest.Call, progress) bool
	faults  []awstest.Rule
	instead func(*crash) // what is done at that moment, in place of the kill
	then    func(*crash) // what is done after it
}

// upon is the first time that the daemon's call of an action is at a moment.
func upon(action string, m awstest.Moment) func(awstest.Moment, awstest.Call, progress) bool {
	return func(now awstest.Moment, c awstest.Call, _ progress) bool {
		return now == m && c.Action == action && c.ByDaemon()
	}
}

// never lets the first call of an action be lost on its way to AWS.
func never(action string) []awstest.Rule {
	return []awstest.Rule{{Action: action, Nth: 1, Fault: awstest.Drop()}}
}

// points are the moments in the order of a rotation.
func points() []point {
	const create, update, remove, list, lastUsed = "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ListAccessKeys", "GetAccessKeyLastUsed"
	return []point{
		{name: "creation sent, never executed", here: upon(create, awstest.Seen), faults: never(create)},
		{name: "creation sent, executed after the crash", here: upon(create, awstest.Seen)},
		{name: "creation executed, not answered", here: upon(create, awstest.Executed)},
		{
			name: "creation answered, not stored", here: upon(create, awstest.Answering),
			instead: func(c *crash) { c.breakStore() },
			then:    func(c *crash) { c.noted(); c.d.kill(); c.mendStore() },
		},
		{name: "new key stored, first prove", here: func(m awstest.Moment, c awstest.Call, p progress) bool {
			return m == awstest.Seen && c.ByDaemon() && p.new != "" && c.KeyID == p.new
		}},
		{name: "middle of proving", here: func(m awstest.Moment, c awstest.Call, p progress) bool {
			return m == awstest.Answering && c.ByDaemon() && p.goodRounds == 2
		}},
		{name: "switch, a client signs with the new key", here: func(m awstest.Moment, c awstest.Call, p progress) bool {
			return m == awstest.Seen && !c.ByDaemon() && p.new != "" && c.KeyID == p.new
		}},
		{name: "end of the grace, last use asked", here: upon(lastUsed, awstest.Answering)},
		{name: "deactivation sent, never executed", here: upon(update, awstest.Seen), faults: never(update)},
		{name: "deactivation executed, not answered", here: upon(update, awstest.Executed)},
		{name: "end of the monitoring, last use asked", here: func(m awstest.Moment, c awstest.Call, p progress) bool {
			return p.deactivated && upon(lastUsed, awstest.Answering)(m, c, p)
		}},
		{name: "deletion sent, never executed", here: upon(remove, awstest.Seen), faults: never(remove)},
		{name: "deletion executed, not answered", here: upon(remove, awstest.Executed)},
		{name: "deletion answered, its absence listed", here: func(m awstest.Moment, c awstest.Call, p progress) bool {
			return p.deleted && upon(list, awstest.Answering)(m, c, p)
		}},
	}
}

func (c *crash) items() string { return c.h.path(".local/share/awskeyd/keys") }

// breakStore puts a file where the folder of the file store was.
func (c *crash) breakStore() {
	if err := os.Rename(c.items(), c.items()+".away"); err != nil {
		c.t.Error(err)
	}
	if err := os.WriteFile(c.items(), nil, 0o600); err != nil {
		c.t.Error(err)
	}
}

func (c *crash) mendStore() {
	if err := os.Remove(c.items()); err != nil {
		c.t.Error(err)
	}
	if err := os.Rename(c.items()+".away", c.items()); err != nil {
		c.t.Error(err)
	}
}
