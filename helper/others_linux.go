package helper

import "syscall"

// markOthers marks all descriptors but the first three in one call, which is of
// Linux 5.11.
func markOthers() error {
	const sysCloseRange, closeOnExec = 436, 4
	if _, _, errno := syscall.RawSyscall(sysCloseRange, 3, ^uintptr(0), closeOnExec); errno != 0 {
		return errno
	}
	return nil
}
