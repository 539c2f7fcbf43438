// Command explore searches every failure of a rotation: it plays lives of one
// key in memory, branches at each effect into all that can go wrong there, and
// holds the world against the promises after each step. It is for those who work
// on awskeyd; no program of ours needs it, and it touches neither network,
// keychain nor any file.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/awskeyd/awskeyd/daemon/explore"
	"github.com/awskeyd/awskeyd/daemon/fleet"
)

const usage = `usage:
  explore [-quick] [-first] [-seed N] [-walks N] [-life NAME]   search, and print what was visited
  explore replay 'SCHEDULE'                                     live one life, step by step
  explore lives                                                 the lives, and what people may do in them
  explore fleet                                                 how a fleet of laptops loads IAM

Exit codes: 0 no promise was broken and nothing was left out, 1 otherwise, 2 wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr *os.File) int {
	word := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		word, args = args[0], args[1:]
	}
	switch {
	case word == "replay" && len(args) > 0:
		return replay(strings.Join(args, " "), stdout, stderr)
	case word == "lives" && len(args) == 0:
		fmt.Fprint(stdout, explore.Lives())
		return 0
	case word == "fleet" && len(args) == 0:
		fmt.Fprint(stdout, fleet.Run(fleet.Options{}))
		return 0
	case word == "":
		return search(args, stdout, stderr)
	}
	fmt.Fprint(stderr, usage)
	return 2
}

func search(args []string, stdout, stderr *os.File) int {
	var o explore.Options
	flags := flag.NewFlagSet("explore", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.Quick, "quick", false, "")
	flags.BoolVar(&o.First, "first", false, "")
	flags.Uint64Var(&o.Seed, "seed", 1, "")
	flags.IntVar(&o.Walks, "walks", -1, "")
	flags.IntVar(&o.Workers, "workers", 0, "")
	flags.StringVar(&o.Only, "life", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	if o.Walks < 0 {
		o.Walks = 20_000
		if o.Quick {
			o.Walks = 1000
		}
	}
	debug.SetGCPercent(400) // many short lives, little that lasts
	terminal := term.IsTerminal(int(stderr.Fd()))
	o.Tell = progress(stderr, terminal, time.Now)
	report, err := explore.Run(o, time.Now)
	if err != nil {
		fmt.Fprintln(stderr, "explore:", err)
		return 1
	}
	if terminal {
		fmt.Fprint(stderr, "\r\x1b[K")
	}
	fmt.Fprint(stdout, report)
	if report.Failed() {
		return 1
	}
	return 0
}

// progress tells how far a search is: on a terminal in one line that changes,
// elsewhere a line every ten seconds.
func progress(to io.Writer, terminal bool, now func() time.Time) func(done, left, lives int) {
	every, before, after := 10*time.Second, "", "\n"
	if terminal {
		every, before, after = 200*time.Millisecond, "\r\x1b[K", ""
	}
	began := now()
	last := began
	return func(done, left, lives int) {
		if at := now(); at.Sub(last) >= every {
			last = at
			fmt.Fprintf(to, "%s%d of %d branches, %d schedules, %s%s", before, done, done+left, lives, at.Sub(began).Round(time.Second), after)
		}
	}
}

func replay(line string, stdout, stderr *os.File) int {
	s, err := explore.ParseSchedule(line)
	if err != nil {
		fmt.Fprintln(stderr, "explore:", err)
		return 2
	}
	_, broken := explore.Replay(s, func(format string, a ...any) { fmt.Fprintf(stdout, format+"\n", a...) })
	if broken != nil {
		fmt.Fprintln(stdout, "broken:", broken.Text)
		return 1
	}
	return 0
}
