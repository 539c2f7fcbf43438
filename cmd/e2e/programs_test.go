//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// built are the folders of programs that this run has built, to be removed.
var built struct {
	sync.Mutex
	dirs []string
}

func TestMain(m *testing.M) {
	if endpoint := os.Getenv(goSDKVariable); endpoint != "" {
		goSDKMain(endpoint)
	}
	code := m.Run()
	for _, dir := range built.dirs {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// programs returns the folder with the three programs, side by side as they are
// installed. They are built with the flags that find most in Go's build cache.
var programs = sync.OnceValues(func() (string, error) { return build("0") })

// racing is the same with the race detector, which needs a C compiler.
var racing = sync.OnceValues(func() (string, error) { return build("1", "-race") })

func hasC() bool {
	cc, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		return false
	}
	_, err = exec.LookPath(strings.TrimSpace(string(cc)))
	return err == nil
}

func build(cgo string, flags ...string) (string, error) {
	dir, err := os.MkdirTemp("", "awskeyd-e2e-bin-")
	if err != nil {
		return "", err
	}
	built.Lock()
	built.dirs = append(built.dirs, dir)
	built.Unlock()
	args := append([]string{"build", "-buildvcs=false", "-o", dir + "/"}, flags...)
	cmd := exec.Command("go", append(args, "./cmd/awskey", "./cmd/awskey-helper", "./cmd/awskeyd")...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	for _, name := range []string{"awskey", "awskey-helper", "awskeyd"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("%v made no %s", cmd.Args, name)
		}
	}
	return dir, nil
}

// binaries is programs for a test that cannot go on without.
func binaries(t *testing.T) string {
	t.Helper()
	return must(t)(programs())
}

// must ends a test whose setting-up failed.
func must(t *testing.T) func(string, error) string {
	t.Helper()
	return func(s string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// tool returns the path of a program that the test needs.
func tool(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("there is no %s: install it with apt-get install %s", name, debian)
	}
	return path
}
