package daemon

import (
	"os"
	"strings"
)

// systemID is machine-id(5).
func systemID() (string, error) {
	b, err := os.ReadFile("/etc/machine-id")
	id := strings.TrimSpace(string(b))
	if id == "uninitialized" { // in the first boot of an image
		id = ""
	}
	return id, err
}
