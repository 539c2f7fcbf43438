package busguard_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/store/storetest"
)

var guarded, bare string

// TestMain builds the two programs whose start is watched.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "busguard")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		guarded, bare = filepath.Join(dir, "guarded"), filepath.Join(dir, "bare")
		if out, err := exec.Command("go", "build", "-o", dir+"/", "./testdata/guarded", "./testdata/bare").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
			return 1
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// trap is a machine without a bus and with a dbus-launch that tells on its
// caller and leaves a process behind, as the real one does.
type trap struct {
	dir    string
	called string
	env    []string
}

func setTrap(t *testing.T) *trap {
	t.Helper()
	dir := t.TempDir()
	tr := &trap{dir: dir, called: filepath.Join(dir, "called")}
	script := "#!/bin/sh\necho x >>'" + tr.called + "'\nsleep 600 >/dev/null 2>&1 </dev/null &\necho DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent\n"
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	tr.env = []string{"PATH=" + dir + ":/usr/bin:/bin", "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir}
	t.Cleanup(func() {
		for _, pid := range tr.left(t) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return tr
}

// left returns the living processes that the trap's environment was passed to.
func (tr *trap) left(t *testing.T) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(all) == 0 {
		t.Fatal("no /proc to count processes in")
	}
	for _, path := range all {
		env, err := os.ReadFile(path)
		if err == nil && strings.Contains("\x00"+string(env), "\x00HOME="+tr.dir+"\x00") {
			var pid int
			fmt.Sscanf(path, "/proc/%d/environ", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

// run starts a program and returns what it says, within a generous time.
func run(t *testing.T, env []string, program string, args ...string) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = env, "/", time.Second
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err = cmd.Run()
	return both.String(), errors.Join(err, context.Cause(ctx))
}

func says(t *testing.T, out string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(out, line) {
			t.Fatalf("does not say %q:\n%s", line, out)
		}
	}
}

func TestNoBusLaunchesNone(t *testing.T) {
	tr := setTrap(t)
	for range 3 {
		out, err := run(t, tr.env, guarded)
		if err != nil {
			t.Fatal(err, out)
		}
		says(t, out, "main is reached", "recovered false", `environment ""`, "dbus-user-session")
		if strings.Contains(out, `reason ""`) {
			t.Fatal("no reason is given")
		}
	}
	if _, err := os.Stat(tr.called); err == nil {
		t.Fatal("dbus-launch was run")
	}
	if left := tr.left(t); len(left) != 0 {
		t.Fatalf("processes left behind: %v", left)
	}
	// The control, where the library cannot find a bus of this user by itself.
	if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err == nil {
		t.Log("a session bus of this user is here: the control is not run")
		return
	}
	if out, err := run(t, tr.env, bare); err != nil {
		t.Fatal(err, out)
	}
	if _, err := os.Stat(tr.called); err != nil || len(tr.left(t)) == 0 {
		t.Fatal("the trap does not work: the bare library ran no dbus-launch, or what that left was not counted")
	}
}

// silent accepts connections and never says a word.
func silent(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		var kept []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range kept {
					c.Close()
				}
				return
			}
			kept = append(kept, c)
		}
	}()
	return path
}

func TestSilentBusDoesNotKeepUsFromMain(t *testing.T) {
	path := silent(t)
	address := "DBUS_SESSION_BUS_ADDRESS=unix:path=" + path
	tr := setTrap(t)
	for name, env := range map[string][]string{
		"by address":            append(slices.Clone(tr.env), address),
		"in the runtime folder": append(slices.Clone(tr.env), "XDG_RUNTIME_DIR="+filepath.Dir(path)),
	} {
		out, err := run(t, env, guarded)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		says(t, out, "main is reached", "does not answer", path)
	}
	if _, err := os.Stat(tr.called); err == nil {
		t.Fatal("dbus-launch was run")
	}
	// The control: unguarded, the library never lets main begin.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, bare)
	cmd.Env, cmd.WaitDelay = append(tr.env, address), time.Second
	out, err := cmd.Output()
	if err == nil || strings.Contains(string(out), "main") {
		t.Fatalf("the bare library reached main: the trap does not work\n%s", out)
	}
}

func TestDeadAndStrangeBuses(t *testing.T) {
	tr := setTrap(t)
	for address, why := range map[string]string{
		"unix:path=/nonexistent":    "no such file",
		"tcp:host=localhost,port=1": "is no Unix socket",
		"unix:":                     "has no path",
		"nonsense":                  "is no Unix socket",
		"unix:path=/nonexistent;unix:path=/dev/null": "cannot be reached",
	} {
		out, err := run(t, append(slices.Clone(tr.env), "DBUS_SESSION_BUS_ADDRESS="+address), guarded)
		if err != nil {
			t.Fatal(err, out)
		}
		says(t, out, "main is reached", why, fmt.Sprintf("environment %q", address))
	}
	if _, err := os.Stat(tr.called); err == nil {
		t.Fatal("dbus-launch was run")
	}
}

func TestRealBusIsUsed(t *testing.T) {
	kr := storetest.GnomeKeyring(t)
	path, _, _ := strings.Cut(strings.TrimPrefix(kr.Address, "unix:path="), ",")
	var without []string
	for _, v := range kr.Environ() {
		if !strings.HasPrefix(v, "DBUS_") && !strings.HasPrefix(v, "XDG_RUNTIME_DIR=") {
			without = append(without, v)
		}
	}
	linked := t.TempDir()
	if err := os.Symlink(path, filepath.Join(linked, "bus")); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"by address":            kr.Environ(),
		"second address":        append(slices.Clone(without), "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent;"+kr.Address),
		"escaped":               append(slices.Clone(without), "DBUS_SESSION_BUS_ADDRESS=unix:path="+strings.ReplaceAll(path, "s", "%73")),
		"in the runtime folder": append(slices.Clone(without), "XDG_RUNTIME_DIR="+linked),
	} {
		out, err := run(t, env, guarded)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		says(t, out, "main is reached", `reason ""`, "recovered false", "open <nil>")
	}
}

// A bus that appears later cannot be used by this process, but is noticed.
func TestBusThatAppearsLater(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), guarded, "wait")
	cmd.Env = []string{"PATH=/nonexistent", "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir}
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "open ") {
		if strings.HasPrefix(lines.Text(), "recovered") && lines.Text() != "recovered false" {
			t.Fatal(lines.Text())
		}
	}
	kr := storetest.GnomeKeyring(t)
	path, _, _ := strings.Cut(strings.TrimPrefix(kr.Address, "unix:path="), ",")
	if err := os.Symlink(path, filepath.Join(dir, "bus")); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in)
	if !lines.Scan() || lines.Text() != "recovered true" {
		t.Fatalf("says %q", lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// The guard must be initialised before the library and all that it waits for.
func TestGuardIsInitialisedFirst(t *testing.T) {
	out, err := run(t, append(setTrap(t).env, "GODEBUG=inittrace=1"), guarded)
	if err != nil {
		t.Fatal(err, out)
	}
	at := func(pkg string) int { return strings.Index(out, "init "+pkg+" @") }
	guard := at("github.com/awskeyd/awskeyd/store/keychain/busguard")
	if guard < 0 {
		t.Fatalf("the guard is not initialised at all:\n%s", out)
	}
	for _, pkg := range []string{"github.com/99designs/keyring", "github.com/godbus/dbus"} {
		if n := at(pkg); n < guard {
			t.Errorf("%s at %d, the guard at %d:\n%s", pkg, n, guard, out)
		}
	}
}

// The order holds because the guard waits for nothing that the library's D-Bus
// client does not wait for too, and sorts before it.
func TestGuardImportsNoMoreThanTheLibrary(t *testing.T) {
	deps := func(pkg string) []string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	library := deps("github.com/godbus/dbus")
	const guard = "github.com/awskeyd/awskeyd/store/keychain/busguard"
	for _, pkg := range deps(guard) {
		if pkg != guard && !slices.Contains(library, pkg) {
			t.Errorf("busguard imports %s, which may be initialised after the library", pkg)
		}
	}
	if guard >= "github.com/godbus/dbus" {
		t.Error("the guard no longer sorts before the library's D-Bus client")
	}
}
