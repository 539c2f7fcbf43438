//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

var collected = regexp.MustCompile(`Collected : (\d+)`)

// instructions counts those that a program executes outside of the kernel, by
// valgrind's callgrind: no other work on the machine changes them, only the order in
// which Go's threads come to run does, so the least of several runs is taken. None
// without valgrind.
func (b *bench) instructions(program string) (least float64, err error) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		return 0, nil
	}
	for range 7 {
		out, err := b.command(valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "work").CombinedOutput()
		found := collected.FindSubmatch(out)
		if err != nil || found == nil {
			return 0, fmt.Errorf("%s under valgrind: %w\n%s", program, err, out)
		}
		if n, _ := strconv.ParseFloat(string(found[1]), 64); least == 0 || n < least {
			least = n
		}
	}
	return least, nil
}
