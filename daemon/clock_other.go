//go:build !linux

package daemon

import "context"

// clockSet is nil where no system tells.
var clockSet func(context.Context, chan<- struct{}) error
