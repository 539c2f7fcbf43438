package keychain

func (k *Keychain) openFile(Config) error { return built(File) }
