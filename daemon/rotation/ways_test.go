package rotation_test

import (
	"os"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// TestThePictureIsTheMachine holds ARCHITECTURE.md against the table of ways,
// which the search for faults holds against what the machine does.
func TestThePictureIsTheMachine(t *testing.T) {
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "```mermaid\n" + rotation.Picture() + "```\n"; !strings.Contains(string(text), want) {
		t.Errorf("ARCHITECTURE.md does not show this picture:\n%s", want)
	}
	seen := map[rotation.Way]bool{}
	for _, w := range rotation.Ways {
		step := rotation.Way{From: w.From, To: w.To}
		if seen[step] {
			t.Errorf("%s to %s stands there twice", w.From, w.To)
		}
		seen[step] = true
	}
}
