//go:build unix

package folder

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestOddFiles: links are not followed, a pipe is not waited for, and what cannot
// be read is said.
func TestOddFiles(t *testing.T) {
	if root := os.Getenv(rootVariable); root != "" {
		checkOdd(t, root)
		return
	}
	outside := tree(t, map[string]string{"secret": key(1)})
	root := tree(t, map[string]string{"closed/f": key(2), "unreadable": key(3), "fine": key(4)})
	for _, err := range []error{
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(root, "link")),
		os.Symlink(outside, filepath.Join(root, "folder")),
		os.Symlink(".", filepath.Join(root, "round")),
		os.Symlink("fine", filepath.Join(root, "to fine")),
		syscall.Mkfifo(filepath.Join(root, "pipe"), 0o666),
		os.Chmod(root, 0o755), os.Chmod(filepath.Join(root, "unreadable"), 0), os.Chmod(filepath.Join(root, "closed"), 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, "closed"), 0o700) })
	if os.Geteuid() != 0 {
		checkOdd(t, root)
		return
	}
	// No mode keeps root out: the same is looked at by somebody without privileges.
	program := filepath.Join(outside, "test")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err := errors.Join(err, os.WriteFile(program, data, 0o755)); err != nil {
		t.Fatal(err)
	}
	for dir := range strings.SplitSeq(root+":"+outside+":"+filepath.Dir(root), ":") {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-test.run=^TestOddFiles$")
	cmd.Env = append(os.Environ(), rootVariable+"="+root)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

const rootVariable = "AWSKEY_TEST_ROOT"

func checkOdd(t *testing.T, root string) {
	t.Helper()
	if found, _, err := walked(t, filepath.Join(root, "round"), nil); err != nil || len(found) != 1 {
		t.Errorf("a link that was named: %q, %v", found, err)
	}
	if found, _, err := walked(t, filepath.Join(root, "to fine"), nil); err != nil || len(found) != 1 {
		t.Errorf("a link to a file that was named: %q, %v", found, err)
	}
	found, trouble, err := walked(t, root, nil)
	if err != nil || !slices.Equal(found, []string{"fine:1:" + key(4)}) || !slices.Equal(trouble, []string{"closed: permission denied", "unreadable: permission denied"}) {
		t.Errorf("%q, %q, %v", found, trouble, err)
	}
}
