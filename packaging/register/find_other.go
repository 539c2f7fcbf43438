//go:build !linux && !darwin

package register

import (
	"context"
	"fmt"
	"runtime"

	"github.com/awskeyd/awskeyd/helper"
)

func find(context.Context, helper.Env, int, runner) (Manager, error) {
	return nil, fmt.Errorf("not on %s yet", runtime.GOOS)
}
