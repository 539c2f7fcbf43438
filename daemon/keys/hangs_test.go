package keys_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
)

type hangs struct{ keys.Store }

func (hangs) Names(ctx context.Context) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestAFirstReadingThatHangsIsTold: a store that does not answer is hung, and no
// failure of awskeyd.
func TestAFirstReadingThatHangsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := keys.Open(ctx, keys.Options{Store: hangs{}, StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Wall: time.Now,
			Profiles: func([]string) []api.Profile { return nil }, Settings: func(string) rotation.Settings { return defaults }})
		_, err := s.Credentials("work")
		var e *api.Error
		if !errors.As(err, &e) || e.Exit != helper.ExitLocked {
			t.Errorf("exit %d: %v", e.Exit, err)
		}
		cancel()
		s.Close()
	})
}
