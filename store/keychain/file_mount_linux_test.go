package keychain

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
)

const inMounts = "AWSKEYD_TEST_MOUNTS"

// ownMounts reports whether this is a process whose mounts nobody else sees and
// that end with it; if not, it has the test run by such a one. Without root a
// user namespace stands in for root where it can.
func ownMounts(t *testing.T, needsRoot bool) bool {
	t.Helper()
	if os.Getenv(inMounts) != "" {
		return true
	}
	attr := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		if needsRoot {
			t.Log("not root: no file system can be mounted, and the simulated one of the other tests must do")
			return false
		}
		attr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprint("-file.seed=", *fileSeed))
	cmd.Env = append(os.Environ(), inMounts+"=1")
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Logf("this system lets nobody mount a file system: %v", err)
		return false
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	return false
}

func mount(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "mount", args...).CombinedOutput(); err != nil {
		t.Fatalf("mount %q: %v\n%s", args, err, out)
	}
}

// The same over a real file system whose machine goes down with each kill: what
// its disk holds at that moment, without what only the system's memory held, is
// what is mounted next. It is told to keep things in memory for long.
func TestKilledWithItsMachine(t *testing.T) {
	if os.Getenv(writerFolder) != "" {
		killed(t, t.Name(), "", nil)
	}
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		mkfs = "/usr/sbin/mkfs.ext4"
	}
	if _, err := os.Stat(mkfs); err != nil {
		t.Log("no mkfs.ext4 here: the simulated disk of the other tests must do")
		return
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Log("no loop devices here: the simulated disk of the other tests must do")
		return
	}
	if !ownMounts(t, true) {
		return
	}
	dir := t.TempDir()
	at := filepath.Join(dir, "mounted")
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(at, syscall.MNT_DETACH) })
	disk := filepath.Join(dir, "disk")
	attach := func(image string) { mount(t, "-o", "loop,noauto_da_alloc,commit=600", image, at) }
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 8<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), mkfs, "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", disk).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	attach(disk)
	world := filepath.Join(at, "keys")
	lost := 0
	killed(t, t.Name(), world, func() string {
		canary := filepath.Join(at, "canary")
		if err := os.WriteFile(canary, []byte("written and not forced to disk"), 0o600); err != nil {
			t.Fatal(err)
		}
		next := disk + "."
		copyDisk(t, disk, next)
		if err := syscall.Unmount(at, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, disk); err != nil {
			t.Fatal(err)
		}
		attach(disk)
		if data, _ := os.ReadFile(canary); len(data) == 0 {
			lost++
		}
		os.Remove(canary)
		return world
	})
	t.Logf("%d crashes of the machine lost what was written and not forced to disk", lost)
	if lost == 0 {
		t.Error("this file system loses nothing, so the test shows nothing")
	}
}

// greedy has another program take all room right before an item is written.
type greedy struct {
	keyring.Keyring
	take func(item string)
}

func (g greedy) Set(i keyring.Item) error {
	g.take(i.Key)
	return g.Keyring.Set(i)
}

func copyDisk(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// A disk that is full is said to be, nothing is lost, and as soon as there is
// room everything goes on.
func TestAFullDiskLosesNothing(t *testing.T) {
	if !ownMounts(t, false) {
		return
	}
	at := t.TempDir()
	mount(t, "-t", "tmpfs", "-o", "size=96k,mode=0700", "none", at)
	t.Cleanup(func() { syscall.Unmount(at, syscall.MNT_DETACH) })
	world, ballast := filepath.Join(at, "keys"), filepath.Join(at, "ballast")
	fill := func() {
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for err == nil {
			_, err = f.Write(make([]byte, 512))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	isFull := func(err error) {
		t.Helper()
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "make room") {
			t.Fatalf("%v; want that there is no space left, and what to do", err)
		}
	}
	// A store that is being made.
	fill()
	_, err := Open(fileConfig(world, "right"))
	isFull(err)
	os.Remove(ballast)
	k := openFile(t, fileConfig(world, "right"))
	s := store.New(k, store.Identity{Machine: "m", Instance: "i"})
	l := newLedger()
	for n := range 3 {
		name := fmt.Sprint("key", n)
		if err := s.Add(t.Context(), name, payload(n+1)); err != nil {
			t.Fatal(err)
		}
		l.done[name] = n + 1
	}
	// A record that is overwritten: its room goes to another program in between.
	// And a new one.
	plain := k.ring
	k.ring = greedy{k.ring, func(item string) {
		if err := os.Truncate(filepath.Join(world, itemsName, item), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		fill()
	}}
	for range 3 {
		isFull(s.Save(t.Context(), "key0", payload(9)))
		isFull(s.Add(t.Context(), "another", payload(9)))
	}
	k.ring = plain
	again := store.New(k, store.Identity{Machine: "m", Instance: "i"})
	if err := l.settle(t.Context(), again); err != nil {
		t.Fatalf("with a full disk: %v", err)
	}
	os.Remove(ballast)
	for _, name := range []string{"key0", "another"} {
		do := s.Save
		if name == "another" {
			do = s.Add
		}
		if err := do(t.Context(), name, payload(9)); err != nil {
			t.Fatalf("with room again: %v", err)
		}
		l.done[name] = 9
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k = openFile(t, fileConfig(world, "right"))
	if err := l.settle(t.Context(), store.New(k, store.Identity{Machine: "m", Instance: "j"})); err != nil {
		t.Fatal(err)
	}
}
