package daemon

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// programPages gives back the pages of the program that this process has mapped but
// never writes to: what it needs again comes from the page cache, without a wait,
// and what only its start needed does not come back. An SDK of AWS is most of it.
func programPages() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range bytes.Lines(maps) {
		begin, end, ok := ofProgram(line, self)
		if ok {
			// Not by unix.Madvise: the range is nobody's slice. Refused, they stay.
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, begin, end-begin, unix.MADV_DONTNEED)
		}
	}
}

// ofProgram takes apart a line of proc_pid_maps(5), if it is of a part of the
// program that nobody writes to.
func ofProgram(line []byte, self string) (begin, end uintptr, ok bool) {
	words := bytes.Fields(line)
	if len(words) < 6 || len(words[1]) != 4 || words[1][1] != '-' || words[1][3] != 'p' || !bytes.HasSuffix(bytes.TrimRight(line, "\n"), []byte(" "+self)) {
		return 0, 0, false
	}
	from, to, _ := bytes.Cut(words[0], []byte("-"))
	first, err := strconv.ParseUint(string(from), 16, 64)
	if err != nil {
		return 0, 0, false
	}
	last, err := strconv.ParseUint(string(to), 16, 64)
	return uintptr(first), uintptr(last), err == nil && last > first
}
