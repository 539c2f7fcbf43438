package helper

// Moment is a point in time, or a span of it, in nanoseconds of a clock that
// nobody sets. Package time would cost every run of the helper: it links a
// registry of GODEBUG's settings, which begins before main does.
type Moment int64

const (
	millisecond Moment = 1e6
	second      Moment = 1e9
)
