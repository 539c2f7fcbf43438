//go:build unix

package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/awskeyd/awskeyd/helper"
)

// Listen opens the daemon's socket at path: 0600 in a folder of ours that is
// closed to everybody else, which it makes if only that folder is missing. The
// caller holds [Lock], so a socket of ours that refuses connections is a dead
// daemon's and is removed; one that accepts, be it in silence, is another
// daemon's. Closing the listener removes the socket.
func Listen(path string) (net.Listener, error) {
	if !filepath.IsAbs(path) {
		return nil, NewError(helper.ExitUsage, "environment", "AWSKEYD_SOCKET must be an absolute path, not "+path, "")
	}
	if len(path) > helper.MaxSocketPath {
		return nil, noPlace("the path of the socket has "+strconv.Itoa(len(path))+" bytes, and this system takes "+strconv.Itoa(helper.MaxSocketPath)+": "+path, "set AWSKEYD_SOCKET to a shorter one")
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, NewError(helper.ExitFailed, "socket", "cannot listen: "+err.Error(), "")
	}
	// The folder keeps others out meanwhile, so the umask, which belongs to the
	// whole process, need not be touched.
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, NewError(helper.ExitFailed, "socket", "cannot close the socket to others: "+err.Error(), "")
	}
	own, err := os.Lstat(path)
	if err != nil {
		_ = l.Close()
		return nil, NewError(helper.ExitFailed, "socket", "cannot look at the socket: "+err.Error(), "")
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return &socket{l.(*net.UnixListener), path, own}, nil
}

// socket is a listener that removes its file at the end, unless another one has
// taken its place: a service manager opens its own over it.
type socket struct {
	*net.UnixListener
	path string
	own  fs.FileInfo
}

func (s *socket) Close() error {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.own) {
		_ = os.Remove(s.path) // a stale one is removed by whoever comes next
	}
	return s.UnixListener.Close()
}

// makeFolder makes the socket's folder if it is missing and checks it. What
// lies above must be there and belong to us or to root: a runtime folder that
// is left over from another user's session (sudo keeps XDG_RUNTIME_DIR) is not
// for us to put things into.
func makeFolder(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		above, e := os.Stat(filepath.Dir(path))
		if e != nil || !above.IsDir() {
			return noPlace("cannot make the socket's folder "+path+": there is no folder "+filepath.Dir(path), "make it, or set AWSKEYD_SOCKET")
		}
		if uid := int(above.Sys().(*syscall.Stat_t).Uid); uid != os.Geteuid() && uid != 0 {
			return noPlace(fmt.Sprintf("cannot make the socket's folder %s: %s belongs to uid %d", path, filepath.Dir(path), uid), "set XDG_RUNTIME_DIR or AWSKEYD_SOCKET")
		}
		if err = os.Mkdir(path, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			info, err = os.Stat(path)
		}
	}
	if err != nil {
		return noPlace("cannot make the socket's folder: "+err.Error(), "set AWSKEYD_SOCKET")
	}
	if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != os.Geteuid() {
		return noPlace(fmt.Sprintf("the socket's folder %s belongs to uid %d", path, uid), "set XDG_RUNTIME_DIR or AWSKEYD_SOCKET")
	}
	if err := helper.CheckFolder(path); err != nil {
		return fromHelper(err)
	}
	return nil
}

// removeStale makes way for our socket, or says what is in the way.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return NewError(helper.ExitFailed, "socket", "cannot look at the socket: "+err.Error(), "")
	}
	if info.Mode().Type() != fs.ModeSocket || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
		return NewError(helper.ExitRefused, "unsafe-socket", path+" is in the way and is no socket of yours", "look at it, and move it away")
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
		return secondDaemon("it answers at " + path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		// Such as a full queue: somebody listens.
		return secondDaemon("it is at " + path + ": " + err.Error())
	}
	if err := os.Remove(path); err != nil {
		return NewError(helper.ExitFailed, "socket", "cannot remove the socket that a daemon left: "+err.Error(), "")
	}
	return nil
}

// notShared refuses a folder that is not ours or that others may write to.
func notShared(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return NewError(helper.ExitFailed, "state", "cannot look at the state folder: "+err.Error(), "")
	}
	if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != os.Geteuid() {
		return NewError(helper.ExitRefused, "unsafe-state", fmt.Sprintf("the state folder %s belongs to uid %d, not to you (uid %d)", path, uid, os.Geteuid()), "set AWSKEYD_STATE to a folder of yours")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return NewError(helper.ExitRefused, "unsafe-state", "other users may write to the state folder "+path, "close it with: chmod 700 "+path)
	}
	return nil
}

// unread tells whether bytes have come that nobody has read yet.
func unread(conn net.Conn) bool {
	n := 0
	err := onSocket(conn, func(fd uintptr) {
		n, _, _ = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil && n > 0
}

func noPlace(message, remedy string) error {
	return NewError(helper.ExitRefused, codeNoPlace, message, remedy)
}
