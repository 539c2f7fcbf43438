package daemon

import (
	"context"
	"os"
	"testing"
)

// TestAStopDuringARestartIsAStop: the program is not executed anew when it was
// told to end.
func TestAStopDuringARestartIsAStop(t *testing.T) {
	const mark = "AWSKEYD_TEST_EXECUTED_ANEW"
	if os.Getenv(mark) != "" {
		t.Fatal("executed anew although it was told to stop")
	}
	t.Setenv(mark, "1")
	t.Setenv("GODEBUG", overwriting) // else it is executed anew for that
	code := Main([]string{"run"}, func(string) string { return "" }, os.Stdout, os.Stderr, Keychains{}, Starter{Run: func(_ string, f func(context.Context) error) error {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // SIGTERM while it ends
		_ = f(ctx)
		return errRestart
	}})
	if code != 0 {
		t.Error(code)
	}
}
