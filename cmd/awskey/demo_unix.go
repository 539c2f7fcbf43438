//go:build unix

package main

import "syscall"

// ownSession keeps a terminal's Ctrl-C away from the demo's service.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
