package daemon

import "testing"

func TestWhichPagesAreTheProgramsOwn(t *testing.T) {
	const self = "/opt/a b/awskeyd"
	for line, ok := range map[string]bool{
		"00400000-00a86000 r-xp 00000000 fe:00 10511642                           /opt/a b/awskeyd\n": true,
		"00a86000-010e0000 r--p 00686000 fe:00 10511642                           /opt/a b/awskeyd\n": true,
		"010e0000-0115e000 rw-p 00ce0000 fe:00 10511642                           /opt/a b/awskeyd\n": false,
		"00a86000-010e0000 r--s 00686000 fe:00 10511642                           /opt/a b/awskeyd\n": false,
		"00a86000-010e0000 r--p 00686000 fe:00 10511642                           /opt/b/awskeyd\n":   false,
		"4549b000000-4549fc00000 rw-p 00000000 00:00 0 \n":                                            false,
		"7ffc1-7ffc2 r-xp 00000000 00:00 0                          [vdso]\n":                         false,
		"zz-010e0000 r--p 00686000 fe:00 10511642                           /opt/a b/awskeyd\n":       false,
		"": false,
	} {
		begin, end, got := ofProgram([]byte(line), self)
		if got != ok || ok && (begin < 0x400000 || end > 0x10e0000 || begin >= end) {
			t.Errorf("%q: %x to %x, %v", line, begin, end, got)
		}
	}
}
