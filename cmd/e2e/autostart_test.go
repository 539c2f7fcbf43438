//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// promise is how long a helper may take, whatever happens.
const promise = 4 * time.Second

// startsByItself makes a home in which a key is kept and no daemon runs, and
// where a helper starts one.
func startsByItself(t *testing.T) (*home, alice) {
	t.Helper()
	h := newHome(t, binaries(t))
	h.onFailure(t)
	h.unsteered()
	aws := newAWSWithAlice(t)
	h.configure(h.fileStore(), awsSettings(aws.Server))
	d := h.start()
	h.mustAdd("work", aws.id, aws.secret, "--write")
	d.stop()
	t.Cleanup(h.endStarted)
	return h, aws
}

// unsteered leaves the home without any AWSKEYD_ variable, as most are.
func (h *home) unsteered() {
	h.t.Helper()
	// Then this place is asked too: see helper.SocketCandidates.
	own := fmt.Sprintf("/run/user/%d/awskeyd/socket", os.Getuid())
	if _, err := os.Lstat(own); err == nil {
		h.t.Fatalf("an awskeyd of yours is at %s and would answer in this test: stop it first", own)
	}
	delete(h.vars, "AWSKEYD_SOCKET")
}

// started is the process of the daemon that a helper has started.
func (h *home) started() (int, error) {
	s, err := ask(h, func(ctx context.Context, c *api.Client) (api.Status, error) { return c.Status(ctx) })
	return s.Daemon.PID, err
}

// endStarted ends it, and waits until it is gone.
func (h *home) endStarted() {
	pid, err := h.started()
	if err != nil {
		return
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		h.t.Error(err)
	}
	if left := within(20*time.Second, func() string { return strings.Join(h.processes(), ", ") }); left != "" {
		h.t.Errorf("the daemon that was started does not end: %s", left)
		_ = syscall.Kill(pid, syscall.SIGKILL) // it was told
	}
}

// begins counts the daemons that have ever become the one of this home.
func (h *home) begins() int { return strings.Count(h.log(), `msg="awskeyd begins"`) }

// The AWS CLI reads its helper's output until nobody holds it any more: with a
// daemon that had inherited it, it would wait for ever.
func TestTheAWSCLIStartsTheDaemon(t *testing.T) {
	h, aws := startsByItself(t)
	environ := append(h.bareAWS(), "XDG_RUNTIME_DIR="+h.vars["XDG_RUNTIME_DIR"], "DBUS_SESSION_BUS_ADDRESS="+h.vars["DBUS_SESSION_BUS_ADDRESS"])
	cli := func() result {
		r := h.runIn(environ, "", awsCLI(t), "--endpoint-url", aws.URL, "--profile", "work", "--region", "us-east-1", "sts", "get-caller-identity")
		if r.exit != exitDone || r.stderr != "" || !strings.Contains(r.stdout, "user/alice") {
			t.Fatalf("aws: exit %d, %q, %q", r.exit, r.stdout, r.stderr)
		}
		return r
	}
	cold := cli()
	if _, err := h.started(); err != nil {
		t.Fatal(err)
	}
	warm := cli()
	t.Logf("the AWS CLI took %v with a daemon to start and %v without", cold.took.Round(time.Millisecond), warm.took.Round(time.Millisecond))
	if cold.took-warm.took > promise {
		t.Errorf("the start of the daemon cost the AWS CLI %v", cold.took-warm.took)
	}
	h.endStarted()

	r := h.helper("work")
	if _, err := readLease(r.stdout); err != nil || r.exit != exitDone || r.stderr != "" {
		t.Errorf("the helper: exit %d, %q, %v", r.exit, r.stderr, err)
	}
	t.Logf("the helper alone took %v with a daemon to start", r.took.Round(time.Millisecond))
	if r.took > promise {
		t.Errorf("the helper took %v, and promises to end within %v", r.took, promise)
	}
}

// A thousand helpers are started as fast as the machine can, hundreds of them
// waiting at once. The lock of whoever starts the daemon is withheld until there
// are some, so that they all want to.
func TestAThousandHelpersStartOneDaemon(t *testing.T) {
	h, aws := startsByItself(t)
	const (
		helpers = 1000
		early   = 3   // were there before the daemon was
		most    = 200 // alive at once: beside other tests more would leave the daemon too little of two processors
	)
	before := h.begins()
	lock, err := os.OpenFile(h.path(".local/state/awskeyd/start.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	var (
		running sync.WaitGroup
		places  = make(chan struct{}, most)
		mu      sync.Mutex
		failed  = map[string]int{}
		longest time.Duration
	)
	start := time.Now()
	for i := range helpers {
		places <- struct{}{}
		began := time.Now()
		var stdout, stderr strings.Builder
		cmd := exec.Command(filepath.Join(h.bin, "awskey-helper"), "work")
		cmd.Env, cmd.Stdout, cmd.Stderr = h.environ(), &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Error(err)
			break
		}
		running.Go(func() {
			err := cmd.Wait()
			l, wrong := readLease(stdout.String())
			mu.Lock()
			defer mu.Unlock()
			if longest = max(longest, time.Since(began)); err != nil || stderr.Len() > 0 || wrong != nil || l.AccessKeyId != aws.id {
				failed[fmt.Sprintf("%v: %s", err, stderr.String())]++
			}
			<-places
		})
		if i == early-1 {
			if h.begins() != before {
				t.Error("a daemon was started without the lock: this test has proven nothing")
			}
			lock.Close()
		}
	}
	running.Wait() // each ends within its four seconds
	t.Logf("%d helpers were answered within %v, each within %v; %d of them were started before the daemon had begun",
		helpers, time.Since(start).Round(time.Millisecond), longest.Round(time.Millisecond), early)
	for what, n := range failed {
		t.Errorf("%d of %d helpers were not answered: %s", n, helpers, what)
	}
	daemons := slices.DeleteFunc(h.processes(), func(p string) bool { return !strings.HasSuffix(p, "awskeyd run") })
	if len(daemons) != 1 {
		t.Errorf("%d daemons run: %q", len(daemons), daemons)
	}
	if n := h.begins() - before; n != 1 {
		t.Errorf("%d daemons have begun", n)
	}
	if release, err := api.Lock(h.path(".local/state/awskeyd")); err == nil {
		t.Error("the daemon does not hold the lock")
		_ = release()
	}
	aws.Close()
}

// The daemon that a program starts outlives it and has nothing of its own.
func TestTheStartedDaemonInheritsNothing(t *testing.T) {
	h, _ := startsByItself(t)
	secret := h.write("inherited", "a file that the calling program had open")
	file, err := os.Open(secret)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cmd := exec.Command(filepath.Join(h.bin, "awskey-helper"), "work")
	cmd.Env = append(h.environ(), "AWS_PROFILE=work", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "HTTPS_PROXY=http://127.0.0.1:1",
		"LD_PRELOAD=", "GODEBUG=netdns=go", "PYTHONPATH=/tmp", "XDG_CURRENT_DESKTOP=GNOME", "SSH_AUTH_SOCK=/tmp/agent")
	cmd.Dir = h.path(".config")
	cmd.ExtraFiles = []*os.File{file, writer, reader}
	out, err := cmd.Output()
	writer.Close()
	if err != nil || len(out) == 0 {
		t.Fatalf("the helper: %v, %d bytes", err, len(out))
	}
	pid, err := h.started()
	if err != nil {
		t.Fatal(err)
	}
	proc := func(name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }

	environ, err := os.ReadFile(proc("environ"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for v := range strings.SplitSeq(strings.TrimRight(string(environ), "\x00"), "\x00") {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, name)
		if v == "GODEBUG=clobberfree=1" {
			continue // its own: it has begun anew with it
		}
		if !slices.Contains([]string{"HOME", "USER", "LANG", "DBUS_SESSION_BUS_ADDRESS"}, name) && !strings.HasPrefix(name, "XDG_") {
			t.Errorf("its environment has %s", name)
		}
	}
	if !slices.Contains(names, "HOME") || !slices.Contains(names, "XDG_CURRENT_DESKTOP") {
		t.Errorf("its environment has only %q", names)
	}
	if dir, err := os.Readlink(proc("cwd")); err != nil || dir != "/" {
		t.Errorf("it stands in %s (%v)", dir, err)
	}
	entries, err := os.ReadDir(proc("fd"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		target, err := os.Readlink(proc("fd/" + e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		number, err := strconv.Atoi(e.Name())
		own := strings.HasPrefix(target, "socket:") || strings.HasPrefix(target, "anon_inode:") ||
			strings.HasPrefix(target, h.path(".local")) || strings.HasPrefix(target, "/sys/")
		if err != nil || number <= 2 && target != os.DevNull || number > 2 && !own {
			t.Errorf("its descriptor %s is %s", e.Name(), target)
		}
	}
	// With the last writer gone a pipe ends; the daemon would be one.
	ended := make(chan error, 1)
	go func() {
		_, err := reader.Read(make([]byte, 1))
		ended <- err
	}()
	select {
	case <-ended:
	case <-time.After(promise):
		t.Error("a pipe of the calling program is still held open")
	}

	stat, err := os.ReadFile(proc("stat"))
	if err != nil {
		t.Fatal(err)
	}
	// pid (name) state ppid pgrp session tty_nr …, see proc(5)
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 5 || fields[3] != strconv.Itoa(pid) || fields[4] != "0" {
		t.Errorf("it leads no session of its own, or has a terminal: %s", stat)
	}
	t.Logf("environment %q, %d descriptors", names, len(entries))
}
