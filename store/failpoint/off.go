//go:build !failpoints

package failpoint

// At is passed.
func At(string) {}

// Each is At for the point "point.kind".
func Each(_, _ string) {}

// Err is At where the code around it can fail, and returns the error to fail
// with; nil to go on.
func Err(string) error { return nil }
