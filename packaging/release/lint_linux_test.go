package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// relativeCpio is a folder with a cpio that writes below where it stands. rpmlint 2.4
// unpacks with cpio alone, and nfpm's packages name their files from the root: run by
// root it would lay them over those of the machine.
func relativeCpio(t *testing.T) string {
	t.Helper()
	real, err := exec.LookPath("cpio")
	if err != nil {
		t.Fatal("there is no cpio: install it with apt-get install cpio")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cpio"), []byte("#!/bin/sh\nexec "+real+" --no-absolute-filenames \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What the linters say, and why it stays.
var (
	lintianFindings = map[string]string{
		"statically-linked-binary":      "Go programs without C stand on nothing of the system's, and the helper begins sooner",
		"initial-upload-closes-no-bugs": "it is not uploaded to Debian, which has no bug that asks for it",
	}
	rpmlintFindings = map[string]string{
		"no-manual-page-for-binary":                 "rpmlint 2.4 compares programs with the section of a page, not its name; the pages are there, which is tested",
		"manpage-not-compressed":                    "it wants bzip2; Fedora and man take gzip",
		"only-non-binary-in-usr-lib":                "systemd looks for the units of packages in /usr/lib on every machine",
		"no-signature":                              "the signature is over SHA256SUMS, one for all formats",
		"statically-linked-binary":                  "Go programs without C stand on nothing of the system's, and the helper begins sooner",
		"position-independent-executable-suggested": "the same: relocating itself costs the helper a part of its start",
		"no-documentation":                          "of the package that only has links",
		"invalid-license":                           "these are the identifiers of SPDX, which Fedora asks for and this rpmlint does not know",
		"dangling-relative-symlink":                 "the links of awskeyd-autostart lead into awskeyd, which it depends on",
	}
)

// lint prints what a linter found with the reason why it stays, and fails what has
// none.
func lint(t *testing.T, line *regexp.Regexp, reasons map[string]string, cmd *exec.Cmd) {
	out, err := cmd.Output()
	if err != nil && cmd.Args[0] == "lintian" {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(out) == 0 && cmd.Args[0] == "rpmlint" {
		t.Fatalf("rpmlint said nothing: %v", err)
	}
	for _, m := range line.FindAllStringSubmatch(string(out), -1) {
		found := fmt.Sprintf("%s: %s%s", m[1], m[2], m[3])
		if why := reasons[m[2]]; why != "" {
			t.Logf("%s\n\tstays: %s", found, why)
		} else {
			t.Error(found)
		}
	}
}
