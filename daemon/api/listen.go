package api

import (
	"net"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/awskeyd/awskeyd/helper"
)

// Lock makes the caller the one daemon of this state folder, which it creates
// if need be, until release is called or the process ends. Take it before
// [Listen]: only its holder may decide that a socket is stale.
func Lock(stateDir string) (release func() error, err error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, NewError(helper.ExitFailed, "state", "cannot make the state folder: "+err.Error(), "")
	}
	if err := notShared(stateDir); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(stateDir, "lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, NewError(helper.ExitFailed, "state", "cannot lock the state folder: "+err.Error(), "")
	}
	if !ok {
		return nil, secondDaemon("it holds " + lock.Path())
	}
	return lock.Unlock, nil
}

// ListenFirst listens at the first usable of paths, which are
// [helper.SocketCandidates]. It passes over a place that is not there or not
// for us, never over one where another daemon answers or others could reach in.
func ListenFirst(paths []string) (l net.Listener, err error) {
	err = NewError(helper.ExitUsage, "environment", "there is no place for the socket: HOME is not set", "set HOME, or AWSKEYD_SOCKET")
	for _, path := range paths {
		if l, err = Listen(path); err == nil || asError(err).Code != codeNoPlace {
			return l, err
		}
	}
	return nil, err
}

func secondDaemon(why string) error {
	// The helper knows this exit code as "another daemon was faster".
	return NewError(helper.ExitHeld, "second-daemon", "another awskeyd is running ("+why+")", "to see it, type: awskey status")
}

// codeNoPlace marks an address that this daemon cannot use and for which the
// next may serve.
const codeNoPlace = "no-place"
