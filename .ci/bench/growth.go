//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
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
	socket                       float64 // µs: an answer over a new connection
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
	b.note(figure{Name: "an answer from memory at 10,000 keys over one at 1", Unit: "×", Median: last.answer / first.answer, Why: "10,000 keys do not fit the processor's cache"})
	b.atMost(figure{Name: "an answer over the socket at 10,000 keys over one at 1", Unit: "×", Median: last.socket / first.socket}, 1.1, "other work on the machine, and the processor's cache")
	b.atMost(figure{Name: "memory a key at 10,000", Unit: "KiB", Median: last.memory / 1024}, 4, "its record, its answer, and what it takes to come back")
	b.atMost(figure{Name: "status at 10,000", Unit: "ms", Median: last.status}, 200, "")
	b.atMost(figure{Name: "work of a tick that finds one key due, at 10,000 over that at 1", Unit: "×", Median: last.tick / first.tick}, 14, "14 is the logarithm of 10,000")
	return os.WriteFile(plot, []byte(draw(sizes)), 0o644)
}

// text leaves out the memory of a few keys, which is lost in what else moves.
func (s size) text() string {
	text := fmt.Sprintf("over the socket %.1f µs, one that comes due %.0f ns, status %.2f ms", s.socket, s.tick, s.status)
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
	if s.socket, err = overSocket(ctx, filepath.Join(dir, "socket"), set, names); err != nil {
		return size{}, err
	}
	began = time.Now()
	list := set.List()
	if _, err := json.Marshal(list); err != nil {
		return size{}, err
	}
	s.status = float64(time.Since(began)) / 1e6
	return s, nil
}

// speaking is a service of credentials alone.
type speaking struct {
	api.Service
	set *keys.Set
}

func (s speaking) Credentials(profile string) ([]byte, error) { return s.set.Credentials(profile) }
func (s speaking) CredentialsNow(profile string) []byte       { return s.set.CredentialsNow(profile) }

// overSocket is the median time in µs of an answer over a new connection, each for
// another key.
func overSocket(ctx context.Context, path string, set *keys.Set, names []string) (float64, error) {
	l, err := api.Listen(path)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- api.Serve(ctx, l, speaking{set: set}, slog.New(slog.DiscardHandler)) }()
	i := 0
	times, err := timed(10000, func() error {
		c, err := dial(path)
		if err != nil {
			return err
		}
		defer c.close()
		i++
		_, err = c.ask("GET /v1/credentials/" + names[i*7919%len(names)] + " HTTP/1.0\r\n\r\n")
		return err
	})
	cancel()
	if err := errors.Join(err, <-ended); err != nil {
		return 0, err
	}
	return spread("", times, "µs", time.Microsecond).Median, nil
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
