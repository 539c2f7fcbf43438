package daemon

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// TestUnderSystemdALineBeginsWithItsPriority, as sd-daemon(3) has it, and
// carries neither time nor level: the journal knows both.
func TestUnderSystemdALineBeginsWithItsPriority(t *testing.T) {
	var out bytes.Buffer
	log, closer, err := openLog(environment("JOURNAL_STREAM", "8:1"), t.TempDir(), &out, false, false)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("not shown")
	log.Info("an info", "key", "work")
	log.With("key", "home").Warn("a warning")
	log.WithGroup("g").Error("an error", "a", 1)
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	want := "<6>msg=\"an info\" key=work\n<4>msg=\"a warning\" key=home\n<3>msg=\"an error\" g.a=1\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

// TestLinesOfManyGoroutinesStayWhole, in the journal and in the file.
func TestLinesOfManyGoroutinesStayWhole(t *testing.T) {
	var out bytes.Buffer
	dir := t.TempDir()
	for name, env := range map[string]func(string) string{"journal": environment("JOURNAL_STREAM", "8:1"), "file": environment()} {
		log, closer, err := openLog(env, dir, &out, false, false)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 50 {
					log.With("a", "b").Info("a line of some length", "key", "work")
				}
			})
		}
		all.Wait()
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if name == "file" {
			b, err := os.ReadFile(filepath.Join(dir, LogFile))
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		for line := range strings.Lines(text) {
			if !strings.HasSuffix(line, "msg=\"a line of some length\" a=b key=work\n") {
				t.Fatalf("%s: a torn line: %q", name, line)
			}
		}
		if n := strings.Count(text, "\n"); n != 1000 {
			t.Errorf("%s: %d lines of 1000", name, n)
		}
		out.Reset()
	}
}

// TestTheLogFileStaysSmall fills it beyond its bound; one older file is kept.
func TestTheLogFileStaysSmall(t *testing.T) {
	dir := t.TempDir()
	log, closer, err := openLog(environment(), dir, nil, false, false)
	if err != nil {
		t.Fatal(err)
	}
	filler := strings.Repeat("x", 1000)
	for range 3 * logMost / 1000 {
		log.Info(filler)
	}
	log.Log(t.Context(), slog.LevelInfo, "the last line")
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Size() > logMost || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, %v, %v", f.Name(), info.Size(), info.Mode(), err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, LogFile))
	if err != nil || !strings.Contains(string(b), "the last line") {
		t.Errorf("the newest line is not in the newest file: %v", err)
	}
}
