//go:build !linux

package api

import "net"

func glance(net.Conn, []byte) int { return 0 }
