//go:build unix

package keychain

import "github.com/awskeyd/awskeyd/store"

// errDismissed is a person's no. Windows asks nobody.
var errDismissed = withRemedy(store.ErrDenied, "the prompt was dismissed", remedyAnswer)
