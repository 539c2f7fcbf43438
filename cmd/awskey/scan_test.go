package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheREADMEShowsAScan: what stands there is what is printed.
func TestTheREADMEShowsAScan(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	printed, err := os.ReadFile("testdata/scan.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(readme), "$ awskey scan\n")
	text, _, closed := strings.Cut(text, "```")
	if !found || !closed || len(text) < 300 {
		t.Fatal("the README shows no scan")
	}
	for finding := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if !strings.Contains(string(printed), finding+"\n") {
			t.Errorf("this is not printed:\n%s", finding)
		}
	}
}

// TestOurOwnFilesHoldNoKey but those that .awskey-allow names.
func TestOurOwnFilesHoldNoKey(t *testing.T) {
	s := &search{noHistory: true, gitignore: true, workers: 2, trouble: func(path string, err error) { t.Error(path, err) }}
	if err := s.paths(t.Context(), []string{"../.."}); err != nil {
		t.Fatal(err)
	}
	for _, f := range s.findings() {
		t.Errorf("%s:%d: %s", f.path, f.line, short(f.id))
	}
	if s.files.Load() < 300 {
		t.Errorf("only %d files were looked at", s.files.Load())
	}
}

// FuzzSource: whatever is typed after --from, and whatever a path is.
func FuzzSource(f *testing.F) {
	for _, text := range []string{"a:1", "abcdef0:a:1", `C:\x:3`, "::", "a:b:99999999999", "\xff:1", "-x:1"} {
		f.Add(text, "*.txt\nconfig/\n# x\n")
	}
	f.Fuzz(func(t *testing.T, text, allow string) {
		if s, err := parseSource(text); err == nil && (s.String() != text || s.line < 1 || s.file == "") {
			t.Errorf("%q is read as %q", text, s)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, allowFile), []byte(allow), 0o600); err != nil {
			t.Fatal(err)
		}
		if a, err := readAllow(dir); err == nil {
			a.has(text, "AKIA")
			if a.has("", "") && !strings.Contains(allow, "*") {
				t.Errorf("%q allows what has no name", allow)
			}
		}
	})
}
