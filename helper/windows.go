//go:build windows

package helper

import (
	"os"
	"syscall"
	"time"
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
func Dial(Env, time.Time) (*os.File, error) { return nil, errNotYet }

// CheckFolder is not on windows yet.
func CheckFolder(string) error { return errNotYet }

// PeerUID is not on windows yet.
func PeerUID(uintptr) (int, error) { return -1, errNotYet }

// Start is not on windows yet.
func Start(Env, []string, time.Time) (*os.File, error) { return nil, errNotYet }

func start(Env, []string, func() (string, error), time.Time) (*os.File, error) { return nil, errNotYet }

func (run) quick(string, time.Time) ([]byte, error) { return nil, nil }
