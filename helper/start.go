//go:build unix

package helper

import (
	"errors"
	"syscall"
)

// How long a helper waits before it looks for the socket again. The one that
// started the daemon looks often; the many that wait for it ever more seldom,
// or a thousand of them would keep the daemon from its processor.
const (
	firstLook = 5 * millisecond
	lastLook  = 100 * millisecond
)

// Start starts the awskeyd that lies beside the running program and returns a
// connection to it, like [Dial]. Of any number of callers one starts it and
// the others wait; all give up at the deadline. environ is os.Environ().
//
// It does not start one, and fails with [ErrNoDaemon] and the reason, if any
// AWSKEYD_* variable is set (whoever steers the daemon starts it), if the stop
// marker lies in the state folder, or if home or state belong to another user,
// as under sudo.
func Start(env Env, environ []string, deadline Moment) (fd uintptr, err error) {
	return start(env, environ, executable, deadline)
}

func start(env Env, environ []string, program func() (string, error), deadline Moment) (fd uintptr, err error) {
	state, err := mayStart(env, environ)
	if err != nil {
		return none, err
	}
	awskeyd, err := beside(program)
	if err != nil {
		return none, err
	}
	var (
		starter *startLock // once it is ours
		child   *process
		waited  bool
	)
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		fd, err := Dial(env, deadline)
		if !errors.Is(err, ErrNoDaemon) {
			return fd, err
		}
		switch {
		case child != nil:
			pause = firstLook
			if child.failed() {
				starter.leave(startFailed) // else each that waits tries in turn
				return none, noDaemon("no daemon answers, and "+awskeyd+" ended as soon as it was started", "to see why, type: awskeyd run")
			}
		case starter == nil:
			if starter, err = lockStart(join("unix", state, "start.lock")); err != nil {
				return none, notStarted("cannot lock " + state + ": " + err.Error())
			}
			if starter != nil {
				defer starter.close()
				// Since the last look another may have started one and left.
				continue
			}
			waited = true
		case waited && starter.holds(startFailed):
			return none, noDaemon("no daemon answers, and the one that another program started did not come up", "to see why, type: awskeyd run")
		default:
			starter.leave("")
			if child, err = launch(awskeyd, daemonEnviron(environ)); err != nil {
				return none, notStarted("cannot start " + awskeyd + ": " + err.Error())
			}
		}
		if Now()+pause >= deadline {
			return none, noDaemon("no daemon answers; one was started and is not ready yet", "try again, or type: awskeyd run")
		}
		sleep(pause)
	}
}

// startFailed stands in the lock's file once a daemon has ended as soon as it was
// started: whoever waited for it would fare no better. One whose starter was
// killed, or had no more time, leaves nothing there.
const startFailed = "failed"

// mayStart holds the rules for starting a daemon unasked. It returns the state
// folder, made if it was missing.
func mayStart(env Env, environ []string) (state string, err error) {
	for _, v := range environ {
		if name := variable(v); hasPrefix(name, "AWSKEYD_") {
			return "", noDaemon("no daemon answers, and none was started: "+name+" is set", "start it with: awskeyd run") // by whoever steers it
		}
	}
	home := env("HOME")
	if err := ours(home); err != nil {
		return "", notStarted("the home folder " + home + " " + err.Error())
	}
	if state, err = StateDir(env); err != nil {
		return "", notStarted(err.Error())
	}
	if err := ours(nearest(state)); err != nil {
		return "", notStarted("the state folder " + nearest(state) + " " + err.Error())
	}
	if err := makeFolder(state, 0o700); err != nil {
		return "", notStarted("cannot make the state folder " + state + ": " + err.Error())
	}
	if err := look(StopMarker(state)); err == nil {
		return "", notStarted("it has been stopped (" + StopMarker(state) + ")")
	}
	return state, nil
}

// notStarted is the error for a daemon that is missing and stays so.
func notStarted(why string) error {
	return noDaemon("no daemon answers, and none was started: "+why, startRemedy)
}

// nearest returns path or the closest folder above it that exists.
func nearest(path string) string {
	for path != "/" {
		if look(path) != syscall.ENOENT {
			break
		}
		path = parent(path)
	}
	return path
}

// beside returns the awskeyd in the folder of the running program, links
// followed, and never one from PATH: whoever sets our PATH would choose the
// program that is to hold the keys.
func beside(program func() (string, error)) (string, error) {
	path, err := program()
	if err != nil {
		return "", notStarted("cannot tell where this program lies: " + err.Error())
	}
	path = join("unix", parent(realFile(path)), "awskeyd")
	info, err := stat(path)
	if err != nil || !isKind(info, syscall.S_IFREG) || info.Mode&0o111 == 0 {
		return "", notStarted("there is no program " + path)
	}
	return path, nil
}

// daemonEnviron keeps what the daemon needs to find the user's folders and
// bus. The rest belongs to the program that asked for credentials: its AWS_*,
// its proxies and its LD_* must not steer a daemon that outlives it.
func daemonEnviron(environ []string) []string {
	kept := []string{"GODEBUG=clobberfree=1"} // freed memory is overwritten; without it the daemon begins twice
	for _, v := range environ {
		switch name := variable(v); {
		case name == "HOME", name == "USER", name == "LANG", name == "DBUS_SESSION_BUS_ADDRESS", hasPrefix(name, "XDG_"):
			kept = append(kept, v)
		}
	}
	return kept
}

// variable returns the name in "name=value".
func variable(v string) string {
	for i := range len(v) {
		if v[i] == '=' {
			return v[:i]
		}
	}
	return v
}

func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && s[:len(prefix)] == prefix
}
