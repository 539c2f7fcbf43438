//go:build long

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTheWholeSearchFindsNothing takes minutes.
func TestTheWholeSearchFindsNothing(t *testing.T) {
	out, err := exec.Command(built(t)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "violations: 0") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(string(out))
}
