package keys_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// stumbling is a keychain of which one call goes wrong: a read is refused, a
// change is carried out or not.
type stumbling struct {
	store.Items
	landed bool

	mu        sync.Mutex
	calls, at int
}

func (s *stumbling) stumbles() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return s.calls == s.at
}

// next lets the nth call from now on go wrong; 0: none. It returns how many there
// were since the last time.
func (s *stumbling) next(nth int) (calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls, s.calls, s.at = s.calls, 0, nth
	return calls
}

func (s *stumbling) Get(ctx context.Context, name string) ([]byte, error) {
	if s.stumbles() {
		return nil, store.ErrLocked
	}
	return s.Items.Get(ctx, name)
}

func (s *stumbling) Set(ctx context.Context, name string, data []byte) error {
	switch {
	case !s.stumbles():
		return s.Items.Set(ctx, name, data)
	case !s.landed:
		return store.ErrLocked
	}
	if err := s.Items.Set(ctx, name, data); err != nil {
		return err
	}
	return store.ErrUnknown
}

func (s *stumbling) Sync(ctx context.Context) error {
	if s.stumbles() {
		return store.ErrUnavailable
	}
	return s.Items.Sync(ctx)
}

// TestAnAddThatFailsAnywhereCanBeAskedForAgain lets each call of the keychain go
// wrong, once: whatever became of the write, the second try finds the key or takes
// it in, and so does a daemon that begins anew.
func TestAnAddThatFailsAnywhereCanBeAskedForAgain(t *testing.T) {
	request := api.AddRequest{AccessKeyID: first, SecretAccessKey: "the first secret of bob"}
	for _, landed := range []bool{false, true} {
		calls := 0
		for at, met := 1, true; met; at++ { // until there is no such call
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer func() { r.end() }()
				items := &stumbling{Items: storetest.NewMemory(), landed: landed}
				set, end := r.open(items, "machine", nil)
				synctest.Wait()
				items.next(at)
				_, err := set.Add(context.Background(), "work", request)
				calls = items.next(0)
				met = calls >= at
				time.Sleep(time.Minute)
				if _, again := set.Add(context.Background(), "work", request); again != nil {
					t.Errorf("landed %v, call %d: %v, and again: %v", landed, at, err, again)
				}
				if _, err := set.Credentials("work"); err != nil {
					t.Errorf("landed %v, call %d: not handed out: %v", landed, at, err)
				}
				end()
				set, end = r.open(items, "machine", nil)
				defer end()
				time.Sleep(time.Minute)
				if all := set.List(); len(all) != 1 || all[0].AccessKeyID != first {
					t.Errorf("landed %v, call %d: a new daemon has %+v", landed, at, all)
				}
			})
		}
		if calls < 20 {
			t.Errorf("an add makes %d calls", calls)
		}
	}
}
