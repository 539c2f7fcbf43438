// Command units writes the units of systemd that packages bring for every user:
//
//	go run ./packaging/units -o DIR
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("o", "", "the `DIR` to write into, which is made if it is missing")
	flag.Parse()
	if err := write(*dir); err != nil {
		fmt.Fprintf(os.Stderr, "units: %v\n", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	if dir == "" {
		return errors.New("no folder to write into; type: go run ./packaging/units -o DIR")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range units("/usr/bin/awskeyd") {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
