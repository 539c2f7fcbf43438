package main

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/awskeyd/awskeyd/daemon/api"
)

var update = flag.Bool("update", false, "write what was printed into testdata/*.txtar")

// TestMain makes the real program a command of the scripts; only its clock,
// its time zone and the place it thinks it is installed in are fixed.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"awskey": func() {
		time.Local = time.FixedZone("CET", 3600)
		a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv,
			now:        testClock,
			executable: func() (string, error) { return os.Getenv("BIN") + "/awskey", nil },
		}
		os.Exit(a.main(os.Args[1:]))
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			bin := filepath.Join(env.WorkDir, "bin")
			home := filepath.Join(env.WorkDir, "home")
			for _, dir := range []string{bin, home} {
				if err := os.MkdirAll(dir, 0o700); err != nil {
					return err
				}
			}
			for _, name := range []string{"awskey", "awskey-helper", "awskeyd"} {
				f, err := os.OpenFile(filepath.Join(bin, name), os.O_CREATE, 0) // a script may bring its own
				if err == nil {
					err = errors.Join(f.Chmod(0o700), f.Close())
				}
				if err != nil {
					return err
				}
			}
			env.Setenv("BIN", bin)
			env.Setenv("HOME", home)
			env.Setenv("TERM", "xterm")
			f, err := seeded(env.WorkDir)
			if err != nil {
				return err
			}
			// Under its own short name: a socket's path is at most 103 bytes long.
			dir, err := os.MkdirTemp("", "awskey")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(dir) })
			env.Setenv("AWSKEYD_SOCKET", filepath.Join(dir, "socket"))
			if f != nil {
				env.Defer(serve(t, f, filepath.Join(dir, "socket")))
			}
			return nil
		},
	})
}

// seeded reads the fake daemon of a script out of its files status.json,
// backends.json, history.json and offline.json. Without the first there is no daemon.
func seeded(dir string) (*fake, error) {
	f := &fake{}
	for name, into := range map[string]any{"status.json": &f.status, "backends.json": &f.backends, "history.json": &f.past, "offline.json": &f.offline} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			if name == "status.json" {
				return nil, nil
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return nil, err
		}
	}
	return f, nil
}

var _ api.Service = (*fake)(nil)
