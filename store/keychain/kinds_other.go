//go:build !linux && !darwin && !windows

package keychain

func kinds() []kind {
	return []kind{
		{Pass, (*Keychain).openPass, probePass},
		{File, (*Keychain).openFile, probeFile},
	}
}
