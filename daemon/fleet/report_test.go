package fleet

import (
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	r := Report{
		Options: Options{Laptops: 100000, Accounts: 20, Rate: 20, Burst: 100, NoJitter: true},
		Variants: []Variant{
			{Name: "all at once", Services: []Load{{"IAM", 1234567, 12345, 999, 10000}, {"STS", 1, 0, 1, 1}},
				Rotations: 12, Looks: 1000, Checks: 999999, Switched: 90*time.Minute + 29*time.Second, Finished: 14 * day, Left: 3},
			{Name: "nothing", Services: []Load{{"IAM", 0, 0, 0, 0}}, Checks: 2},
		},
	}
	const want = `100,000 laptops with one key each, without jitter, dealt out among 20 accounts (IAM allows 5,000 users in one),
awake 8 hours on working days. Peaks are those of the busiest account.
AWS publishes no limit of IAM's: assumed are 20 calls a second in each account, and 100 at once.
It does publish those of STS, 600 calls a second, and of CloudTrail's LookupEvents, 2.

all at once
                       calls     throttled   most in 1 s  most in 1 min
           IAM     1,234,567        1.00 %           999         10,000
           STS             1        0.00 %             1              1
  calls to rotate 12, to look for uses of the old key 1,000, to prove the current one every hour 999,999
  from the first call on, the last laptop used its new key after 1h30m, the last old key was deleted after 14d
  3 laptops did not finish

nothing
                       calls     throttled   most in 1 s  most in 1 min
           IAM             0        0.00 %             0              0
  calls to rotate 0, to look for uses of the old key 0, to prove the current one every hour 2
`
	if got := r.String(); got != want {
		t.Errorf("%s", got)
	}
}
