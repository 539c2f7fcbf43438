//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// count tells how often something of a secret stands in a text, and what the
// last of it is.
func (c *canary) count(text []byte) (copies int, what string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := 0; i+piece <= len(text); i++ {
		found, ok := c.pieces[string(text[i:i+piece])]
		if !ok {
			continue
		}
		copies, what = copies+1, found
		for ok && i+piece < len(text) { // to the end of this copy
			i++
			_, ok = c.pieces[string(text[i:i+piece])]
		}
		i += piece - 2
	}
	return copies, what
}

// inMemory searches everything that a process can write to in its memory.
func (c *canary) inMemory(t *testing.T, pid int) (copies int, what string) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	searched := 0
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if !strings.HasPrefix(fields[1], "rw") || strings.HasPrefix(fields[len(fields)-1], "[v") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err := strconv.ParseInt(from, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		end, err := strconv.ParseInt(to, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, end-start)
		n, err := memory.ReadAt(data, start)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EIO) {
			t.Fatalf("%s: %v", strings.TrimSpace(line), err)
		}
		for at := 0; at < n; at += 64 << 10 {
			part := data[at:min(n, at+64<<10+piece-1)]
			if bytes.Count(part, []byte{0}) == len(part) {
				continue // never touched, as most of what Go reserves
			}
			searched += len(part)
			found, kind := c.count(part)
			if copies += found; found > 0 {
				what = kind
			}
		}
	}
	if searched < 1<<20 {
		t.Fatalf("of process %d only %d bytes were searched", pid, searched)
	}
	return copies, what
}

// forgets locks the store and sees that the daemon holds nothing any more and
// says so.
func (h *home) forgets(t *testing.T, c *canary, d *daemon) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Log("not root: nobody else may look into the daemon's memory")
		h.do("lock")
	} else {
		h.wipes(t, c, d)
	}
	if r := h.helper("work"); r.exit != exitLocked || r.stderr != "awskey-helper: locked; type: awskey unlock\n" {
		t.Errorf("a helper while it is locked: exit %d, %q", r.exit, r.stderr)
	}
	if r := h.do("status"); !strings.Contains(r.stdout, "locked") || !strings.Contains(r.stdout, "awskey unlock") {
		t.Errorf("status while it is locked:\n%s", r.stdout)
	}
}

// wipes locks the store and searches the daemon's memory before and after. What
// stands in the buffers of the very connections that were open is gone a few
// seconds later.
func (h *home) wipes(t *testing.T, c *canary, d *daemon) {
	t.Helper()
	before, _ := c.inMemory(t, d.pid())
	if before == 0 {
		t.Error("the search finds nothing in the memory of a daemon that serves")
	}
	h.do("lock")
	after, _ := c.inMemory(t, d.pid())
	left, what := after, ""
	began := time.Now()
	for ; time.Since(began) < 20*time.Second; time.Sleep(200 * time.Millisecond) {
		if left, what = c.inMemory(t, d.pid()); left == 0 {
			break
		}
	}
	t.Logf("copies of secrets in the daemon's memory: %d while it serves, %d when lock returns, %d after %v", before, after, left, time.Since(began).Round(time.Second/10))
	most := 0
	if !strings.HasSuffix(h.env("DBUS_SESSION_BUS_ADDRESS"), "/no-bus") {
		// The keyring library never closes its connection to the bus, whose buffers
		// keep what went through them last.
		most = 4
	}
	if left > most {
		t.Errorf("after lock the daemon's memory still holds %d copies, such as %s", left, what)
	}
}

// dumping starts awskeyd as somebody who wants core dumps would.
func (h *home) dumping() *daemon {
	h.t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `ulimit -c unlimited && exec "$0" run --debug`, filepath.Join(h.bin, "awskeyd"))
	cmd.Env = append(h.environ(), "GOTRACEBACK=crash") // else Go ends without one
	d := h.launchAs(cmd)
	d.answers()
	return d
}

// dumpsNothing crashes the daemon in each way that leaves a core dump. What is
// left of it is found by the search of the home.
func (h *home) dumpsNothing(t *testing.T) {
	t.Helper()
	for _, s := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV} {
		d := h.dumping()
		if r := h.helper("work"); r.exit != exitDone {
			t.Fatalf("before %v: %q", s, r.stderr)
		}
		h.unhear("awskey-helper")
		d.signal(s)
		d.ended()
		status, _ := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !status.Signaled() || status.CoreDump() {
			t.Errorf("after %v it ended with %v, core dumped: %v", s, d.cmd.ProcessState, status.CoreDump())
		}
	}
	if cores := h.cores(); len(cores) > 0 {
		t.Errorf("core dumps: %q", cores)
	}
}

// cores are the core dumps below the home's base.
func (h *home) cores() (paths []string) {
	_ = filepath.WalkDir(h.base, func(path string, e fs.DirEntry, err error) error { // what vanishes is no core dump
		if err == nil && e.Type().IsRegular() && strings.HasPrefix(e.Name(), "core") {
			paths = append(paths, path)
		}
		return nil
	})
	return paths
}

// A program without our care leaves a dump, and the search finds it there.
func plantDump(t *testing.T, h *home, c *canary, secret string) {
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `ulimit -c unlimited; read -r secret; kill -SEGV $$`)
	cmd.Dir, cmd.Stdin = h.dir, strings.NewReader(secret+"\n")
	_ = cmd.Run() // it ends by the signal
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.CoreDump() {
		t.Fatalf("a crash leaves no core dump on this machine (%v), so that none of ours proves nothing", cmd.ProcessState)
	}
	if strings.ContainsAny(string(pattern), "|/") {
		t.Logf("core dumps go elsewhere on this machine (%s)", bytes.TrimSpace(pattern))
		return // and that none was made is told by the wait status
	}
	cores := h.cores()
	if len(cores) != 1 {
		t.Fatalf("the planted core dump is not below the home: %q", cores)
	}
	if leaks, _ := c.inFiles(h.base); len(leaks) != 1 || !strings.HasPrefix(leaks[0], cores[0]) {
		t.Errorf("in a core dump: found %q", leaks)
	}
	if err := os.Remove(cores[0]); err != nil {
		t.Fatal(err)
	}
}

// Another program of the same user cannot look into the daemon's memory and
// its environment, as it can with any other process.
func TestTheSameUserCannotLookInside(t *testing.T) {
	uid := os.Geteuid()
	if uid == 0 { // who may look into everything
		uid = 54321
	}
	h := newHome(t, binaries(t))
	bin := filepath.Join(h.base, "bin")
	for _, name := range []string{"awskeyd", "awskey", "awskey-helper"} {
		program, err := os.ReadFile(filepath.Join(h.bin, name))
		if err == nil {
			err = os.MkdirAll(bin, 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(bin, name), program, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h.configure(h.fileStore())
	err := filepath.WalkDir(h.base, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, -1) // its own, where it is its own
	})
	if err != nil {
		t.Fatal(err)
	}
	as := func(cmd *exec.Cmd) *exec.Cmd {
		if uid != os.Geteuid() {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		}
		cmd.Dir = h.dir
		return cmd
	}
	cmd := as(exec.Command(filepath.Join(bin, "awskeyd"), "run", "--debug"))
	cmd.Env = h.environ()
	d := h.launchAs(cmd)
	status := func() string {
		cmd := as(exec.Command(filepath.Join(bin, "awskey"), "status"))
		cmd.Env = h.environ()
		out, err := cmd.CombinedOutput()
		if err != nil {
			return string(out)
		}
		return ""
	}
	eventually(t, 20*time.Second, status) // peers are still known to each other

	other := as(exec.Command("/bin/sh", "-c", "read -r line"))
	stdin, err := other.StdinPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); _ = other.Wait() }()
	for _, file := range []string{"mem", "environ", "maps"} {
		for pid, readable := range map[int]bool{other.Process.Pid: true, d.pid(): false} {
			out, err := as(exec.Command("/bin/sh", "-c", "exec 3<$0", fmt.Sprintf("/proc/%d/%s", pid, file))).CombinedOutput()
			if (err == nil) != readable {
				t.Errorf("%s of process %d (the daemon's is %d): %v %s", file, pid, d.pid(), err, out)
			}
		}
	}
	d.stop()
}
