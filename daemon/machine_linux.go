package daemon

import (
	"os"
	"strings"
)

// systemID is machine-id(5).
func systemID() (string, error) {
	b, err := os.ReadFile("/etc/machine-id")
	return strings.TrimSpace(string(b)), err
}
