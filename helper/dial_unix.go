//go:build unix

package helper

import (
	"strconv"
	"syscall"
)

// MaxSocketPath is the longest address of a socket in bytes: what the system's
// sockaddr_un holds beside its final zero.
const MaxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// userID is what stands for the user in the name of a runtime folder.
func userID() string { return strconv.Itoa(syscall.Geteuid()) }

// Dial connects to the daemon: the first of [SocketCandidates] that lies in a
// folder of ours and is served by our own uid, by the kernel's word. The
// caller closes the descriptor, whose calls block; os.NewFile and net.FileConn
// make a net.Conn of it.
//
// It fails with [ErrUnsafe] if something is there that may not be ours, even
// if another address just has nobody; with [ErrNoDaemon] if nobody is there at
// all. It may be called from several goroutines.
func Dial(env Env, deadline Moment) (fd uintptr, err error) {
	paths := SocketCandidates(env)
	if len(paths) == 0 {
		return none, noDaemon("no daemon can be found: HOME is not set", "set HOME, or AWSKEYD_SOCKET")
	}
	var first error
	for _, path := range paths {
		fd, err := connect(path, deadline)
		if err == nil {
			return uintptr(fd), nil
		}
		if e, ok := err.(*Error); first == nil && !(ok && e.Kind == ErrNoDaemon) {
			first = err
		}
	}
	if first != nil {
		return none, first
	}
	where := paths[0]
	if len(paths) > 1 {
		where += " or its other places"
	}
	return none, noDaemon("no daemon answers at "+where, startRemedy)
}

// none stands beside an error.
const none = ^uintptr(0)

// startRemedy is what a person types when there is no daemon.
const startRemedy = "start it with: awskey service start"

// connect returns a blocking socket with the daemon at its other end.
func connect(path string, deadline Moment) (fd int, err error) {
	if !isAbsolute("unix", path) {
		return -1, &Error{Exit: ExitUsage, Code: "environment", Message: "AWSKEYD_SOCKET must be an absolute path, not " + path}
	}
	if len(path) > MaxSocketPath {
		return -1, noDaemon("no daemon can listen at "+path+": a socket's path may have "+strconv.Itoa(MaxSocketPath)+" bytes at most", "set AWSKEYD_SOCKET to a shorter one")
	}
	if err := CheckFolder(parent(path)); err != nil {
		// What is not there, or lies where we may not look, is not our daemon.
		if look(path) != nil {
			err = noDaemon("no daemon answers at "+path, startRemedy)
		}
		return -1, err
	}
	fd, err = connectSocket(path, deadline)
	switch err {
	case nil:
	case syscall.ENOENT, syscall.ECONNREFUSED:
		return -1, noDaemon("no daemon answers at "+path, startRemedy)
	case syscall.EACCES, syscall.EPERM:
		return -1, notOurs("the socket "+path+" may not be used by you", "stop awskeyd, remove the socket and type: awskeyd run")
	default:
		return -1, &Error{Exit: ExitFailed, Code: "socket", Message: "cannot connect to " + path + ": " + err.Error()}
	}
	uid, err := PeerUID(uintptr(fd))
	if err != nil {
		_ = syscall.Close(fd)
		return -1, notOurs("cannot learn who serves "+path+": "+err.Error(), "")
	}
	if uid != syscall.Geteuid() {
		_ = syscall.Close(fd)
		return -1, notOurs("the socket "+path+" is served by uid "+strconv.Itoa(uid)+", not by you (uid "+userID()+")", "")
	}
	return fd, nil
}

// connectSocket returns a connected socket that blocks, but no write for longer
// than the deadline. Only Linux makes a connect wait, when the listener's queue
// is full, and ends it like a write; what takes itself for Linux may say EAGAIN
// at once.
func connectSocket(path string, deadline Moment) (int, error) {
	for {
		syscall.ForkLock.RLock()
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err == nil {
			syscall.CloseOnExec(fd)
		}
		syscall.ForkLock.RUnlock()
		if err != nil {
			return -1, err
		}
		if err = limit(fd, syscall.SO_SNDTIMEO, max(deadline-Now(), leastLimit)); err == nil {
			err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
		}
		if err == nil {
			return fd, nil
		}
		_ = syscall.Close(fd)
		if err != syscall.EAGAIN && err != syscall.EINTR || Now() >= deadline {
			return -1, err
		}
		sleep(5 * millisecond)
	}
}

// CheckFolder refuses a folder for the socket that is not ours or not closed
// to everybody else: another user could put a socket of theirs in the way.
func CheckFolder(path string) error {
	info, err := stat(path)
	if err != nil {
		return notOurs("cannot look at the socket's folder "+path+": "+err.Error(), "")
	}
	if !isKind(info, syscall.S_IFDIR) {
		return notOurs(path+", the socket's folder, is not a folder", "")
	}
	if uid := int(info.Uid); uid != syscall.Geteuid() {
		return notOurs("the socket's folder "+path+" belongs to uid "+strconv.Itoa(uid)+", not to you (uid "+userID()+")", "")
	}
	if info.Mode&0o077 != 0 {
		return notOurs("the socket's folder "+path+" is open to other users", "close it with: chmod 700 "+path)
	}
	return nil
}

// parent returns the folder of an absolute path.
func parent(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			return trimSlash(path[:i])
		}
	}
	return "/"
}

func noDaemon(message, remedy string) *Error {
	return &Error{Exit: ExitNoDaemon, Code: "no-daemon", Message: message, Remedy: remedy, Kind: ErrNoDaemon}
}

func notOurs(message, remedy string) *Error {
	return &Error{Exit: ExitRefused, Code: "unsafe-socket", Message: message, Remedy: remedy, Kind: ErrUnsafe}
}
