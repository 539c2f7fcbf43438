package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestChangelog(t *testing.T) {
	day := time.Date(2026, 12, 31, 10, 0, 0, 0, time.UTC)
	text := "# Changelog\n\nWhat changes.\n\n## Unreleased\n\n- `a` does\n  b.\n- c\n\n## 1.0.0 (2026-11-27)\n\nThe first\nstone.\n\n- d " +
		strings.Repeat("word ", 20) + "\n"
	entries, err := readChangelog(text, "1.1.0-0.20261231100000-abcdef012345", day)
	if err != nil {
		t.Fatal(err)
	}
	want := `awskeyd (1.1.0~pre20261231100000-1) unstable; urgency=medium

  * ` + "`a`" + ` does b.
  * c

 -- The awskeyd authors <awskeyd@users.noreply.github.com>  Thu, 31 Dec 2026 10:00:00 +0000

awskeyd (1.0.0-1) unstable; urgency=medium

  * The first stone.
  * d word word word word word word word word word word word word word word
    word word word word word word

 -- The awskeyd authors <awskeyd@users.noreply.github.com>  Fri, 27 Nov 2026 00:00:00 +0000
`
	if got := string(debianChangelog("awskeyd", entries)); got != want {
		t.Errorf("%s\nis not\n%s", got, want)
	}
	if !entries[0].unreleased || entries[1].unreleased {
		t.Error("what is unreleased is not known")
	}
	for _, bad := range []string{"# Changelog\n", "## 1.2\n", "## 1.2.3 (yesterday)\n", "## 1.2.3 (2026-13-01)\n"} {
		if _, err := readChangelog(bad, "1.0.0", day); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestLicencesAreKnownOrRefused(t *testing.T) {
	take := func(files map[string]string) (module, error) {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		m := module{path: "example.com/m", version: "v1.0.0"}
		return m, m.take(dir)
	}
	mit := "Copyright\n\nPermission is hereby granted, free of\ncharge, to any person obtaining a copy"
	if m, err := take(map[string]string{"LICENSE.txt": mit, "NOTICE": "names", "license.go": "package m"}); err != nil ||
		strings.Join(m.kinds, " ") != "MIT" || len(m.texts) != 2 {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := take(map[string]string{"main.go": "package main"}); err != nil || len(m.kinds) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := take(map[string]string{"LICENSE": mit, "LICENSE.other": "All rights reserved."}); err == nil || !strings.Contains(err.Error(), "LICENSE.other") {
		t.Errorf("a licence that nobody knows was taken: %v", err)
	}
	two := "Redistributions of source code must retain the above copyright notice."
	for text, kind := range map[string]string{two: "BSD-2-Clause", two + " Neither the name of": "BSD-3-Clause"} {
		if m, err := take(map[string]string{"COPYING": text}); err != nil || strings.Join(m.kinds, " ") != kind {
			t.Errorf("%+v, %v, not %s", m, err, kind)
		}
	}
	all := string(licences([]module{{path: "a", version: "v1", texts: []string{"one"}}, {path: "b", version: "v2", texts: []string{"one", "two"}}}))
	if strings.Count(all, "one") != 1 || !strings.Contains(all, "a v1\nb v2\n\none\n") || !strings.Contains(all, "b v2\n\ntwo\n") {
		t.Errorf("%s", all)
	}
}

func TestVersionsOfPackages(t *testing.T) {
	for version, want := range map[string]string{
		"1.2.3":                               "1.2.3-1",
		"1.2.3-rc.1":                          "1.2.3~rc1-1",
		"1.2.4-0.20261127200000-d4b1adf55418": "1.2.4~pre20261127200000-1",
		"0.0.0-20261127200000-d4b1adf55418":   "0.0.0~pre20261127200000-1",
	} {
		if got := fullVersion(version); got != want {
			t.Errorf("%s became %s, not %s", version, got, want)
		}
	}
}
