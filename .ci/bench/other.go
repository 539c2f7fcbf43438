//go:build !linux

// Bench needs Linux, whose /proc tells what a process costs.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: it needs Linux, whose /proc tells what a process costs")
	os.Exit(1)
}
