package api

import (
	"net"

	"github.com/awskeyd/awskeyd/helper"
)

// Listen is not on windows yet.
func Listen(string) (net.Listener, error) { return nil, notYet() }

func notShared(string) error { return notYet() }

func notYet() error {
	return NewError(helper.ExitFailed, "not-on-windows", "not on windows yet", "")
}

func unread(net.Conn) bool { return false }
