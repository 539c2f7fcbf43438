package daemon

import (
	"context"
	"os"
	"testing"
)

// TestAStopDuringARestartIsAStop: the program is not executed anew when it was
// told to end.
func TestAStopDuringARestartIsAStop(t *testing.T) {
	if os.Getenv("REVIEW_AGAIN") != "" {
		t.Fatal("executed anew although it was told to stop")
	}
	os.Setenv("REVIEW_AGAIN", "1")
	os.Setenv("GODEBUG", "clobberfree=1")
	code := Main([]string{"run"}, func(string) string { return "" }, os.Stdout, os.Stderr, Keychains{}, func(_ string, f func(context.Context) error) error {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // SIGTERM while it ends
		_ = f(ctx)
		return errRestart
	})
	if code != 0 {
		t.Error(code)
	}
}
