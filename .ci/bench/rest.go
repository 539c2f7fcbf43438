//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Over loopback the daemon looks at its keys every ten seconds instead of once an
// hour: what a minute holds of that is left out, until the daemon, five seconds after
// each, has come to rest again.
const (
	sampled = 250 * time.Millisecond
	echo    = 7 * time.Second
)

// rests measures a minute in which nobody asks a daemon for anything.
func (h *home) rests(pid int) error {
	type sample struct {
		at       time.Time
		by       map[string]float64
		resident float64
		parts    string
	}
	written, err := writes(pid)
	take := func() sample {
		mib, parts := resident(pid)
		return sample{time.Now(), switches(pid), mib, parts}
	}
	samples := []sample{take()}
	for time.Since(samples[0].at) < time.Minute {
		time.Sleep(sampled)
		samples = append(samples, take())
	}
	after, _ := writes(pid)
	var last sample
	var woken, bursts float64
	var counted time.Duration
	calls := h.aws.Calls()
	for i, now := range samples[1:] {
		before := samples[i]
		asked := false
		for _, call := range calls {
			asked = asked || before.at.Before(call.Time.Add(echo)) && now.at.After(call.Time.Add(-sampled))
		}
		if asked {
			continue
		}
		last = now
		counted += now.at.Sub(before.at)
		n := 0.0
		for thread, times := range now.by { // one that is new began at 0
			n += times - before.by[thread]
		}
		woken += n
		if n > 0 {
			bursts++
		}
	}
	if counted < 5*time.Second || last.resident == 0 {
		return fmt.Errorf("the daemon was seen at rest for %s only", counted)
	}
	minutes := counted.Minutes()
	h.atMost(figure{Name: "idle daemon 60 s after 10,000 answers and one full rotation, resident", Unit: "MiB", Median: last.resident}, 14, last.parts)
	without := fmt.Sprintf("of %.0f s, scaled to a minute: without those from when AWS was asked until all rests again, which is once an hour away from loopback", counted.Seconds())
	wakes := figure{Name: "wake-ups of its threads in a minute", Unit: "/min", Median: woken / minutes, Why: without}
	h.atMost(wakes, 2, without+"; Go's own look around once a minute is two")
	h.note(figure{Name: "quarters of a second in a minute in which any of them woke", Unit: "/min", Median: bursts / minutes, Why: without})
	writing := figure{Name: "disk writes in that minute (an hour was not waited for)", Unit: "B", Median: after - written}
	if err != nil {
		writing.Why = "not measured: only root may look at it (" + err.Error() + ")"
		h.note(writing)
		return nil
	}
	h.atMost(writing, 0, "see awskey history")
	return nil
}

// resident is a process's memory in MiB, and what it is made of.
func resident(pid int) (mib float64, parts string) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	in := func(name string) float64 { return field(text, name) / 1024 }
	return in("VmRSS:"), fmt.Sprintf("%.1f MiB are pages of the program file, shared and given up at need; %.1f MiB its own", in("RssFile:"), in("RssAnon:"))
}

// switches is how often each thread of a process has waited and gone on.
func switches(pid int) map[string]float64 {
	by := map[string]float64{}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, path := range tasks {
		if text, err := os.ReadFile(path); err == nil {
			by[path] = field(text, "voluntary_ctxt_switches:")
		}
	}
	return by
}

// writes is how many bytes a process has caused to be written.
func writes(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	return field(text, "write_bytes:"), err
}

func field(text []byte, name string) float64 {
	for line := range bytes.Lines(text) {
		if words := strings.Fields(string(line)); len(words) > 1 && words[0] == name {
			n, _ := strconv.ParseFloat(words[1], 64)
			return n
		}
	}
	return 0
}
