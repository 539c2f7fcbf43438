package busguard

import (
	"fmt"
	"strings"
	"testing"
)

func FuzzUnescape(f *testing.F) {
	f.Add("/run/user/0/bus")
	f.Add("%")
	f.Add("%zz%2")
	f.Fuzz(func(t *testing.T, path string) {
		unescape(path)
		var escaped strings.Builder
		for i := range len(path) {
			fmt.Fprintf(&escaped, "%%%02x", path[i])
		}
		if got := unescape(escaped.String()); got != path {
			t.Fatalf("%q came back as %q", path, got)
		}
	})
}
