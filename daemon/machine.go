package daemon

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// machineID is a word that tells this machine from others, so that a record
// which a synced keychain brought here is known to be another's. The system's
// own id is hashed, as machine-id(5) asks; where there is none, a random one
// is kept in the state folder.
func machineID(stateDir string) (string, error) {
	id, err := systemID()
	if err != nil || id == "" {
		if id, err = keptID(filepath.Join(stateDir, "machine")); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256([]byte("awskeyd " + id))
	return hex.EncodeToString(sum[:8]), nil
}

func keptID(path string) (string, error) {
	b, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(b)); err == nil && id != "" {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	id := rand.Text()
	return id, os.WriteFile(path, []byte(id+"\n"), 0o600)
}
