package register

import (
	"context"
	"fmt"

	"github.com/awskeyd/awskeyd/helper"
)

func find(ctx context.Context, env helper.Env, uid int, run runner) (Manager, error) {
	l := newLaunchd(env("HOME"), uid, run)
	if _, err := run(ctx, "launchctl", "print", l.domain); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoManager, err)
	}
	return l, nil
}
