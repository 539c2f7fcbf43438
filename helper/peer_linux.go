package helper

import "syscall"

// PeerUID returns the uid at the other end of a Unix socket, by the kernel's
// word: of the process that connected, or of the one that began to listen.
func PeerUID(fd uintptr) (int, error) {
	cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
