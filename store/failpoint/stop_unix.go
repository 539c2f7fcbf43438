//go:build failpoints && unix

package failpoint

import (
	"os"
	"syscall"
)

// freeze stops this process until somebody sends SIGCONT.
func freeze() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		panic(badRule + err.Error())
	}
}
