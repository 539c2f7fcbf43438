//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/secret"
)

// size is what a set of so many keys, each with its profile, takes.
type size struct {
	keys                         int
	answer, memory, tick, status float64 // ns, bytes a key, ns for one that comes due, ms
}

// growth measures the daemon's set of keys over a store in memory: what grows is
// ours, not a keychain.
func (b *bench) growth(plot string) error {
	due, err := ticks()
	if err != nil {
		return err
	}
	var sizes []size
	for n := 1; n <= 10000; n *= 10 {
		s, err := grown(filepath.Join(b.dir, "grown"), n)
		if err != nil {
			return err
		}
		s.tick = due[n]
		sizes = append(sizes, s)
	}
	first, last := sizes[0], sizes[len(sizes)-1]
	for _, s := range sizes {
		b.note(figure{Name: fmt.Sprintf("%d keys: an answer from memory", s.keys), Unit: "ns", Median: s.answer,
			Why: s.text()})
	}
	b.atMost(figure{Name: "an answer at 10,000 keys over one at 1", Unit: "×", Median: last.answer / first.answer}, 2, "10,000 keys do not fit the processor's cache; of the time that an answer takes it is a hundredth")
	b.atMost(figure{Name: "memory a key at 10,000", Unit: "KiB", Median: last.memory / 1024}, 4, "its record, its answer, and what it takes to come back")
	b.atMost(figure{Name: "status at 10,000", Unit: "ms", Median: last.status}, 200, "")
	b.atMost(figure{Name: "work of a tick that finds one key due, at 10,000 over that at 1", Unit: "×", Median: last.tick / first.tick}, 14, "14 is the logarithm of 10,000")
	return os.WriteFile(plot, []byte(draw(sizes)), 0o644)
}

// text leaves out the memory of a few keys, which is lost in what else moves.
func (s size) text() string {
	text := fmt.Sprintf("one that comes due %.0f ns, status %.2f ms", s.tick, s.status)
	if s.keys >= 100 {
		text += fmt.Sprintf(", %.0f B a key", s.memory)
	}
	return text
}

func grown(dir string, n int) (size, error) {
	items := &memory{items: map[string][]byte{}}
	st := store.New(items, store.Identity{Machine: "bench", Instance: "bench"})
	now := time.Now()
	record := rotation.New(rotation.User{ARN: "arn:aws:iam::123456789012:user/bench"},
		rotation.Version{ID: "AKIAIOSFODNN7EXAMPLE", Secret: secret.New("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), Created: now.Truncate(time.Second)}, "", time.Hour, now)
	payload, err := rotation.Encode(record)
	if err != nil {
		return size{}, err
	}
	name := func(i int) string { return fmt.Sprintf("key%d", i) }
	for i := range n {
		if err := st.Add(context.Background(), name(i), payload); err != nil {
			return size{}, err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return size{}, err
	}
	before := inUse()
	ctx, cancel := context.WithCancel(context.Background())
	set := keys.Open(ctx, keys.Options{
		Store: st, StateDir: dir,
		Settings: func(string) rotation.Settings {
			return rotation.Settings{Every: 90 * 24 * time.Hour, TTL: 15 * time.Minute, Grace: 24 * time.Hour, Monitor: 24 * time.Hour}
		},
		Profiles: func(names []string) []api.Profile {
			list := make([]api.Profile, len(names))
			for i, name := range names {
				list[i] = api.Profile{Name: name, Key: name, Serve: "key"}
			}
			return list
		},
		AWS:      func(string) (keys.AWS, error) { return away{}, nil },
		Endpoint: func(string) string { return "" }, With: func(string) string { return "" },
		History: func(api.Event) {}, Log: slog.New(slog.DiscardHandler), LockTaken: now, Wall: time.Now,
	})
	defer func() { cancel(); set.Close() }()
	for i := range n { // each is read
		out, err := set.Credentials(name(i))
		for late := time.Now().Add(time.Minute); err != nil && time.Now().Before(late); {
			out, err = set.Credentials(name(i))
		}
		if err != nil {
			return size{}, err
		}
		clear(out)
	}
	time.Sleep(300 * time.Millisecond)
	s := size{keys: n, memory: float64(inUse()-before) / float64(n)}
	const asks = 20000
	names := make([]string, n)
	for i := range names {
		names[i] = name(i)
	}
	began := time.Now()
	for i := range asks {
		out, err := set.Credentials(names[i*7919%n])
		if err != nil {
			return size{}, err
		}
		clear(out)
	}
	s.answer = float64(time.Since(began)) / asks
	began = time.Now()
	list := set.List()
	if _, err := json.Marshal(list); err != nil {
		return size{}, err
	}
	s.status = float64(time.Since(began)) / 1e6
	return s, nil
}

// ticks is what one key takes that comes due beside so many others, in ns.
func ticks() (map[int]float64, error) {
	out, err := exec.Command("go", "test", "-run=^$", "-bench=^BenchmarkAgenda$", "./daemon/keys").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	by := map[int]float64{}
	for _, found := range regexp.MustCompile(`BenchmarkAgenda/(\d+)\S*\s+\d+\s+([0-9.]+) ns/op`).FindAllSubmatch(out, -1) {
		keys, _ := strconv.Atoi(string(found[1]))
		by[keys], _ = strconv.ParseFloat(string(found[2]), 64)
	}
	if len(by) < 5 {
		return nil, fmt.Errorf("the benchmark told nothing:\n%s", out)
	}
	return by, nil
}

// inUse is the heap in use and the stacks of goroutines, in bytes.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// away is an AWS that cannot be reached: serving needs none.
type away struct{ keys.AWS }

func (away) Do(context.Context, string, rotation.Action) rotation.Outcome {
	return rotation.Outcome{Result: rotation.NotSent, Text: "there is no network"}
}

// memory is a keychain without anything beneath.
type memory struct {
	mu    sync.Mutex
	items map[string][]byte
}

func (m *memory) Get(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data, ok := m.items[name]; ok {
		return append([]byte(nil), data...), nil
	}
	return nil, store.ErrAbsent
}

func (m *memory) Set(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items[name] = append([]byte(nil), data...)
	return nil
}

func (m *memory) Remove(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.items[name]; !ok {
		return store.ErrAbsent
	}
	delete(m.items, name)
	return nil
}

func (m *memory) Sync(context.Context) error { return nil }

// draw plots the sizes, both axes by tens: each line is one cost over its own at the
// fewest keys that tell it, so that a flat line is a flat cost.
func draw(sizes []size) string {
	const width, height, margin = 640, 360, 50
	lines := []struct {
		name, colour string
		of           func(size) float64
	}{
		{"an answer", "#1b6ca8", func(s size) float64 { return s.answer }},
		{"memory a key", "#3a7d44", func(s size) float64 {
			if s.keys < 100 {
				return 0 // it tells nothing
			}
			return s.memory
		}},
		{"a key that comes due", "#b5651d", func(s size) float64 { return s.tick }},
		{"status", "#8e3b8e", func(s size) float64 { return s.status }},
	}
	x := func(keys int) float64 { return margin + math.Log10(float64(keys))/4*(width-2*margin) }
	y := func(v float64) float64 {
		return height - margin - (math.Log10(max(v, 1e-2))+2)/6*(height-2*margin)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12"><rect width="100%%" height="100%%" fill="white"/>`+"\n", width, height)
	fmt.Fprintf(&out, `<text x="%d" y="20">Cost by number of keys, over that at the fewest (make bench)</text>`+"\n", margin)
	for _, s := range sizes {
		fmt.Fprintf(&out, `<line x1="%[1]g" y1="%[2]d" x2="%[1]g" y2="%[3]d" stroke="#ddd"/><text x="%[1]g" y="%[4]d" text-anchor="middle">%[5]d</text>`+"\n", x(s.keys), margin, height-margin, height-margin+18, s.keys)
	}
	for v := 0.01; v < 20000; v *= 10 {
		fmt.Fprintf(&out, `<line x1="%d" y1="%[3]g" x2="%[2]d" y2="%[3]g" stroke="#ddd"/><text x="%[4]d" y="%[5]g" text-anchor="end">%[6]g</text>`+"\n", margin, width-margin, y(v), margin-6, y(v)+4, v)
	}
	for i, line := range lines {
		var points []string
		var first float64
		for _, s := range sizes {
			if cost := line.of(s); cost > 0 {
				if first == 0 {
					first = cost
				}
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(s.keys), y(cost/first)))
			}
		}
		fmt.Fprintf(&out, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%d" y="%d" fill="%[2]s">%[5]s</text>`+"\n", strings.Join(points, " "), line.colour, margin+10, margin+16+16*i, line.name)
	}
	return out.String() + "</svg>\n"
}
