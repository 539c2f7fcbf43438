package register

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/awskeyd/awskeyd/helper"
)

func find(ctx context.Context, env helper.Env, _ int, run runner) (Manager, error) {
	s, err := newSystemd(env, run)
	if err != nil {
		return nil, err
	}
	if _, err := run(ctx, "systemctl", "--user", "show-environment"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoManager, err)
	}
	return s, nil
}

func newSystemd(env helper.Env, run runner) (*systemd, error) {
	home, config := env("HOME"), env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(home) {
		return nil, errors.New("cannot tell where the units of systemd lie: HOME is not set")
	}
	if !filepath.IsAbs(config) {
		config = filepath.Join(home, ".config")
	}
	return &systemd{home: home, folder: filepath.Join(config, "systemd", "user"), packaged: Packaged, runtime: env("XDG_RUNTIME_DIR"), run: run}, nil
}
