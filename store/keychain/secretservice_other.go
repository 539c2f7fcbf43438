//go:build !linux

package keychain

import "context"

func (k *Keychain) openSecretService(Config) error { return built(SecretService) }

func probeSecretService(context.Context) (string, error) { return "", built(SecretService) }
