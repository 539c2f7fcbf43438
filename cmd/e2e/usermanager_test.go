//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Where a test runs again inside the namespaces, the folder of its programs stands
// in this variable.
const insideVariable = "AWSKEYD_TEST_INSIDE"

// nobodyID is a user without files, who is there on every system.
const nobodyID = 65534

// prepare makes a place that looks booted by systemd to one user: a /run of its
// own, and a part of the tree of control groups. The machine outside sees none of it.
const prepare = `set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system /run/user
install -d -m 700 -o "$1" /run/user/"$1"
umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# Nothing of an awskeyd that is installed here.
cp -a /usr/lib/systemd/user /run/units
find /run/units -name 'awskeyd*' -delete
mount --bind /run/units /usr/lib/systemd/user
group=$(mktemp -d /sys/fs/cgroup/awskeyd-test-XXXXXX)
mkdir "$group/init"
chown -R "$1" "$group"
echo 0 > "$group/init/cgroup.procs"
uid=$1
shift
code=0
setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@" || code=$?
sleep 0.2
find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
exit $code
`

// userManager is a systemd of one user, in namespaces of its own.
type userManager struct {
	t    *testing.T
	h    *home
	cmd  *exec.Cmd
	done chan struct{}
}

// underManager runs a test as another user, whom a real systemd serves, in a home
// of his own without one variable of ours. It takes root and namespaces.
func underManager(t *testing.T, test func(m *userManager)) {
	t.Helper()
	if bin := os.Getenv(insideVariable); bin != "" {
		h := newHomeAt(t, bin, filepath.Dir(bin))
		run := fmt.Sprintf("/run/user/%d", os.Getuid())
		h.vars["XDG_RUNTIME_DIR"] = run
		h.vars["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=" + run + "/bus"
		booted := os.Getenv("AWSKEYD_TEST_BOOTED") != "" // the machine's systemd has started the user's
		if booted {
			h.dir = os.Getenv("HOME") // where that looks for units
			h.vars["HOME"] = h.dir
		}
		h.unsteered()
		h.onFailure(t)
		m := &userManager{t: t, h: h}
		if booted {
			test(m)
			return
		}
		m.login()
		test(m)
		m.logout()
		return
	}
	if os.Getenv("AWSKEYD_SKIP_NAMESPACES") != "" {
		t.Skip("told to skip what takes namespaces (AWSKEYD_SKIP_NAMESPACES)")
	}
	if os.Getuid() != 0 {
		t.Fatal("this takes root, for namespaces of its own; AWSKEYD_SKIP_NAMESPACES=1 skips it")
	}
	tool(t, "systemctl", "systemd")
	tool(t, "setpriv", "util-linux")
	base := insideFolder(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool(t, "unshare", "util-linux"), "--mount", "--pid", "--fork", "--cgroup", "--kill-child", "--mount-proc",
		"sh", "-c", prepare, "sh", strconv.Itoa(nobodyID), filepath.Join(base, "test"), "-test.v", "-test.timeout=4m", "-test.run=^"+t.Name()+"$")
	cmd.Dir = base
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), insideVariable + "=" + filepath.Join(base, "bin"), "TMPDIR=" + base, "HOME=" + base, "GORACE=atexit_sleep_ms=0"}
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil && strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Logf("inside:\n%s", out)
	case strings.Contains(string(out), "Operation not permitted") || strings.Contains(string(out), "unshare failed"):
		t.Fatalf("namespaces are forbidden here; AWSKEYD_SKIP_NAMESPACES=1 skips this:\n%s", out)
	default:
		t.Fatalf("inside: %v\n%s", err, out)
	}
}

// insideFolder holds the test itself and the programs as they are shipped, for the
// other user.
func insideFolder(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("/tmp", "awskeyd-inside-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	bin := filepath.Join(base, "bin")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", bin+"/",
		"github.com/awskeyd/awskeyd/cmd/awskey", "github.com/awskeyd/awskeyd/cmd/awskey-helper", "github.com/awskeyd/awskeyd/cmd/awskeyd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// They were installed a while ago: one that is younger than the daemon that runs
	// it is a newer one.
	long := time.Now().Add(-time.Hour)
	for _, name := range []string{"awskey", "awskey-helper", "awskeyd"} {
		if err := os.Chtimes(filepath.Join(bin, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", self, filepath.Join(base, "test")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("chown", "-R", strconv.Itoa(nobodyID)+":"+strconv.Itoa(nobodyID), base).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return base
}

// login starts the user's systemd, as a login does, and waits until it has started
// what it is to start.
func (m *userManager) login() {
	m.t.Helper()
	m.cmd = exec.Command("/lib/systemd/systemd", "--user")
	m.cmd.Env, m.cmd.Dir = m.h.environ(), m.h.dir
	m.done = make(chan struct{})
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		defer close(m.done)
		_ = m.cmd.Wait() // how it ended is no matter
	}()
	eventually(m.t, 20*time.Second, func() string {
		r := m.h.run("", "systemctl", "--user", "is-system-running")
		if state := strings.TrimSpace(r.stdout); state != "running" && state != "degraded" {
			return "systemd is " + state + ", " + r.stderr
		}
		return ""
	})
}

// logout ends it, and every service with it.
func (m *userManager) logout() {
	m.t.Helper()
	_ = m.cmd.Process.Signal(syscall.SIGTERM) // systemd(1): it stops everything and exits
	select {
	case <-m.done:
	case <-time.After(60 * time.Second):
		_ = m.cmd.Process.Kill()
		m.t.Error("the user's systemd did not end")
	}
}

// ctl runs systemctl.
func (m *userManager) ctl(args ...string) string {
	m.t.Helper()
	r := m.h.run("", "systemctl", append([]string{"--user"}, args...)...)
	if r.exit != 0 {
		m.t.Fatalf("systemctl --user %s: exit %d, %s", strings.Join(args, " "), r.exit, r.stderr)
	}
	return strings.TrimSpace(r.stdout)
}

// pid is the process that systemd knows, 0 for none.
func (m *userManager) pid() int {
	m.t.Helper()
	pid, _ := strconv.Atoi(m.ctl("show", "--property=MainPID", "--value", "awskeyd.service"))
	return pid
}

// another waits until a process other than pid is the service.
func (m *userManager) another(pid int) (now int) {
	m.t.Helper()
	eventually(m.t, 30*time.Second, func() string {
		if now = m.pid(); now == 0 || now == pid {
			return fmt.Sprintf("the service is process %d: %s", now, m.h.run("", "systemctl", "--user", "status", "awskeyd.service", "awskeyd.socket").stdout)
		}
		return ""
	})
	return now
}
