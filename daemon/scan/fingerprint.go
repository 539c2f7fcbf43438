package scan

import (
	"crypto/sha256"
	"fmt"
)

// Fingerprint tells this access key from others, and shows nothing of its secret.
func (f Found) Fingerprint() string {
	if f.AccessKeyID != "" {
		return f.AccessKeyID
	}
	sum := sha256.Sum256([]byte("awskey scan " + f.Secret.Reveal())) // 240 random bits: nobody guesses them from it
	return fmt.Sprintf("%x", sum[:16])
}
