//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// onlyOurs refuses a passphrase that somebody else can read.
func onlyOurs(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if sys, ok := info.Sys().(*syscall.Stat_t); !ok || int(sys.Uid) != os.Getuid() {
		return fmt.Errorf("the passphrase file %s belongs to somebody else", f.Name())
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("the passphrase file %s can be read by others; type: chmod 600 %s", f.Name(), f.Name())
	}
	return nil
}
