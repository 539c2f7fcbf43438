package keychain

import (
	"context"
	"sync/atomic"
)

// SetKernelRing gives the kernel's keyring of the tests another name than that
// of a living awskeyd of the same user.
func SetKernelRing(name string) { kernelRing = name }

// Blind makes a keychain believe that all is open, until the function that it
// returns is called, which the hung worker must not see happen.
func Blind(k *Keychain) (restore func()) {
	back := &blind{backend: k.back}
	k.back = back
	return func() { back.sees.Store(true) }
}

type blind struct {
	backend
	sees atomic.Bool
}

func (b *blind) ready(ctx context.Context) error {
	if !b.sees.Load() {
		return nil
	}
	return b.backend.ready(ctx)
}
