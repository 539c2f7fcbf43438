package service

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// Handed is what a service manager gave to the program that it started, in the
// words of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3). Programs
// that this one starts are given none of it.
type Handed struct {
	// Socket is already listened on; nil if none was given. Closing it leaves the
	// manager's own open, and its file where it is.
	Socket net.Listener
	// Watchdog is the time within which the manager wants to hear of the program;
	// 0 if it does not care.
	Watchdog time.Duration

	notify  string // the manager's address
	environ []string
	kept    *os.File // the descriptor itself: the program that is executed in our place takes it again
}

// Receive takes what was handed over out of the environment. It is called once,
// before anything is started.
func Receive() (*Handed, error) {
	h := &Handed{notify: os.Getenv("NOTIFY_SOCKET")}
	mine := func(name string) bool {
		pid := os.Getenv(name)
		return pid == "" || pid == strconv.Itoa(os.Getpid())
	}
	if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 && mine("WATCHDOG_PID") {
		h.Watchdog = time.Duration(usec) * time.Microsecond
	}
	count := os.Getenv("LISTEN_FDS")
	ours := count != "" && os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid())
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		if value, ok := os.LookupEnv(name); ok {
			h.environ = append(h.environ, name+"="+value)
			_ = os.Unsetenv(name)
		}
	}
	if !ours {
		return h, nil
	}
	if count != "1" {
		return nil, fmt.Errorf("the service manager handed over %s sockets, and awskeyd takes one", count)
	}
	keepOnExec(false)
	f := os.NewFile(firstHanded, "handed socket")
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("what the service manager handed over is no socket to listen on: %w", err)
	}
	if _, ok := l.(*net.UnixListener); !ok {
		return nil, errors.Join(errors.New("the service manager handed over a socket that is no Unix socket"), l.Close())
	}
	h.Socket = l
	h.kept = f
	return h, nil
}

// firstHanded is SD_LISTEN_FDS_START.
const firstHanded = 3

// Tell says something to the manager, such as READY=1. That it does not listen is
// no matter of the program's.
func (h *Handed) Tell(state string) {
	if h.notify == "" {
		return
	}
	conn, err := net.Dial("unixgram", h.notify)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write([]byte(state))
}
