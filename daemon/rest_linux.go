package daemon

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// programPages gives back the pages of the program that this process has mapped and
// never written to: what it needs again comes from the page cache, without a wait,
// and what only its start needed does not come back. An SDK of AWS is most of it.
func programPages() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range untouched(smaps, self) {
		// Not by unix.Madvise: the range is nobody's slice. Refused, they stay.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.begin, m.end-m.begin, unix.MADV_DONTNEED)
	}
}

// mapping is a range of addresses.
type mapping struct{ begin, end uintptr }

// untouched are the parts of the program that this process can only read, by
// proc_pid_smaps(5). Not all of these are as they are in the file: of a program that
// is linked to be moved (PIE, RELRO) some were written before they were closed, and
// would be lost. The kernel counts such pages as anonymous.
func untouched(smaps []byte, self string) (list []mapping) {
	var at mapping
	own := false
	for line := range bytes.Lines(smaps) {
		words := bytes.Fields(line)
		switch {
		case len(words) == 3 && string(words[0]) == "Anonymous:":
			if own && string(words[1]) == "0" {
				list = append(list, at)
			}
			own = false
		case len(words) >= 5 && len(words[1]) == 4: // the head of a mapping
			begin, end, _ := bytes.Cut(words[0], []byte("-"))
			first, err := strconv.ParseUint(string(begin), 16, 64)
			last, err2 := strconv.ParseUint(string(end), 16, 64)
			at = mapping{uintptr(first), uintptr(last)}
			own = err == nil && err2 == nil && last > first && words[1][1] == '-' && words[1][3] == 'p' &&
				bytes.HasSuffix(bytes.TrimRight(line, "\n"), []byte(" "+self))
		}
	}
	return list
}
