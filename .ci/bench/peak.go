//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// peak runs a program and returns the most memory in MiB that it had. What wait
// tells counts the pages of the process that starts it too, from before the exec; so
// the program is held at its end, while /proc still knows.
func peak(cmd *exec.Cmd) (mib float64, err error) {
	runtime.LockOSThread() // whoever traces is a thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	defer func() { _ = cmd.Process.Release() }()
	for begun := false; ; {
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, 0, nil); err == syscall.EINTR {
			continue
		} else if err != nil {
			return 0, err
		}
		signal := 0
		switch {
		case status.Exited() || status.Signaled():
			if mib == 0 || status.ExitStatus() != 0 {
				return 0, fmt.Errorf("%s ended with %d, %.1f MiB", cmd.Path, status.ExitStatus(), mib)
			}
			return mib, nil
		case !begun: // it stands at its exec
			begun = true
			if err := syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACEEXIT); err != nil {
				return 0, err
			}
		case status.TrapCause() == syscall.PTRACE_EVENT_EXIT:
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				return 0, err
			}
			mib = field(text, "VmHWM:") / 1024
		default:
			signal = int(status.StopSignal())
		}
		if err := syscall.PtraceCont(pid, signal); err != nil {
			return 0, err
		}
	}
}
