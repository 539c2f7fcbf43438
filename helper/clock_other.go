//go:build !linux

package helper

import "time"

var began = time.Now()

// Now returns the moment of the call.
func Now() Moment { return Moment(time.Since(began)) }

func sleep(span Moment) { time.Sleep(time.Duration(span)) }
