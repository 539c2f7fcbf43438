//go:build linux && !long

package main

import "testing"

// testTargets is the system that the other checks have built for already.
var testTargets = []target{{"linux", "amd64"}}

// newCache has the second release share what the first one compiled.
func newCache(*testing.T) {}
