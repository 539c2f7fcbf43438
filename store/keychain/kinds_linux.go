package keychain

func kinds() []kind {
	return []kind{
		{SecretService, (*Keychain).openSecretService, probeSecretService},
		{KWallet, (*Keychain).openKWallet, probeKWallet},
		{Pass, (*Keychain).openPass, probePass},
		{File, (*Keychain).openFile, probeFile},
		{Keyctl, (*Keychain).openKeyctl, probeKeyctl},
	}
}
