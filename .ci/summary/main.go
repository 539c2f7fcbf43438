// Summary closes a test run: it reads the events of go test -json and the
// steps of .ci/verify, shows what failed, counts a skipped test as failed
// unless the list of skips names it, names the slowest ten, and ends with the
// line "N passed, N failed".
//
// It must never call a run good that it could not read or that ran no test.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// event is one line of go test -json (go doc test2json, go help buildjson).
type event struct {
	Action      string
	Package     string
	Test        string
	Elapsed     float64 // seconds
	Output      string
	ImportPath  string // of a package that is built
	FailedBuild string // the ImportPath that kept Package from running
}

// id is a test, a package (Test is empty) or a build ("build", ImportPath).
type id struct{ Package, Test string }

func (i id) String() string { return strings.TrimSpace(i.Package + " " + i.Test) }

// took is a step or test with the seconds it lasted.
type took struct {
	name    string
	seconds float64
}

// run is what is known of one test run.
type run struct {
	skips    map[id]string // the reason, by test
	open     map[id]bool   // begun and not ended
	output   map[id][]string
	failed   []string // what failed, with its output
	skipped  []string
	times    []took
	passed   int
	failures map[string]int // failed tests by package
}

func newRun(skips map[id]string) *run {
	return &run{skips: skips, open: map[id]bool{}, output: map[id][]string{}, failures: map[string]int{}}
}

// readSkips reads lines of package, test and reason; # begins a comment.
func readSkips(r io.Reader) (map[id]string, error) {
	skips := map[id]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.SplitN(line, " ", 3)
		if len(words) < 3 {
			return nil, fmt.Errorf("the skip %q has no reason; write: package test reason", line)
		}
		skips[id{words[0], words[1]}] = words[2]
	}
	return skips, lines.Err()
}

// readSteps takes in the lines "seconds<TAB>ok|FAIL<TAB>name". A failed step
// counts as a failure; its output was shown when it ended.
func (r *run) readSteps(steps io.Reader) error {
	lines := bufio.NewScanner(steps)
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), "\t", 3)
		if len(fields) < 3 {
			return fmt.Errorf("the step %q is not seconds, state and name", lines.Text())
		}
		seconds, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return fmt.Errorf("the step %q: %w", lines.Text(), err)
		}
		r.times = append(r.times, took{fields[2], seconds})
		if fields[1] != "ok" {
			r.failed = append(r.failed, fields[2]+" (shown above)\n")
		}
	}
	return lines.Err()
}

// readTests takes in the events, to their end.
func (r *run) readTests(events io.Reader) error {
	dec := json.NewDecoder(events)
	for {
		var e event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the events of go test: %w", err)
		}
		r.add(e)
	}
}

func (r *run) add(e event) {
	it := id{e.Package, e.Test}
	switch e.Action {
	case "run":
		r.open[it] = true
	case "output":
		r.output[it] = append(r.output[it], e.Output)
	case "build-output":
		it = id{"build", e.ImportPath}
		r.output[it] = append(r.output[it], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(it, e)
		}
	}
}

func (r *run) endTest(it id, e event) {
	delete(r.open, it)
	if !strings.Contains(e.Test, "/") {
		r.times = append(r.times, took{it.String(), e.Elapsed})
	}
	reason, allowed := r.skips[it]
	switch {
	case e.Action == "pass":
		r.passed++
	case e.Action == "skip" && allowed:
		r.skipped = append(r.skipped, it.String()+": "+reason)
	case e.Action == "skip":
		r.fail(it, "was skipped, and .ci/skips does not allow it")
	default:
		r.fail(it, "failed")
	}
	delete(r.output, it)
}

// endPackage finds the failures that no test owns: a package that does not
// build, a test cut off by a time limit or a crash, a TestMain that gave up.
func (r *run) endPackage(e event) {
	if e.Action == "fail" {
		for it := range r.open {
			if it.Package == e.Package {
				r.fail(it, "did not end")
				delete(r.open, it)
			}
		}
		switch {
		case e.FailedBuild != "":
			r.fail(id{"build", e.FailedBuild}, "failed")
		case r.failures[e.Package] == 0:
			r.fail(id{Package: e.Package}, "failed")
		default:
			// A race or a leak found at the end is told by the package.
			r.failed[len(r.failed)-1] += r.show(id{Package: e.Package})
		}
	}
	delete(r.output, id{Package: e.Package})
}

func (r *run) fail(it id, how string) {
	r.failures[it.Package]++
	r.failed = append(r.failed, it.String()+" "+how+"\n"+r.show(it))
}

// frame begins the lines that go test puts around what tests say.
var frame = regexp.MustCompile(`^(=== |FAIL$|FAIL\t|PASS$|exit status )`)

// show returns the output of a test or package without its frame.
func (r *run) show(it id) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Join(r.output[it], "")) {
		if line = strings.TrimRight(line, "\n"); !frame.MatchString(line) {
			b.WriteString("    " + line + "\n")
		}
	}
	return b.String()
}

// close writes the summary and tells whether the run is good. code is the exit
// code of go test, which may know of a failure that no event tells.
func (r *run) close(w io.Writer, code int) bool {
	if r.passed == 0 {
		r.failed = append(r.failed, "no test passed\n")
	}
	if code != 0 && len(r.failures) == 0 {
		r.failed = append(r.failed, fmt.Sprintf("go test ended with %d and no event says why\n", code))
	}
	for _, text := range r.failed {
		fmt.Fprintf(w, "\nFAIL  %s", text)
	}
	for _, text := range r.skipped {
		fmt.Fprintf(w, "skipped  %s\n", text)
	}
	slices.SortStableFunc(r.times, func(a, b took) int { return cmp.Compare(b.seconds, a.seconds) })
	fmt.Fprintln(w, "\nThe slowest steps and tests, in seconds:")
	for _, t := range r.times[:min(10, len(r.times))] {
		fmt.Fprintf(w, "%7.1f  %s\n", t.seconds, t.name)
	}
	fmt.Fprintf(w, "%d passed, %d failed\n", r.passed, len(r.failed))
	return len(r.failed) == 0
}

func main() {
	tests := flag.String("tests", "", "`file` with the output of go test -json")
	steps := flag.String("steps", "", "`file` with the steps")
	skips := flag.String("skips", "", "`file` with the tests that may be skipped")
	code := flag.Int("code", 0, "exit `code` of go test")
	flag.Parse()
	good, err := summarize(os.Stdout, *tests, *steps, *skips, *code)
	if err != nil {
		fmt.Fprintf(os.Stderr, "summary: %v\n", err)
		fmt.Println("0 passed, 1 failed")
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

func summarize(w io.Writer, tests, steps, skips string, code int) (bool, error) {
	r := newRun(nil)
	for _, part := range []struct {
		name string
		read func(io.Reader) error
	}{
		{skips, func(f io.Reader) (err error) { r.skips, err = readSkips(f); return err }},
		{steps, r.readSteps},
		{tests, r.readTests},
	} {
		f, err := os.Open(part.name)
		if err != nil {
			return false, err
		}
		err = part.read(f)
		f.Close()
		if err != nil {
			return false, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return r.close(w, code), nil
}
