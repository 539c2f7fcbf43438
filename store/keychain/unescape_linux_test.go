package keychain

import (
	"fmt"
	"strings"
	"testing"
)

// Names as providers escape them in object paths must come back whole, since
// the library compares them so; anything else must do no harm.
func FuzzUnescape(f *testing.F) {
	f.Add("login")
	f.Add("Default keyring")
	f.Add("_")
	f.Add("_zz_4")
	f.Fuzz(func(t *testing.T, name string) {
		unescape(name)
		var path strings.Builder
		for i := range len(name) {
			if c := name[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
				path.WriteByte(c)
			} else {
				fmt.Fprintf(&path, "_%02x", c)
			}
		}
		if got := unescape(path.String()); got != name {
			t.Fatalf("%q came back as %q", name, got)
		}
	})
}
