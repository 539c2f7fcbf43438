//go:build !windows

package awsfiles

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A pipe where a file should be keeps nobody waiting.
func TestPipes(t *testing.T) {
	folder := t.TempDir()
	files := Files{Config: filepath.Join(folder, "config"), Credentials: filepath.Join(folder, "my_accessKeys.csv")}
	for _, path := range []string{files.Config, files.Credentials} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() {
		Downloads(folder)
		_, err := files.Plaintext()
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), files.Config+" is a pipe") {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for a writer")
	}
}
