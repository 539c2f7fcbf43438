//go:build unix

package helper

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"
)

// realFile follows the links that a program was started through, such as those
// of Homebrew; its folder may be reached through a link as well as not.
func realFile(path string) string {
	for range 40 {
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !isAbsolute("unix", target) {
			target = join("unix", parent(path), target)
		}
		path = target
	}
	return path
}

// ours refuses a folder that belongs to another user.
func ours(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return errors.New("cannot be looked at: " + reason(err))
	}
	if uid := owner(info); uid != os.Geteuid() {
		return errors.New("belongs to uid " + strconv.Itoa(uid) + ", not to you (uid " + userID() + ")")
	}
	return nil
}

// lockStart makes this program the one that starts the daemon, until the file
// is closed; nil if another is. The kernel frees the lock of a program that
// died.
func lockStart(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
	case nil:
		return f, nil
	case syscall.EWOULDBLOCK, syscall.EINTR:
		return nil, f.Close()
	default:
		_ = f.Close()
		return nil, err
	}
}

// process is a daemon that was just started.
type process struct{ pid int }

// launch starts `awskeyd run` as a daemon that has nothing of ours: its own
// session, so that no terminal's end reaches it, the root folder, so that it
// keeps no disk busy, and the null device as its only descriptors, so that
// nobody waits for the end of a pipe that it holds (the AWS CLI reads ours
// until every writer is gone).
func launch(awskeyd string, environ []string) (*process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	closeOthersOnExec()
	fd := null.Fd()
	pid, err := syscall.ForkExec(awskeyd, []string{awskeyd, "run"}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   environ,
		Files: []uintptr{fd, fd, fd},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, err
	}
	return &process{pid}, nil
}

// failed tells whether the daemon has ended for a reason of its own. One that
// ended since another daemon was faster counts as running.
func (p *process) failed() bool {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(p.pid, &status, syscall.WNOHANG, nil)
	return err == nil && pid == p.pid && !(status.Exited() && status.ExitStatus() == ExitHeld)
}

// closeOthersOnExec marks every descriptor that we ourselves were handed; those
// of Go's own making are marked already. FreeBSD's /dev/fd shows the first
// three only unless fdescfs is mounted, so there all numbers are tried.
func closeOthersOnExec() {
	list := "/dev/fd"
	if runtime.GOOS == "linux" {
		list = "/proc/self/fd"
	}
	if entries, err := os.ReadDir(list); err == nil && runtime.GOOS != "freebsd" {
		for _, entry := range entries {
			if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
				syscall.CloseOnExec(fd)
			}
		}
		return
	}
	limit := 1 << 16
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && uint64(files.Cur) < uint64(limit) {
		limit = int(files.Cur)
	}
	for fd := 3; fd < limit; fd++ {
		syscall.CloseOnExec(fd)
	}
}
