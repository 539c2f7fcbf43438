package register

import (
	"context"
	"fmt"

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
