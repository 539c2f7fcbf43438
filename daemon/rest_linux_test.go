package daemon

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

func TestWhichPagesAreTheProgramsOwn(t *testing.T) {
	const self = "/opt/a b/awskeyd"
	entry := func(head string, anonymous int) string {
		return head + fmt.Sprintf("Size:               6680 kB\nRss:                6360 kB\nAnonymous:          %4d kB\nVmFlags: rd ex mr mw me\n", anonymous)
	}
	text := entry("00400000-00a86000 r-xp 00000000 fe:00 10511642                           /opt/a b/awskeyd\n", 0) +
		entry("00a86000-010e0000 r--p 00686000 fe:00 10511642                           /opt/a b/awskeyd\n", 0) +
		entry("010e0000-010e8000 r--p 00ce0000 fe:00 10511642                           /opt/a b/awskeyd\n", 32) + // RELRO
		entry("010e8000-0115e000 rw-p 00ce8000 fe:00 10511642                           /opt/a b/awskeyd\n", 0) +
		entry("0115e000-0115f000 r--s 00000000 fe:00 10511642                           /opt/a b/awskeyd\n", 0) +
		entry("02a86000-030e0000 r--p 00686000 fe:00 10511643                           /opt/b/awskeyd\n", 0) +
		entry("4549b000000-4549fc00000 rw-p 00000000 00:00 0 \n", 0) +
		entry("zz-010e0000 r--p 00686000 fe:00 10511642                           /opt/a b/awskeyd\n", 0) +
		entry("7ffc1000-7ffc2000 r-xp 00000000 00:00 0                          [vdso]\n", 0)
	want := []mapping{{0x400000, 0xa86000}, {0xa86000, 0x10e0000}}
	if got := untouched([]byte(text), self); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if got := untouched(nil, self); got != nil {
		t.Errorf("%x of nothing", got)
	}
}

// The real thing: a process that has given its own pages back goes on.
func TestAProcessGoesOnWithoutItsPages(t *testing.T) {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	if len(untouched(smaps, self)) == 0 {
		t.Fatal("nothing of the program was found")
	}
	programPages()
}
