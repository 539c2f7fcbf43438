package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Each setting that is taken is described, and each that is described is taken, as
// its example writes it.
func TestTheManualKnowsTheSettings(t *testing.T) {
	known := []string{"version"}
	for table, names := range schema {
		for _, name := range names {
			if table != "keys" || !slices.Contains(rotationSettings, name) {
				known = append(known, table+"."+name)
			}
		}
	}
	for _, at := range known {
		if text := described[at]; len(text) < 20 || !strings.HasSuffix(text, ".") {
			t.Errorf("%s is not described: %q", at, text)
		}
	}
	for at := range described {
		if !slices.Contains(known, at) {
			t.Errorf("%s is described, and no file may write it", at)
		}
	}
	if len(Settings()) != len(known) {
		t.Errorf("%d settings are told, there are %d", len(Settings()), len(known))
	}
	for _, s := range Settings() {
		for _, line := range []string{s.Example, s.Name + " = " + s.Default} {
			if line == s.Name+" = " {
				continue
			}
			text := strings.ReplaceAll(s.Table, "NAME", "work") + "\n" + line + "\n"
			if s.Name == "serve" {
				text += "key = \"work\"\n"
			}
			if _, err := read(text, ""); err != nil {
				t.Errorf("%s %s: %v", s.Table, s.Name, err)
			}
		}
	}
}

// What is told to hold by default does, whatever else the page says.
func TestTheManualKnowsTheDefaults(t *testing.T) {
	c, err := read("", "")
	if err != nil {
		t.Fatal(err)
	}
	r := c.Rotation("any")
	holds := map[string]time.Duration{
		"every": r.Every, "ttl": r.TTL, "prove": r.Prove, "settle": r.Settle, "grace": r.Grace, "imported_grace": r.ImportedGrace, "monitor": r.Monitor,
	}
	for _, s := range Settings() {
		if d, is := holds[s.Name]; is && s.Table == "[rotation]" && s.Default != `"`+Duration(d).String()+`"` {
			t.Errorf("%s is told to be %s, and is %s", s.Name, s.Default, Duration(d))
		}
	}
	if c.Store().Volatile || len(c.Monitor().Regions) > 0 || c.Guard().Adopt || c.Guard().Downloads || c.AWS("any").FIPS {
		t.Error("a switch or a list is not what is told")
	}
}

// Every backend is named, wherever it can be used.
func TestTheManualNamesTheBackends(t *testing.T) {
	for _, s := range systems {
		if !strings.Contains(described["store.backend"], `"`+s.backend+`"`) {
			t.Errorf("%s is not named", s.backend)
		}
	}
}
