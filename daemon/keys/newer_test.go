package keys_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/store"
)

// upgraded lets another machine, with a newer awskeyd, write the record of work.
func (r *rig) upgraded(version string) {
	r.t.Helper()
	ctx := context.Background()
	other := store.New(r.items, store.Identity{Machine: "another", Instance: "newer"})
	rec, err := other.Load(ctx, "work")
	if err == nil {
		err = other.TakeOver(ctx, "work", bytes.Replace(rec.Payload, []byte(`"v":1`), []byte(`"v":`+version), 1))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) slots() string {
	a, _ := r.items.Peek("work.a")
	b, _ := r.items.Peek("work.b")
	return string(a) + string(b)
}

// TestARecordThatBecomesNewerInMidLife is handed out as it was read, and neither
// a rotation nor a person can write over it.
func TestARecordThatBecomesNewerInMidLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.upgraded("2")
		before, ctx := r.slots(), context.Background()
		_, _ = r.set.Rotate(ctx, "work", api.RotateRequest{}) // it may be taken note of before the store is looked at
		time.Sleep(200 * 24 * time.Hour)
		if c := r.held("work", "store-changed"); len(c) != 1 {
			t.Errorf("choices: %v", c)
		}
		for what, do := range map[string]func() error{
			"resolve": func() error { _, err := r.set.Resolve(ctx, "work", api.ResolveRequest{Choice: "retry"}); return err },
			"rename":  func() error { _, err := r.set.Rename(ctx, "work", api.RenameRequest{NewName: "job"}); return err },
			"remove":  func() error { _, err := r.set.Remove(ctx, "work", api.RemoveRequest{Force: true}); return err },
		} {
			var e *api.Error
			if err := do(); !errors.As(err, &e) || e.Code != "record-newer" || e.Remedy == "" {
				t.Errorf("%s: %v", what, err)
			}
		}
		if l := r.lease(); l.AccessKeyId != first {
			t.Errorf("%s is handed out", l.AccessKeyId)
		}
		if r.slots() != before {
			t.Error("the newer record was changed")
		}
		r.ends(map[string]bool{first: true})
	})
}

// TestANewerRecordIsNotTakenOver from another machine that was upgraded after this
// one had read what it wrote before.
func TestANewerRecordIsNotTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.end()
		r.upgraded("1")
		r.start()
		r.lease() // it has been read
		r.held("work", "other-machine")
		r.upgraded("2")
		before := r.slots()
		var e *api.Error
		if _, err := r.set.Resolve(context.Background(), "work", api.ResolveRequest{Choice: "take-over"}); !errors.As(err, &e) || e.Code != "record-newer" {
			t.Errorf("%v", err)
		}
		if r.slots() != before {
			t.Error("the newer record was changed")
		}
	})
}
