package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// end asks a daemon to end. It finishes what it answers.
func end(pid int) error {
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Signal(syscall.SIGTERM)
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return &api.Error{Code: "not-stopped", Message: fmt.Sprintf("could not stop the awskeyd that runs as process %d: %v", pid, err), Exit: helper.ExitFailed}
	}
	return nil
}

// endsWithin is more than a daemon takes: an access key that is just being made is
// stored first, in 30 s.
const endsWithin = 45 * time.Second

// endBare ends the daemon that no manager has started, and waits for it.
func (a *app) endBare(ctx context.Context) error {
	status, err := a.daemon.Status(ctx)
	if isCode(err, "no-daemon") {
		return nil
	}
	if err != nil {
		return err
	}
	if err := end(status.Daemon.PID); err != nil {
		return err
	}
	for late := time.Now().Add(endsWithin); ; {
		now, err := a.daemon.Status(ctx)
		if isCode(err, "no-daemon") || err == nil && now.Daemon.PID != status.Daemon.PID {
			return nil
		}
		if time.Now().After(late) || ctx.Err() != nil {
			return &api.Error{Code: "not-stopped", Message: fmt.Sprintf("the awskeyd that runs as process %d was told to end and has not", status.Daemon.PID), Remedy: "awskey logs says what it waits for", Exit: helper.ExitFailed}
		}
		rest(ctx, 20*time.Millisecond)
	}
}

func (a *app) markStopped() error {
	folder, marker, err := a.stopMarker()
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	if err == nil {
		err = os.WriteFile(marker, nil, 0o600)
	}
	return err
}

func (a *app) unmarkStopped() error {
	_, marker, err := a.stopMarker()
	if err != nil {
		return err
	}
	if err := os.Remove(marker); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
