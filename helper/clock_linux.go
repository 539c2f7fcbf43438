package helper

import (
	"syscall"
	"unsafe"
)

// Now returns the moment of the call.
func Now() Moment {
	const monotonic = 1 // CLOCK_MONOTONIC
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&now)), 0)
	return Moment(now.Nano())
}

// sleep may end early, at a signal.
func sleep(span Moment) {
	t := syscall.NsecToTimespec(int64(span))
	_ = syscall.Nanosleep(&t, nil)
}
