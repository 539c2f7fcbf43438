package keychain

import (
	"context"
	"strings"
)

// Probe says in a person's words what stands behind a backend here and now, for
// the first question of "awskey add" and for status. It starts, unlocks, writes
// and asks nothing. A nil error: it can be used as it is; the text is never
// empty and tells of the error too.
func Probe(ctx context.Context, backend string) (text string, err error) {
	if err = built(backend); err == nil {
		switch backend {
		case SecretService:
			ctx, cancel := context.WithTimeout(ctx, DefaultDeadline)
			defer cancel()
			text, err = probeSecretService(ctx)
			err = explain(err)
		case File:
			text = "encrypted files under a passphrase that you choose; on every system, only as safe as the passphrase"
		}
	}
	if text == "" && err != nil {
		_, text, _ = strings.Cut(err.Error(), ": ")
		if text == "" {
			text = err.Error()
		}
	}
	return backend + ": " + text, err
}
