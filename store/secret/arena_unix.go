//go:build unix

package secret

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// lockedMemory maps memory that is not swapped. With an error it can be, and is
// used all the same.
func lockedMemory(size int) ([]byte, error) {
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("the system gives no memory to lock: %w", err)
	}
	leaveOutOfDumps(memory)
	if err := unix.Mlock(memory); err != nil {
		return memory, fmt.Errorf("the system does not allow %d KiB of memory to be locked: %w", size>>10, err)
	}
	return memory, nil
}
