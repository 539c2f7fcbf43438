//go:build darwin || freebsd

package daemon

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// systemID is the kernel's: kern.uuid on macOS, kern.hostuuid on FreeBSD.
func systemID() (string, error) {
	if runtime.GOOS == "darwin" {
		return unix.Sysctl("kern.uuid")
	}
	return unix.Sysctl("kern.hostuuid")
}
