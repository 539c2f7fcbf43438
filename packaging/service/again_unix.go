//go:build unix

package service

import (
	"os"
	"syscall"
)

// Again executes the program anew in this process, with what was handed over: a
// service manager that watches it notices nothing. It returns only on failure.
func (h *Handed) Again() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if h.kept != nil {
		keepOnExec(true)
	}
	return syscall.Exec(self, os.Args, append(os.Environ(), h.environ...))
}

// keepOnExec lets the handed socket go into the next program, or keeps it from it.
func keepOnExec(keep bool) {
	flags := syscall.FD_CLOEXEC
	if keep {
		flags = 0
	}
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, firstHanded, syscall.F_SETFD, uintptr(flags))
}
