//go:build unix

package daemon

import (
	"os"
	"syscall"
)

// again executes the program anew in this process: a service manager that
// watches it notices nothing. It returns only on failure.
func again() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, os.Args, os.Environ())
}
