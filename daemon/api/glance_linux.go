package api

import (
	"net"
	"syscall"
)

// glance reads what has already come. Here alone a first answer waits for nobody
// either: it fits into our own buffers, where on other systems the reader's count.
func glance(conn net.Conn, b []byte) (n int) {
	_ = onSocket(conn, func(fd uintptr) { n, _ = syscall.Read(int(fd), b) }) // Go's sockets do not block
	return max(n, 0)
}
