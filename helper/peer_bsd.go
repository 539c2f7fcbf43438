//go:build darwin || freebsd

package helper

import (
	"syscall"
	"unsafe"
)

// PeerUID returns the uid at the other end of a Unix socket, by the kernel's
// word: of the process that connected, or of the one that began to listen.
func PeerUID(fd uintptr) (int, error) {
	const solLocal, localPeerCred, xucredVersion = 0, 1, 0 // sys/un.h, sys/ucred.h
	// The head of struct xucred, which is 76 bytes on macOS and 88 on FreeBSD.
	var cred struct {
		version, uid uint32
		_            [80]byte
	}
	size := uint32(unsafe.Sizeof(cred))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, solLocal, localPeerCred,
		uintptr(unsafe.Pointer(&cred)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return -1, errno
	}
	if cred.version != xucredVersion || size < 8 {
		return -1, syscall.EINVAL
	}
	return int(cred.uid), nil
}
