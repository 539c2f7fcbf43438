package fleet

import (
	"bytes"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/awskeyd/awskeyd/daemon/config"
)

// String is the report for a person: a table, and under each variant what the
// calls were for and how long it took.
func (r Report) String() string {
	var b bytes.Buffer
	jitter := ""
	if r.NoJitter {
		jitter = ", without jitter"
	}
	fmt.Fprintf(&b, `%s laptops with one key each%s, dealt out among %s accounts (IAM allows %s users in one),
awake 8 hours on working days. Peaks are those of the busiest account.
AWS publishes no limit of IAM's: assumed are %g calls a second in each account, and %g at once.
It does publish those of STS, %d calls a second, and of CloudTrail's LookupEvents, %d.

`, thousands(int64(r.Laptops)), jitter, thousands(int64(r.Accounts)), thousands(UsersPerAccount), r.Rate, r.Burst, stsRate, trailRate)
	for i, v := range r.Variants {
		if i > 0 {
			fmt.Fprintln(&b)
		}
		fmt.Fprintln(&b, v.Name)
		v.table(&b)
		v.words(&b)
	}
	return b.String()
}

func (v Variant) table(b *bytes.Buffer) {
	w := tabwriter.NewWriter(b, 14, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tcalls\tthrottled\tmost in 1 s\tmost in 1 min\t")
	for _, l := range v.Services {
		share := 0.0
		if l.Calls > 0 {
			share = 100 * float64(l.Throttled) / float64(l.Calls)
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f %%\t%s\t%s\t\n", l.Service, thousands(l.Calls), share, thousands(l.Second), thousands(l.Minute))
	}
	w.Flush() // into memory
}

func (v Variant) words(b *bytes.Buffer) {
	fmt.Fprintf(b, "  calls to rotate %s, to look for uses of the old key %s, to prove the current one every hour %s\n", thousands(v.Rotations), thousands(v.Looks), thousands(v.Checks))
	if v.Rotations > 0 {
		fmt.Fprintf(b, "  from the first call on, the last laptop used its new key after %s, the last old key was deleted after %s\n", span(v.Switched), span(v.Finished))
	}
	if v.Left > 0 {
		fmt.Fprintf(b, "  %s laptops did not finish\n", thousands(int64(v.Left)))
	}
}

func span(d time.Duration) string { return config.Duration(d.Round(time.Minute)).String() }

// thousands writes a number with a comma before every third digit.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
