package daemon

import (
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/term"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/helper"
)

// files are the places of one daemon.
type files struct {
	configs config.Paths
	state   string // history, lock, log; no secret, ever
	items   string // the file store's encrypted items
}

func findFiles(env helper.Env) (files, error) {
	user, err := helper.ConfigFile(env)
	if err != nil {
		return files{}, environmentError(err)
	}
	state, err := helper.StateDir(env)
	if err != nil {
		return files{}, environmentError(err)
	}
	return files{configs: config.PathsFor(user, env("HOME")), state: state, items: dataDir(env, state)}, nil
}

// dataDir is the folder of the file store: user data, neither configuration
// nor state (XDG base directory specification).
func dataDir(env helper.Env, state string) string {
	if runtime.GOOS == "linux" || runtime.GOOS == "freebsd" {
		if dir := env("XDG_DATA_HOME"); filepath.IsAbs(dir) {
			return filepath.Join(dir, "awskeyd", "keys")
		}
		if home := env("HOME"); filepath.IsAbs(home) {
			return filepath.Join(home, ".local", "share", "awskeyd", "keys")
		}
	}
	return filepath.Join(state, "keys")
}

func environmentError(err error) error {
	return api.NewError(helper.ExitUsage, "environment", "cannot tell where awskeyd's files are: "+err.Error(), "set HOME")
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
