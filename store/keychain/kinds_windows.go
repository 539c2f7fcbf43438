package keychain

func kinds() []kind {
	return []kind{{WinCred, (*Keychain).openWinCred, probeWinCred}}
}
