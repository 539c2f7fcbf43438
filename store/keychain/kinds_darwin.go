package keychain

func kinds() []kind {
	return []kind{
		{Login, (*Keychain).openLogin, probeLogin},
		{Pass, (*Keychain).openPass, probePass},
		{File, (*Keychain).openFile, probeFile},
	}
}
