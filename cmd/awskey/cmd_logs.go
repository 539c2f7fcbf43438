package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// logName is the daemon's log in the state folder.
const logName = "awskeyd.log"

// logsCmd has no --json: the lines are the daemon's own and are passed on as
// they are.
func (a *app) logsCmd() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "prints the service's log",
		Example: `  awskey logs
  awskey logs --follow`,
		Args: unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.json {
				return usage(cmd, "the log is text and has no --json; awskey history has")
			}
			return a.logs(cmd.Context(), follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as lines come, until Ctrl-C")
	return cmd
}

// logs copies the log file to standard output. It needs no daemon: a log is
// read most of all when there is none.
func (a *app) logs(ctx context.Context, follow bool) error {
	dir, err := helper.StateDir(a.env)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, logName)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return noLog(path)
	}
	if err != nil {
		return err
	}
	defer func() { f.Close() }()
	for {
		if _, err := io.Copy(a.stdout, f); err != nil {
			return fmt.Errorf("could not print %s: %w", path, err)
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(250 * time.Millisecond):
		}
		if next := replaced(f, path); next != nil {
			_, _ = io.Copy(a.stdout, f) // its last lines
			f.Close()
			f = next
		}
	}
}

// replaced opens path again if it is another file than f, or shorter than what
// was read of it.
func replaced(f *os.File, path string) *os.File {
	old, err := f.Stat()
	if err != nil {
		return nil
	}
	now, err := os.Stat(path)
	if err != nil {
		return nil
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil || os.SameFile(old, now) && now.Size() >= at {
		return nil
	}
	next, err := os.Open(path)
	if err != nil {
		return nil
	}
	return next
}

// noLog says where else the log may be: under systemd standard error belongs to
// the journal, and there is no file.
func noLog(path string) error {
	e := &api.Error{Code: "no-log", Message: "there is no log at " + path, Exit: helper.ExitFailed}
	if runtime.GOOS == "linux" {
		e.Remedy = "under systemd the journal has it: journalctl --user --identifier awskeyd"
	}
	return e
}
