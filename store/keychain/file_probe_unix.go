//go:build unix

package keychain

import "context"

func probeFile(context.Context) (string, error) {
	return "encrypted files under a passphrase that you choose; on every system, only as safe as the passphrase", nil
}
