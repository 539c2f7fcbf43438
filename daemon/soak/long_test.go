//go:build unix && long

package soak

import (
	"testing"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// TestAYear has keys of every kind: short and long leases, intervals and
// schedules, one of them at an hour that summer time leaves out, one that an
// administrator rotates, and one that an administrator made.
func TestAYear(t *testing.T) {
	client := awstest.Policy{Any: []string{"sns:ListTopics"}}
	run(t, 364, 2, []subject{
		{"daily", `every = "1d"`, awstest.Rotator(), 12, ""},
		{"hasty", "every = \"1d\"\ngrace = \"80m\"\nmonitor = \"1h\"", awstest.Rotator(), 12, ""},
		{"second", "every = \"2d\"\nttl = \"30m\"\nprove = \"45s\"", awstest.Rotator(), 14, ""},
		{"weekly", `every = "7d"`, awstest.Rotator(), 20, ""},
		{"workday", `schedule = "15 9 * * 1-5"`, awstest.Rotator(), 12, ""},
		{"sunday", `schedule = "30 2 * * 0"`, awstest.Rotator(), 20, ""},
		{"firsts", `schedule = "0 10 1 */2 *"`, awstest.Rotator(), 90, ""},
		{"monthly", `every = "30d"`, awstest.Watcher(), 60, ""},
		{"slow", "every = \"30d\"\nttl = \"12h\"", awstest.Rotator(), 60, ""},
		{"usual", `every = "75d"`, awstest.Rotator(), 130, ""},
		{"plain", ``, awstest.Watcher(), 130, ""},
		{"led", "every = \"14d\"\nrotate_with = \"leader\"", client, 35, ""},
		{"leader", `every = "10d"`, awstest.Manager(), 30, ""},
		{"made", `every = "20d"`, awstest.Watcher(), 45, "leader"},
	})
}
