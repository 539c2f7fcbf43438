package history

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

func event(n int, key string) api.Event {
	return api.Event{
		Time: time.Date(2026, 3, 1, 10, 0, n, 0, time.UTC), Key: key, Event: "switched",
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Text: fmt.Sprintf("event %d <\"\n&>", n),
	}
}

func add(t *testing.T, h *History, events ...api.Event) {
	t.Helper()
	for _, e := range events {
		if err := h.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func query(t *testing.T, h *History, key string, limit int) []api.Event {
	t.Helper()
	got, err := h.Query(key, limit)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAppendThenQuery(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	h := Open(folder)
	if got := query(t, h, "", 0); len(got) != 0 {
		t.Errorf("a new history holds %v", got)
	}
	all := []api.Event{event(1, "work"), event(2, "home"), event(3, "work"), {Time: time.Unix(5, 0).UTC(), Event: "started", Text: "of no key"}}
	add(t, h, all...)
	for _, c := range []struct {
		key   string
		limit int
		want  []api.Event
	}{
		{"", 0, all},
		{"", 2, all[2:]},
		{"", 99, all},
		{"work", 0, []api.Event{all[0], all[2]}},
		{"WORK", 1, all[2:3]},
		{"none", 0, nil},
	} {
		// Read by another instance: what counts is what lies on the disk.
		if got := query(t, Open(folder), c.key, c.limit); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Query(%q, %d) = %v, want %v", c.key, c.limit, got, c.want)
		}
	}
	raw, err := os.ReadFile(filepath.Join(folder, "history.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	first := `{"time":"2026-03-01T10:00:01Z","key":"work","event":"switched","access_key_id":"AKIAIOSFODNN7EXAMPLE","text":"event 1 <\"\n&>"}` + "\n"
	first = strings.Replace(first, "\n&", `\n&`, 1)
	if !strings.HasPrefix(string(raw), first) || strings.Count(string(raw), "\n") != len(all) {
		t.Errorf("file holds\n%s", raw)
	}
	if info, _ := os.Stat(filepath.Join(folder, "history.jsonl")); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
}

func TestHalfLineLosesOnlyItself(t *testing.T) {
	for _, tail := range []string{
		`{"time":"2026-03-01T10:00:02Z","key":"wo`, // a crash in the middle of a write
		"\x00\x00\x00\x00",                         // what some file systems leave after a power cut
		strings.Repeat("x", 3*maxLine),             // longer than any line of ours
		"{}", "null", "[1]",
	} {
		h := Open(t.TempDir())
		add(t, h, event(1, "work"))
		f, err := os.OpenFile(h.path(0), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(tail)
		f.Close()
		add(t, h, event(3, "work"))
		if got, want := query(t, h, "", 0), []api.Event{event(1, "work"), event(3, "work")}; !reflect.DeepEqual(got, want) {
			t.Errorf("after %.20q: %v", tail, got)
		}
	}
}

func TestSetAsideBySize(t *testing.T) {
	h := Open(t.TempDir())
	h.maxFile = 1000
	const n = 60
	for i := range n {
		add(t, h, event(i, "work"))
	}
	entries, err := os.ReadDir(h.folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != kept+1 {
		t.Errorf("%d files are kept: %v", len(entries), entries)
	}
	for _, e := range entries {
		if info, _ := e.Info(); info.Size() > h.maxFile || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has %d bytes, mode %o", e.Name(), info.Size(), info.Mode().Perm())
		}
	}
	got := query(t, h, "", 0)
	if len(got) < 20 || len(got) >= n {
		t.Fatalf("%d of %d events are left", len(got), n)
	}
	for i, e := range got { // the newest, in order, without a gap
		if want := event(n-len(got)+i, "work"); e != want {
			t.Fatalf("event %d is %v, want %v", i, e, want)
		}
	}
}

// A file that cannot be set aside grows, and a query still reads a bounded
// part of it: its newer end.
func TestQueryOfAnOvergrownFile(t *testing.T) {
	h := Open(t.TempDir())
	for i := range 60 {
		add(t, h, event(i, "work"))
	}
	h.maxFile = 1000
	got := query(t, h, "", 0)
	if len(got) < 5 || len(got) > 20 || got[len(got)-1] != event(59, "work") {
		t.Errorf("%d events: %v", len(got), got)
	}
}

func TestTooLongEventIsRefused(t *testing.T) {
	h := Open(t.TempDir())
	long := event(1, "work")
	long.Text = strings.Repeat("x", maxLine)
	if err := h.Append(long); err == nil {
		t.Error("written, though no query would find it")
	}
	add(t, h, event(2, "work"))
	if got := query(t, h, "", 0); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	h := Open(t.TempDir())
	h.maxFile = 200_000
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 50 {
				if err := h.Append(event(i, fmt.Sprint("key", w))); err != nil {
					t.Error(err)
				}
				if i%10 == 0 {
					h.Subscribe(ctx)
					if _, err := h.Query("", 5); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	for w := range 8 {
		if got := query(t, h, fmt.Sprint("key", w), 0); len(got) != 50 {
			t.Errorf("writer %d: %d events", w, len(got))
		}
	}
}

func TestSubscribe(t *testing.T) {
	h := Open(t.TempDir())
	add(t, h, event(0, "before"))
	ctx, cancel := context.WithCancel(t.Context())
	c := h.Subscribe(ctx)
	add(t, h, event(1, "work"), event(2, "work"))
	for i := 1; i <= 2; i++ {
		if e := <-c; e != event(i, "work") {
			t.Errorf("got %v", e)
		}
	}
	cancel()
	if e, open := <-c; open {
		t.Errorf("after its end the stream delivered %v", e)
	}
	add(t, h, event(3, "work")) // nobody is left to tell
}

func TestSlowSubscriberIsClosedAndOthersGoOn(t *testing.T) {
	h := Open(t.TempDir())
	slow, quick := h.Subscribe(t.Context()), h.Subscribe(t.Context())
	for i := range pending + 1 {
		add(t, h, event(i, "work"))
		if e, open := <-quick; !open || e != event(i, "work") {
			t.Fatalf("quick reader got %v %v", e, open)
		}
	}
	n := 0
	for range slow { // ends only if the channel is closed
		n++
	}
	if n != pending {
		t.Errorf("slow reader got %d events before its end", n)
	}
	if len(h.subscribers) != 1 {
		t.Errorf("%d subscribers are remembered", len(h.subscribers))
	}
}

func FuzzScan(f *testing.F) {
	line, _ := encode(event(1, "work"))
	f.Add(line)
	f.Add(append(line, line[:20]...))
	f.Add([]byte("\n\n\x00{\"event\":\"x\"}\nnull\n"))
	f.Add(bytes.Repeat([]byte{'a'}, maxLine+5))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Whatever lies before it, an event that was appended is found.
		before := 0
		if err := scan(bytes.NewReader(data), func(api.Event) { before++ }); err != nil {
			t.Fatal(err)
		}
		if len(data) > 0 && data[len(data)-1] != '\n' {
			data = append(data, '\n') // as write does
		}
		line, err := encode(event(7, "work"))
		if err != nil {
			t.Fatal(err)
		}
		var got []api.Event
		if err := scan(bytes.NewReader(append(data, line...)), func(e api.Event) { got = append(got, e) }); err != nil {
			t.Fatal(err)
		}
		if len(got) != before+1 || got[before] != event(7, "work") {
			t.Errorf("%d events before, then %v", before, got)
		}
	})
}
