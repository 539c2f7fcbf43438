//go:build linux

package main

import (
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The gate holds what is the same on every machine; no time is measured. What an
// answer allocates is held in daemon/api, TestAllocations.

// mostHelper is the helper's size in bytes, stripped.
const mostHelper = 1_400_000

func TestTheHelperStaysSmall(t *testing.T) {
	program := filepath.Join(t.TempDir(), helper)
	chdir(t)
	if err := gobuild(program, "./cmd/awskey-helper"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > mostHelper {
		t.Errorf("awskey-helper has %d bytes, more than %d", info.Size(), mostHelper)
	}
}

func TestTheHelperImportsNothingSlow(t *testing.T) {
	chdir(t)
	out, err := exec.Command("go", "list", "-deps", "./cmd/awskey-helper").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range strings.Fields(string(out)) {
		switch dep {
		case "net", "net/http", "fmt", "encoding/json", "reflect", "log", "log/slog", "context", "os/exec", "os/signal", "regexp", "text/template", "crypto/tls", "C",
			// These begin before main: each takes new pages of memory, and time.
			"os", "io/fs", "path/filepath", "internal/poll", "internal/testlog", "time", "internal/godebug", "unicode", "math":
			t.Errorf("awskey-helper links %s", dep)
		}
		if strings.Contains(dep, ".") && !strings.HasPrefix(dep, "github.com/awskeyd/awskeyd/") {
			t.Errorf("awskey-helper links %s, which is not Go's", dep)
		}
	}
}

// TestAnswersCostWithoutTheRaceDetector runs the allocations' gate, which says
// nothing under the race detector, once without.
func TestAnswersCostWithoutTheRaceDetector(t *testing.T) {
	chdir(t)
	out, err := exec.Command("go", "test", "-vet=off", "-v", "-run=^TestAllocations$", "./daemon/api").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAllocations") {
		t.Errorf("%v\n%s", err, out)
	}
}

func chdir(t *testing.T) {
	t.Helper()
	t.Chdir(filepath.Join("..", ".."))
}

func TestATableHasEveryFigure(t *testing.T) {
	b := &bench{}
	b.atMost(figure{Name: "a", Unit: "ms", Median: 1}, 2, "never said")
	b.atLeast(figure{Name: "b", Unit: "/s", Median: 1}, 2, "too slow")
	text := table(b.figures)
	if !strings.Contains(text, "| a |  | 1 |  | ms |  |  | ≤ 2 | met |  |") || !strings.Contains(text, "| ≥ 2 | missed | too slow |") {
		t.Error(text)
	}
}

// TestGrowthIsMeasured sees that the measuring measures; it judges nothing.
func TestGrowthIsMeasured(t *testing.T) {
	var sizes []size
	for _, n := range []int{1, 100} {
		s, err := grown(filepath.Join(t.TempDir(), "grown"), n)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", s)
		if s.answer <= 0 || s.status <= 0 {
			t.Errorf("%+v", s)
		}
		sizes = append(sizes, s)
	}
	d := xml.NewDecoder(strings.NewReader(draw(sizes)))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
