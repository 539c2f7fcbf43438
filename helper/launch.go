//go:build unix

package helper

import (
	"errors"
	"strconv"
	"syscall"
)

// realFile follows the links that a program was started through, such as those
// of Homebrew; its folder may be reached through a link as well as not.
func realFile(path string) string {
	for range 40 {
		target, err := readlink(path)
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
	info, err := stat(path)
	if err != nil {
		return errors.New("cannot be looked at: " + err.Error())
	}
	if uid := int(info.Uid); uid != syscall.Geteuid() {
		return errors.New("belongs to uid " + strconv.Itoa(uid) + ", not to you (uid " + userID() + ")")
	}
	return nil
}

// startLock is the file whose lock makes this program the one that starts the
// daemon. The kernel frees the lock of a program that died.
type startLock struct{ fd int }

// lockStart returns nil if another program has the lock.
func lockStart(path string) (*startLock, error) {
	fd, err := open(path, syscall.O_CREAT|syscall.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err {
	case nil:
		return &startLock{fd}, nil
	case syscall.EWOULDBLOCK, syscall.EINTR:
		return nil, syscall.Close(fd)
	default:
		_ = syscall.Close(fd)
		return nil, err
	}
}

func (l *startLock) close() { _ = syscall.Close(l.fd) }

// leave has the next ones find text in the file, and nothing else.
func (l *startLock) leave(text string) {
	_ = syscall.Ftruncate(l.fd, 0)
	_, _ = syscall.Pwrite(l.fd, []byte(text), 0)
}

func (l *startLock) holds(text string) bool {
	b := make([]byte, len(text))
	n, err := syscall.Pread(l.fd, b, 0)
	return err == nil && string(b[:n]) == text
}

// process is a daemon that was just started.
type process struct{ pid int }

// launch starts `awskeyd run` as a daemon that has nothing of ours: its own
// session, so that no terminal's end reaches it, the root folder, so that it
// keeps no disk busy, and the null device as its only descriptors, so that
// nobody waits for the end of a pipe that it holds (the AWS CLI reads ours
// until every writer is gone).
func launch(awskeyd string, environ []string) (*process, error) {
	null, err := open("/dev/null", syscall.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(null)
	closeOthersOnExec()
	fd := uintptr(null)
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
// of our own making are marked already.
func closeOthersOnExec() {
	if markOthers() == nil {
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
