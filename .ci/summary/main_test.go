package main

import (
	"strings"
	"testing"
)

// The events are those that go test -json of Go 1.26 was seen to write.
func TestSummary(t *testing.T) {
	const good = `{"Action":"run","Package":"p","Test":"TestGood"}
{"Action":"run","Package":"p","Test":"TestGood/sub"}
{"Action":"pass","Package":"p","Test":"TestGood/sub","Elapsed":0.5}
{"Action":"pass","Package":"p","Test":"TestGood","Elapsed":1.5}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.014s\n"}
{"Action":"pass","Package":"p","Elapsed":0.015}
{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}
{"Action":"skip","Package":"q","Elapsed":0}
`
	const okSteps = "2\tok\tgofmt\n7\tok\tvet linux\n"
	for _, c := range []struct {
		name, tests, steps, skips string
		code                      int
		want                      []string // in this order; the last is the last line
	}{
		{"all good", good, okSteps, "", 0, []string{
			"seconds:\n    7.0  vet linux\n    2.0  gofmt\n    1.5  p TestGood\n",
			"2 passed, 0 failed\n"}},
		{"a failed test", good + `{"Action":"run","Package":"b","Test":"TestBad"}
{"Action":"output","Package":"b","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"output","Package":"b","Test":"TestBad","Output":"    a_test.go:3: wrong number\n"}
{"Action":"fail","Package":"b","Test":"TestBad","Elapsed":0}
{"Action":"output","Package":"b","Output":"FAIL\tb\t0.012s\n"}
{"Action":"fail","Package":"b","Elapsed":0.013}
`, okSteps, "", 1, []string{"FAIL  b TestBad failed\n        a_test.go:3: wrong number\n\nThe slowest", "2 passed, 1 failed\n"}},
		{"a failed step", good, okSteps + "3\tFAIL\tvet darwin\n", "", 0, []string{"FAIL  vet darwin", "2 passed, 1 failed\n"}},
		{"a skip", good + `{"Action":"run","Package":"p","Test":"TestSkip"}
{"Action":"output","Package":"p","Test":"TestSkip","Output":"    a_test.go:4: not here\n"}
{"Action":"skip","Package":"p","Test":"TestSkip","Elapsed":0}
`, okSteps, "p TestOther because\n", 0, []string{"FAIL  p TestSkip was skipped", "not here", "2 passed, 1 failed\n"}},
		{"a skip with a reason", good + `{"Action":"skip","Package":"p","Test":"TestSkip","Elapsed":0}
`, okSteps, "# why\np TestSkip not on a moon\n", 0, []string{"skipped  p TestSkip: not on a moon\n", "2 passed, 0 failed\n"}},
		{"does not build", good + `{"ImportPath":"x [x.test]","Action":"build-output","Output":"x/a_test.go:3: undefined: u\n"}
{"ImportPath":"x [x.test]","Action":"build-fail"}
{"Action":"output","Package":"x","Output":"FAIL\tx [build failed]\n"}
{"Action":"fail","Package":"x","Elapsed":0,"FailedBuild":"x [x.test]"}
`, okSteps, "", 1, []string{"undefined: u", "2 passed, 1 failed\n"}},
		{"cut off", good + `{"Action":"run","Package":"s","Test":"TestStuck"}
{"Action":"output","Package":"s","Test":"TestStuck","Output":"panic: test timed out after 3s\n"}
{"Action":"fail","Package":"s","Elapsed":3}
`, okSteps, "", 1, []string{"FAIL  s TestStuck did not end\n    panic: test timed out", "2 passed, 1 failed\n"}},
		{"found when all had passed", good + `{"Action":"pass","Package":"m","Test":"TestFine","Elapsed":0}
{"Action":"output","Package":"m","Output":"a leak was found\n"}
{"Action":"fail","Package":"m","Elapsed":0}
`, okSteps, "", 1, []string{"FAIL  m failed\n    a leak was found\n", "3 passed, 1 failed\n"}},
		{"failed in silence", good, okSteps, "", 2, []string{"go test ended with 2", "2 passed, 1 failed\n"}},
		{"no test", "", okSteps, "", 0, []string{"no test passed", "0 passed, 1 failed\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			skips, err := readSkips(strings.NewReader(c.skips))
			if err != nil {
				t.Fatal(err)
			}
			r := newRun(skips)
			if err := r.readSteps(strings.NewReader(c.steps)); err != nil {
				t.Fatal(err)
			}
			if err := r.readTests(strings.NewReader(c.tests)); err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			isGood := r.close(&b, c.code)
			rest := b.String()
			for _, want := range c.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("%q is not in, or not in order in:\n%s", want, b.String())
				}
				rest = after
			}
			if rest != "" {
				t.Errorf("after the closing line there is %q", rest)
			}
			if want := strings.Contains(c.want[len(c.want)-1], " 0 failed"); isGood != want {
				t.Errorf("the run is good: %v; want %v", isGood, want)
			}
		})
	}
}

func TestSummaryRefusesWhatItCannotRead(t *testing.T) {
	if _, err := readSkips(strings.NewReader("p TestSkip\n")); err == nil {
		t.Error("a skip without a reason was taken")
	}
	if err := newRun(nil).readTests(strings.NewReader("FAIL\tp\n")); err == nil {
		t.Error("events that are no JSON were taken")
	}
	if err := newRun(nil).readSteps(strings.NewReader("gofmt ok\n")); err == nil {
		t.Error("a step without its time was taken")
	}
}
