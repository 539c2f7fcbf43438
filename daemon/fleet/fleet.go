// Package fleet works out what the laptops of one organisation ask of AWS
// together: how many calls a second and a minute, how many of them a token
// bucket refuses, and how long it takes until the last laptop has rotated.
//
// Each laptop is the state machine of package rotation itself, with the settings
// that nobody wrote, against an AWS that is perfect but for its throttling. It is
// a calculation: it must never read a clock, file or network, and the same
// options give the same report.
package fleet

import (
	"cmp"
	"time"

	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// Options are the fleet and the AWS that it meets. What is zero is chosen.
type Options struct {
	Laptops  int     // one key each; 100,000
	Accounts int     // among which they are dealt out; as few as AWS allows, see UsersPerAccount
	Rate     float64 // calls a second that an account's bucket for IAM is refilled with; 20
	Burst    float64 // calls that it holds when it is full; 100
	NoJitter bool    // every laptop has the same access key id, from which all jitter follows
	Seed     uint64
}

// UsersPerAccount is how many users an account may have, and so the laptops
// that share a bucket (IAM user guide, IAM quotas).
const UsersPerAccount = 5000

// Report is what came of every variant.
type Report struct {
	Options
	Variants []Variant
}

// Variant is one way in which the fleet's keys came to be due.
type Variant struct {
	Name      string
	Services  []Load
	Rotations int64         // calls of rotations, looks aside
	Looks     int64         // calls of looks for a use of the old key
	Checks    int64         // calls of the hourly proof of the current key
	Switched  time.Duration // from the first call on, until the last laptop used its new key
	Finished  time.Duration // and until the last old key was deleted
	Left      int           // laptops that had not finished when the calculation was given up, or were held
}

// Load is what one service was asked.
type Load struct {
	Service   string
	Calls     int64 // throttled ones too
	Throttled int64
	Second    int64 // most calls in one second, in the busiest account
	Minute    int64 // most calls in one minute, in the busiest account
}

// Run calculates every variant. A hundred thousand laptops take about half a
// minute of one core, and far longer where a bucket is so small, or a schedule so
// narrow, that most of the calls are throttled.
func Run(o Options) Report {
	o = o.chosen()
	r := Report{Options: o}
	for _, p := range plans {
		r.Variants = append(r.Variants, run(o, p))
	}
	return r
}

func (o Options) chosen() Options {
	o.Laptops = cmp.Or(o.Laptops, 100_000)
	o.Accounts = cmp.Or(o.Accounts, (o.Laptops+UsersPerAccount-1)/UsersPerAccount)
	o.Rate = cmp.Or(o.Rate, 20)
	o.Burst = cmp.Or(o.Burst, 100)
	return o
}

// A plan says when the keys of a variant were made, and taken in.
type plan struct {
	name     string
	schedule string
	idle     bool // nothing is due: one working week of hourly checks alone
	added    func(c chance, laptop int) (made, began moment)
}

// plans are the ways in which an organisation moves in. Keys made on a Monday
// are due on a Saturday and a Sunday, so that the Monday after finds all of them due.
var plans = []plan{
	{name: "new keys, all added in one office hour", added: func(c chance, laptop int) (made, began moment) {
		m := -70*day + 9*hour + c.below(hour, laptop, 2)
		return m, m
	}},
	{name: "old keys, all added in one office hour", added: func(c chance, laptop int) (made, began moment) {
		return -100 * day, 9*hour + c.below(hour, laptop, 2)
	}},
	{name: "added over a year", added: func(c chance, laptop int) (made, began moment) {
		m := c.whenAwake(laptop, time.Duration(laptop%53-52)*shift+c.below(shift, laptop, 2))
		return m, m
	}},
	{name: "nothing due: a week of hourly checks alone", idle: true, added: func(c chance, laptop int) (made, began moment) {
		m := -7*day + 9*hour + c.below(hour, laptop, 2)
		return m, m
	}},
	{name: "schedule 0 10 1 * * for everybody", schedule: "0 10 1 * *", added: func(c chance, laptop int) (made, began moment) {
		m := -3*day + 9*hour + c.below(hour, laptop, 2)
		return m, m
	}},
}

// settings are those in force where nobody wrote any.
func settings() rotation.Settings {
	c, err := config.Load(config.Paths{})
	if err != nil {
		panic(err) // no file is read
	}
	s := c.Rotation("")
	return rotation.Settings{
		Every: s.Every, TTL: s.TTL, Prove: s.Prove, Settle: s.Settle, Grace: s.Grace, ImportedGrace: s.ImportedGrace, Monitor: s.Monitor,
	}
}
