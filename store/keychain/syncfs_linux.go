package keychain

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// disk is a folder on the file system where another program keeps its data.
type disk string

// homeOf is where a keychain of the desktop keeps its data.
func homeOf(c Config) (disk, error) {
	if c.Home != "" {
		return disk(c.Home), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding the home folder: %w", err)
	}
	return disk(home), nil
}

// sync flushes the whole file system: which file the provider writes is its own
// affair.
func (d disk) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return &os.PathError{Op: "syncfs", Path: string(d), Err: err}
	}
	return nil
}
