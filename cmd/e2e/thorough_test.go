//go:build linux && long

package e2e

// thorough is a run that takes the time to try everything.
const thorough = true
