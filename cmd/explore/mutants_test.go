package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// mutant is one guard taken out of the product. old must stand in file exactly
// once; by are the arguments of go test for what must fail where the guard is
// outside of machine and store, and empty for the search.
type mutant struct {
	name, file, old, new string
	by                   string
}

// TestMutantsAreCaught takes the guards out one at a time: the search that finds
// nothing in the product must find something in each of these, or it is no proof.
func TestMutantsAreCaught(t *testing.T) {
	slots := make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	for i, m := range mutants {
		if i%stride != 0 {
			m.overlay(t) // it must fit the source all the same
			continue
		}
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			m.hunt(t)
		})
	}
}

func (m mutant) hunt(t *testing.T) {
	list := m.overlay(t)
	if m.by != "" {
		out, err := exec.Command("go", append([]string{"test", "-count=1", "-failfast", "-overlay", list}, strings.Fields(m.by)...)...).CombinedOutput()
		if failed(t, err) && !bytes.Contains(out, []byte("--- FAIL")) {
			t.Fatalf("the tests of %s do not even run:\n%s", m.by, out)
		} else if err == nil {
			t.Errorf("the tests of %s pass", m.by)
		}
		return
	}
	bin := filepath.Join(t.TempDir(), "explore")
	if out, err := exec.Command("go", "build", "-overlay", list, "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("it does not build: %v\n%s", err, out)
	}
	out, err := exec.Command(bin, "-quick", "-first").Output()
	if !failed(t, err) {
		t.Fatal("the search finds nothing")
	}
	for line := range strings.Lines(string(out)) {
		if found := strings.HasPrefix(line, "BROKEN"); found || strings.HasPrefix(line, "never") {
			t.Log(strings.TrimSpace(line))
			return
		}
	}
	t.Fatalf("it fails without a word:\n%s", out)
}

// failed tells an exit with code 1 from success; anything else ends the test.
func failed(t *testing.T, err error) bool {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return true
	default:
		t.Fatal(err)
		return false
	}
}

// overlay writes the list for go build -overlay that puts the mutant in place.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../..", m.file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(source, []byte(m.old)); n != 1 {
		t.Fatalf("%s has %d times, and not once: %s", m.file, n, m.old)
	}
	dir := t.TempDir()
	replacement, list := filepath.Join(dir, "replacement.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: replacement}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{replacement: bytes.Replace(source, []byte(m.old), []byte(m.new), 1), list: text} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return list
}
