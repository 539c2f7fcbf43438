//go:build windows

package helper

import (
	"syscall"
)

// MaxSocketPath is the longest name of a pipe in bytes.
const MaxSocketPath = 256

var errNotYet = &Error{Exit: ExitFailed, Code: "not-on-windows", Message: "not on windows yet"}

// userID is the SID of the user, or "" if the system does not tell it.
func userID() string {
	token, err := syscall.OpenCurrentProcessToken()
	if err != nil {
		return ""
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return ""
	}
	sid, err := user.User.Sid.String()
	if err != nil {
		return ""
	}
	return sid
}

// Dial is not on windows yet.
func Dial(Env, Moment) (uintptr, error) { return 0, errNotYet }

// CheckFolder is not on windows yet.
func CheckFolder(string) error { return errNotYet }

// PeerUID is not on windows yet.
func PeerUID(uintptr) (int, error) { return -1, errNotYet }

// Start is not on windows yet.
func Start(Env, []string, Moment) (uintptr, error) { return 0, errNotYet }

func start(Env, []string, func() (string, error), Moment) (uintptr, error) { return 0, errNotYet }

func (run) quick(string, Moment) ([]byte, error) { return nil, nil }

func ask(uintptr, string, Moment, []byte) ([]byte, error) { return nil, errNotYet }

func within(_ Moment, work func() ([]byte, error)) ([]byte, error) { return work() }

func write(to uintptr, b []byte) (int, error) { return syscall.Write(syscall.Handle(to), b) }
