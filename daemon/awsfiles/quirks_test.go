package awsfiles

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestQuirks(t *testing.T) {
	for name, c := range map[string]struct{ config, credentials, want string }{
		"none":                {"[default]\nregion=x\n[profile work]\n" + workLine + "[sso-session a]\n[sso-session a]\n", "[work]\nregion = x\n", ""},
		"byte order mark":     {bom + "[default]\n", "", "config:1 byte-order-mark"},
		"section twice":       {"", "[a]\nx=y\n[b]\n[a]\n", "credentials:4 twice"},
		"setting twice":       {"[profile a]\nregion=x\nREGION=y\n", "", "config:3 twice"},
		"quoted command":      {"[profile a]\ncredential_process = \"/a b/h\" --profile \"dev one\"\n", "", "config:2 quoted-command"},
		"quoted path":         {"[profile a]\ncredential_process = \"/a b/h\" dev\n", "", ""},
		"comment":             {"[profile a]\ncredential_process = /h dev # mine\n", "", "config:2 comment-in-command"},
		"two ways":            {"[profile a]\nrole_arn = x\ncredential_process = /h dev\n", "", "config:3 two-ways"},
		"nested is no double": {"[services a]\niam =\n  endpoint_url = x\ns3 =\n  endpoint_url = y\n[profile a]\ns3 =\n  region = x\nregion = y\n", "", ""},
	} {
		f := files(t, c.config, c.credentials)
		found, err := f.Quirks()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, q := range found {
			if q.Text == "" || q.Remedy == "" {
				t.Errorf("%s: %+v", name, q)
			}
			got = append(got, fmt.Sprintf("%s:%d %s", filepath.Base(q.File), q.Line, q.Code))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestHas(t *testing.T) {
	f := files(t, "[profile a]\n[b]\n", "[c]\n")
	for profile, want := range map[string]bool{"a": true, "b": false, "c": true, "default": true, "d": false} {
		if got, err := f.Has(profile); got != want || err != nil {
			t.Errorf("%s: %v %v", profile, got, err)
		}
	}
}
