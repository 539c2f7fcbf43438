//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"time"
)

const crowdSize = 1000

// crowd starts 1,000 helpers at once and 1,000 empty programs, in turn.
func (b *bench) crowd() error {
	stop, err := b.canned()
	if err != nil {
		return err
	}
	defer stop()
	both := map[string][]time.Duration{}
	for range 3 {
		for _, name := range []string{emptyGo, helper} {
			took, err := b.atOnce(name)
			if err != nil {
				return err
			}
			both[name] = append(both[name], took)
		}
	}
	empty, ours := spread("1,000 empty Go programs at once", both[emptyGo], "ms", time.Millisecond), spread("1,000 helpers at once", both[helper], "ms", time.Millisecond)
	ours.Why = fmt.Sprintf("%d answered, none refused", len(both[helper])*crowdSize) // or there were an error
	b.note(empty)
	b.note(ours)
	b.atMost(figure{Name: "1,000 helpers over 1,000 empty", Unit: "×", Min: ours.Min / empty.Min, Median: ours.Median / empty.Median}, 1.2,
		"the daemon has its share of the same processors, and there is a round trip in each")
	return nil
}

func (b *bench) atOnce(name string) (time.Duration, error) {
	began := time.Now()
	var all []*exec.Cmd
	var failed error
	for range crowdSize {
		cmd := b.command(b.program(name), "work")
		if err := cmd.Start(); err != nil {
			failed = err
			break
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			failed = fmt.Errorf("one of %d: %w", crowdSize, err)
		}
	}
	return time.Since(began), failed
}
