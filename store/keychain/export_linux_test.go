package keychain

// SetKernelRing gives the kernel's keyring of the tests another name than that
// of a living awskeyd of the same user.
func SetKernelRing(name string) { kernelRing = name }
