package secret

import (
	"runtime"
	"sync"
)

// The arena is one small piece of memory outside of Go's heap, where the
// collector moves nothing and never hands memory out again unwiped. It fits the
// least limit of locked memory that is usual (64 KiB); what finds no room there
// lies on the heap.
const (
	slotSize  = 128 // an AWS secret has 40 bytes
	arenaSize = 64 << 10
)

var arena struct {
	once sync.Once
	err  error // why it can be swapped

	mu   sync.Mutex
	free [][]byte
}

func open() {
	arena.once.Do(func() {
		var memory []byte
		memory, arena.err = lockedMemory(arenaSize)
		for ; len(memory) >= slotSize; memory = memory[slotSize:] {
			arena.free = append(arena.free, memory[:slotSize:slotSize])
		}
	})
}

// reserve returns n bytes of the arena, or nil where there is no room.
func reserve(n int) []byte {
	if n == 0 || n > slotSize {
		return nil
	}
	open()
	arena.mu.Lock()
	defer arena.mu.Unlock()
	last := len(arena.free) - 1
	if last < 0 {
		return nil
	}
	slot := arena.free[last]
	arena.free = arena.free[:last]
	return slot[:n]
}

// releaseWith gives a cell's bytes back, wiped, when nobody refers to it any more.
func releaseWith(c *cell) {
	runtime.AddCleanup(c, func(slot []byte) {
		clear(slot)
		arena.mu.Lock()
		defer arena.mu.Unlock()
		arena.free = append(arena.free, slot)
	}, c.b[:slotSize])
}

// Swappable is nil where the memory that Values lie in is kept from swap, or
// why the system did not allow it. Copies that others make (the AWS SDK, JSON,
// the connection to the keychain) are on the heap and may be swapped in any
// case; they are short-lived.
func Swappable() error {
	open()
	return arena.err
}
