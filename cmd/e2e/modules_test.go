package e2e

import (
	"encoding/json"
	"errors"
	"go/version"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// The keyring library asks for modules of 2022. These are the least that we may
// be built with.
var leastModules = map[string]struct{ version, why string }{
	"github.com/dvsekhvalnov/jose2go": {"v1.11.0", "CVE-2023-50658, CVE-2025-63811: a decryption that takes as long as its author likes"},
	"github.com/danieljoos/wincred":   {"v1.2.3", "the last release"},
	"golang.org/x/sys":                {"v0.49.0", "system calls of systems that came later"},
	"golang.org/x/term":               {"v0.47.0", "terminals of systems that came later"},
}

// older compares two versions of modules without a suffix.
func older(a, b string) bool {
	return version.Compare("go"+strings.TrimPrefix(a, "v"), "go"+strings.TrimPrefix(b, "v")) < 0
}

func TestModulesWithKnownHolesAreRaised(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-json", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	left := len(leastModules)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var m struct {
			Path, Version string
			Replace       *struct{ Path, Version string }
		}
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		least, counts := leastModules[m.Path]
		if !counts {
			continue
		}
		left--
		if m.Replace != nil {
			t.Errorf("%s is replaced by %s %s", m.Path, m.Replace.Path, m.Replace.Version)
		}
		if older(m.Version, least.version) {
			t.Errorf("%s is %s, at least %s is needed: %s", m.Path, m.Version, least.version, least.why)
		}
	}
	if left != 0 {
		t.Errorf("%d of these modules are not in the build at all", left)
	}
	if !older("v1.5.0", "v1.11.0") || !older("v1.2.2", "v1.2.3") || older("v1.11.0", "v1.11.0") || older("v1.12.1", "v1.11.0") {
		t.Error("the comparison does not bite")
	}
}
