//go:build !linux

package daemon

import (
	"context"

	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/helper"
)

// listen is never asked: the configuration refuses such occasions here.
func listen(context.Context, helper.Env, config.LockOn, func(occasion), func(error)) {}
