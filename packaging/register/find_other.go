//go:build !linux && !darwin

package register

import (
	"context"
	"fmt"
	"runtime"

	"github.com/awskeyd/awskeyd/helper"
)

func find(context.Context, helper.Env, int, runner) (Manager, error) {
	if runtime.GOOS == "windows" {
		return nil, fmt.Errorf("not on %s yet", runtime.GOOS)
	}
	return nil, fmt.Errorf("%w: awskeyd knows none of %s", ErrNoManager, runtime.GOOS)
}
