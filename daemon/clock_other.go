//go:build !linux

package daemon

import (
	"context"
	"errors"
)

// clockSet is not on this system.
func clockSet(context.Context, chan<- struct{}) error { return errors.ErrUnsupported }
