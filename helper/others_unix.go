//go:build unix && !linux

package helper

import "syscall"

func markOthers() error { return syscall.ENOSYS }
