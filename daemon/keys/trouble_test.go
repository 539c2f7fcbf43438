package keys_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
)

// open is a set over the rig's keychain and AWS with some options changed.
func (r *rig) open(items store.Items, machine string, change func(*keys.Options)) (*keys.Set, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	o := r.set.Options
	o.Store = store.New(items, store.Identity{Machine: machine, Instance: "x"})
	o.Log, o.LockTaken = slog.New(slog.DiscardHandler), time.Now()
	if change != nil {
		change(&o)
	}
	set := keys.Open(ctx, o)
	return set, func() { cancel(); set.Close() }
}

// oneDown is a keychain whose items of one key cannot be read.
type oneDown struct {
	store.Items
	name string
	down atomic.Bool
}

func (o *oneDown) Get(ctx context.Context, name string) ([]byte, error) {
	if o.down.Load() && strings.HasPrefix(name, o.name+".") {
		return nil, store.ErrDenied
	}
	return o.Items.Get(ctx, name)
}

func TestOneRecordPerUserAlsoWhileOneIsUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		r.end()
		d := &oneDown{Items: r.items, name: "work"}
		d.down.Store(true)
		set, end := r.open(d, "machine", nil)
		defer end()
		synctest.Wait()
		if _, err := set.Add(context.Background(), "other", api.AddRequest{AccessKeyID: first, SecretAccessKey: "the first secret of bob"}); err == nil {
			t.Error("the same access key is held twice")
		}
	})
}

func TestAPauseDuringCreateLosesNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		r.aws.block = make(chan struct{})
		if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		r.await("began")
		synctest.Wait()
		done := make(chan error, 1)
		go func() { _, err := r.set.Pause(context.Background(), "work"); done <- err }()
		synctest.Wait()
		close(r.aws.block)
		<-done
		if _, err := r.set.Resume(context.Background(), "work"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if k := r.set.List()[0]; k.Phase != "draining" {
			t.Errorf("an hour after pause and resume: %s, IAM %v", k.Phase, r.aws.ids())
		}
	})
}

func TestARenameDoesNotCountAsBeingAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.monitor.Store(int64(time.Hour))
		defer func() { r.end() }()
		r.add()
		if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		e := r.await("deactivated")
		if _, err := r.set.Rename(context.Background(), "work", api.RenameRequest{NewName: "home"}); err != nil {
			t.Fatal(err)
		}
		if d := r.await("deleted").Time.Sub(e.Time); d < 24*time.Hour {
			t.Errorf("deleted after %s", d)
		}
	})
}

func TestADoubtfulClockIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer func() { r.end() }()
		r.add()
		bad := true
		r.aws.fail = func(a rotation.Action) *rotation.Outcome {
			if !bad || a.Do != rotation.Look {
				return nil
			}
			bad = false
			return &rotation.Outcome{Result: rotation.OK, Date: time.Now().Add(-6 * time.Minute)}
		}
		if _, err := r.set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Fatal(err)
		}
		r.await("switched")
		time.Sleep(60 * 24 * time.Hour)
		if p := r.set.List()[0].Phase; p == "draining" {
			t.Errorf("still %s: %+v", p, r.set.Warnings())
		}
	})
}

func TestBadAWSSettingsDoNotStopServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		r.end()
		set, end := r.open(r.items, "machine", func(o *keys.Options) {
			o.AWS = func(string) (keys.AWS, error) { return nil, errors.New("[aws] ca_bundle cannot be read") }
		})
		defer end()
		time.Sleep(time.Minute)
		if _, err := set.Credentials("work"); err != nil {
			t.Errorf("serving needs no AWS: %v", err)
		}
		if _, err := set.Rotate(context.Background(), "work", api.RotateRequest{}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if w := set.Warnings(); len(w) == 0 || !strings.Contains(w[0].Text, "ca_bundle") {
			t.Errorf("nobody is told why it does not rotate: %+v", w)
		}
	})
}

func TestAPauseKeepsAnotherMachinesHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		r.end()
		set, end := r.open(r.items, "another", nil)
		defer end()
		synctest.Wait()
		var e *api.Error
		if _, err := set.Pause(context.Background(), "work"); !errors.As(err, &e) || e.Exit != helper.ExitHeld {
			t.Errorf("pause: %v", err)
		}
		if h := set.List()[0].Hold; h.Code != "other-machine" {
			t.Errorf("the hold is %s", h.Code)
		}
	})
}

// TestAnotherMachineIsFoundOutByARetry: it writes while this process runs, which
// is only told that the record has changed until a person lets it look.
func TestAnotherMachineIsFoundOutByARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add()
		defer r.end()
		other := store.New(r.items, store.Identity{Machine: "another", Instance: "i"})
		rec, err := other.Load(context.Background(), "work")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.TakeOver(context.Background(), "work", rec.Payload); err != nil {
			t.Fatal(err)
		}
		set := r.set
		if _, err := set.Pause(context.Background(), "work"); err == nil {
			t.Error("it writes over another machine's record")
		}
		for _, step := range []struct{ code, choice string }{{"store-changed", "retry"}, {"other-machine", "take-over"}} {
			synctest.Wait()
			h := set.List()[0].Hold
			if h == nil || h.Code != step.code {
				t.Fatalf("the hold is %+v, and not %s", h, step.code)
			}
			if _, err := set.Resolve(context.Background(), "work", api.ResolveRequest{Choice: step.choice}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if h := set.List()[0].Hold; h != nil {
			t.Errorf("it is still held: %+v", h)
		}
	})
}
