//go:build linux

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/awskeyd/awskeyd/store/failpoint"
)

// steerable is the folder of programs whose daemon a steering file ends,
// freezes and fails.
var steerable = sync.OnceValues(func() (string, error) { return build("0", "-tags=failpoints") })

func (h *home) steeringFile() string { return filepath.Join(h.base, "steering") }

// steer puts rules into force, at once and for every daemon to come; see
// package failpoint. Without one the daemon passes all points.
func (h *home) steer(rules ...string) {
	h.t.Helper()
	path := h.steeringFile()
	h.varsMu.Lock()
	h.vars["AWSKEYD_FAILPOINTS"] = path
	h.varsMu.Unlock()
	// The passings are counted anew whenever the text differs.
	text := strings.Join(rules, "\n") + strings.Repeat("\n", 1+strings.Count(h.steered(), "\n"))
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) steered() string {
	text, _ := os.ReadFile(h.steeringFile()) // none yet
	return string(text)
}

// passed are the points that the daemons of this home have passed, in order.
func (h *home) passed() []string {
	h.t.Helper()
	text, err := os.ReadFile(h.steeringFile() + ".passed")
	if err != nil {
		h.t.Fatalf("no point was passed: %v", err)
	}
	return strings.Fields(string(text))
}

// Whoever installs a release gets a daemon that nothing can steer; the tests
// get one that holds every point.
func TestOnlyTheTagBringsFailpoints(t *testing.T) {
	const marker = "awskeyd failpoints: "
	release, err := os.ReadFile(filepath.Join(binaries(t), "awskeyd"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append([]string{marker, "AWSKEYD_FAILPOINTS"}, failpoint.All...) {
		if bytes.Contains(release, []byte(text)) {
			t.Errorf("the release holds %q", text)
		}
	}
	bin, err := steerable()
	if err != nil {
		t.Fatal(err)
	}
	tagged, err := os.ReadFile(filepath.Join(bin, "awskeyd"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append([]string{marker, "AWSKEYD_FAILPOINTS"}, failpoint.All...) {
		if !bytes.Contains(tagged, []byte(text)) {
			t.Errorf("the tests' daemon lacks %q", text)
		}
	}
}
