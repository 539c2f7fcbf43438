//go:build linux && !long

package e2e

// thorough is false in a run that tries a sample.
const thorough = false
