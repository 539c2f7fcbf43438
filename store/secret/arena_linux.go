package secret

import "golang.org/x/sys/unix"

// leaveOutOfDumps is the second fence: the first is that there are no core dumps.
func leaveOutOfDumps(memory []byte) { _ = unix.Madvise(memory, unix.MADV_DONTDUMP) }
