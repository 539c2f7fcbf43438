package daemon_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// locked sees that nothing is handed out.
func (m *moving) locked() {
	m.t.Helper()
	var e *api.Error
	if _, err := m.client.Credentials("work"); !errors.As(err, &e) || e.Code != "locked" {
		m.t.Errorf("it is locked, and a helper is told %v", err)
	}
	if _, err := m.client.Migrate(context.Background(), api.MigrateRequest{To: "secret-service"}); !errors.As(err, &e) || e.Code != "locked" {
		m.t.Errorf("it is locked, and whoever moves the keys is told %v", err)
	}
}

// whole opens the store again: the key is in one of the two, works and rotates.
func (m *moving) whole() {
	m.t.Helper()
	if _, err := m.client.Unlock(context.Background()); err != nil {
		m.t.Fatal(err)
	}
	m.until("the key is there", func() bool { s := m.status(); return s.Daemon.Store.State == "ready" && len(s.Keys) == 1 })
	m.rotates()
	m.in(m.status().Daemon.Store.Backend)
}

// A person locks at any change that a move makes: the lock need not wait for the
// move, and afterwards the key is whole in one of the stores and rotates.
func TestALockInTheMidstOfAMove(t *testing.T) {
	ended := map[string]int{}
	for at := int32(1); at <= 29; at += 4 {
		m := newMoving(t)
		var change atomic.Int32
		var locking sync.WaitGroup
		plan := func(_ string, op storetest.Op, _ string) storetest.Fault {
			if (op == storetest.Set || op == storetest.Remove) && change.Add(1) == at {
				locking.Go(func() {
					if s, err := m.client.Lock(context.Background()); err != nil || s.State != "locked" {
						t.Errorf("lock at change %d: %+v %v", at, s, err)
					}
				})
			}
			return storetest.OK
		}
		m.w.plan.Store(&plan)
		_, err := m.migrate("secret-service") // as far as it comes
		m.until("so many changes", func() bool { return err != nil || change.Load() >= at })
		m.w.plan.Store(nil)
		locking.Wait()
		if change.Load() >= at {
			m.locked()
		}
		m.whole()
		ended[m.status().Daemon.Store.Backend]++
		if err := m.stop(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the keys ended in %v", ended)
}

// A move stands still, since nobody knows whether the switch was written, and a
// person locks: whoever opens the store again finds out.
func TestALockWhileAMoveStandsStill(t *testing.T) {
	m := newMoving(t)
	var lost atomic.Int32
	plan := func(in string, op storetest.Op, item string) storetest.Fault {
		if in == "file" && op == storetest.Set && strings.HasPrefix(item, "_index1.") && lost.Add(1) > 2 {
			return storetest.Landed
		}
		return storetest.OK
	}
	m.w.plan.Store(&plan)
	var e *api.Error
	if state, err := m.migrate("secret-service"); !errors.As(err, &e) || e.Code != "store-hung" {
		t.Fatalf("%+v %v", state, err)
	}
	if _, err := m.client.Lock(context.Background()); err != nil {
		t.Fatal(err)
	}
	m.w.plan.Store(nil)
	m.locked()
	m.whole()
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
}
