//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

const runs = 300 // of each program

// helpers runs every program in turn.
func (b *bench) helpers() error {
	stop, err := b.canned()
	if err != nil {
		return err
	}
	defer stop()
	if out, err := b.command(b.program(helper), "work").Output(); err != nil || !bytes.Equal(out, answer) {
		return fmt.Errorf("the helper printed %q, %w", out, errors.Join(err))
	}
	var names []string
	for _, f := range floors {
		if _, err := os.Stat(b.program(f.name)); err == nil {
			names = append(names, f.name)
		}
	}
	names = append(names, helper)
	times, peaks := map[string][]time.Duration{}, map[string]float64{}
	for i := range runs + 5 {
		for _, name := range names {
			cmd := b.command(b.program(name), "work") // its output goes to the null device
			began := time.Now()
			err := cmd.Run()
			took := time.Since(began)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if i < 5 {
				continue // the first ones read the program from the disk
			}
			times[name] = append(times[name], took)
		}
	}
	for _, name := range names {
		for range 5 {
			mib, err := peak(b.command(b.program(name), "work"))
			if err != nil {
				return err
			}
			peaks[name] = max(peaks[name], mib)
		}
	}
	var empty, ours figure
	for _, name := range names {
		f := spread(name, times[name], "ms", time.Millisecond)
		f.Name = strings.ReplaceAll(name, "_", "/") // a file has no slash in its name
		f.Peak = peaks[name]
		if info, err := os.Stat(b.program(name)); err == nil {
			f.Size = float64(info.Size()) / (1 << 20)
		}
		switch name {
		case emptyGo:
			empty = f
		case helper:
			ours = f
		}
		b.note(f)
	}
	ratio := figure{Name: "helper over empty Go", Unit: "×", Min: ours.Min / empty.Min, Median: ours.Median / empty.Median, P99: ours.P99 / empty.P99}
	b.atMost(ratio, 1.30, "a round trip, its own command line from /proc, the environment, the checks of folder and peer")
	ratio.Name += " (the hope)"
	b.atMost(ratio, 1.15, "see the C program that asks beside the empty one: the round trip alone is most of it")
	if counted, err := b.instructions(b.program(emptyGo)); err != nil {
		return err
	} else if counted > 0 {
		own, err := b.instructions(b.program(helper))
		if err != nil {
			return err
		}
		b.note(figure{Name: "instructions of the helper over those of empty Go, outside of the kernel", Unit: "×", Median: own / counted, Why: fmt.Sprintf("%.0f over %.0f", own, counted)})
	}
	b.atMost(figure{Name: "helper, peak", Unit: "MiB", Median: ours.Peak}, 2.5, "")
	b.atMost(figure{Name: "helper, stripped", Unit: "MiB", Median: ours.Size}, 1.6, "")
	return nil
}
