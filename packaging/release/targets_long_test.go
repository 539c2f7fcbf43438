//go:build linux && long

package main

import "testing"

var testTargets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

// newCache has the second release compile everything by itself.
func newCache(t *testing.T) { t.Setenv("GOCACHE", t.TempDir()) }
