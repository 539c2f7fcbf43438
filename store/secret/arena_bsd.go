//go:build unix && !linux

package secret

func leaveOutOfDumps([]byte) {}
