//go:build unix

package helper

import "syscall"

// NoDumps keeps what this process holds out of core dumps and, on Linux, away
// from other programs of the same user: a debugger cannot attach, and
// /proc/PID/mem belongs to root. It comes before the first secret. A child that
// executes another program begins without this, but for the limit.
func NoDumps() error {
	// Both limits: nothing of ours raises them again.
	err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	if more := notDumpable(); err == nil {
		err = more
	}
	return err
}
