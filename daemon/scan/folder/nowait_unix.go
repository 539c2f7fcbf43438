//go:build unix

package folder

import "syscall"

// noWait keeps the opening of a pipe from waiting for its other end.
const noWait = syscall.O_NONBLOCK | syscall.O_NOFOLLOW
