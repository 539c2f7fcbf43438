package keys

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// perform does one action and folds its outcome into the memory.
func (k *Key) perform(ctx context.Context, a rotation.Action, s rotation.Settings) {
	var o rotation.Outcome
	switch a.Do {
	case rotation.Save:
		if o, _ = k.save(ctx, a); o.Result == rotation.OK {
			return
		}
	case rotation.Reload:
		o = k.reload(ctx)
	case rotation.Note:
		o = rotation.Outcome{Result: rotation.OK}
		if err := k.set.noted.add(a.Target); err != nil {
			k.log(slog.LevelWarn, "cannot note the new access key id", "access_key_id", a.Target, "error", err)
		}
	default:
		call := ctx
		if a.Do == rotation.Create {
			// A stop must not cut off the one answer that tells the secret.
			call = context.WithoutCancel(ctx)
		}
		before := time.Now()
		o = k.aws.Do(call, k.r.User.Name(), a)
		if ctx.Err() != nil && a.Do != rotation.Create {
			return // cut off by the stop: says nothing
		}
		k.measure(o, before)
		k.log(slog.LevelDebug, "asked AWS", "action", string(a.Do), "signed_by", a.Signer.ID, "about", a.Target, "result", string(o.Result), "said", o.Text)
	}
	k.observe(a, o, s)
}

// measure learns the offset of AWS's clock. The Date header is cut to whole
// seconds: the middle of that second is the best guess, less half the way.
func (k *Key) measure(o rotation.Outcome, sent time.Time) {
	if o.Date.IsZero() {
		return
	}
	now := time.Now()
	took := now.Sub(sent)
	if (now.Round(0).Sub(sent.Round(0)) - took).Abs() > time.Second {
		return // the machine slept in the middle, or its clock was set: no measure
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.offset = o.Date.Add(500 * time.Millisecond).Sub(sent.Round(0).Add(took / 2)).Round(time.Millisecond)
	k.known, k.measured = true, now
}

func (k *Key) observe(a rotation.Action, o rotation.Outcome, s rotation.Settings) {
	k.mu.Lock()
	defer k.mu.Unlock()
	barrier := k.m.Barrier
	k.m = rotation.Observe(k.r, k.m, a, o, s, k.clock())
	if k.m.Barrier == nil {
		k.m.Barrier = barrier
	}
	k.waiting = rotation.Action{}
	if o.Result != rotation.OK && o.Text != "" {
		k.log(slog.LevelInfo, "not done", "action", string(a.Do), "result", string(o.Result), "said", o.Text)
	}
}

// save writes a record. Only when it is durable it becomes the key's record,
// its current version is handed out, and the history hears of it.
func (k *Key) save(ctx context.Context, a rotation.Action) (rotation.Outcome, error) {
	payload, err := rotation.Encode(a.Record)
	if err != nil {
		return rotation.Outcome{Result: rotation.Failed, Text: err.Error()}, err
	}
	defer clear(payload)
	// A stop waits for a write under way: its outcome would be unknown.
	if err := k.set.store.Save(context.WithoutCancel(ctx), k.name, payload); err != nil {
		if errors.Is(err, store.ErrChanged) {
			k.bar(rotation.StoreChanged, err.Error())
		}
		return rotation.Outcome{Result: rotation.Failed, Text: err.Error()}, err
	}
	k.became(a)
	return rotation.Outcome{Result: rotation.OK}, nil
}

// became makes a durable record the key's own.
func (k *Key) became(a rotation.Action) {
	k.mu.Lock()
	k.m = rotation.Observe(k.r, k.m, a, rotation.Outcome{Result: rotation.OK}, k.set.settings(k.name, k.r), k.clock())
	k.r = a.Record
	k.waiting = rotation.Action{}
	err := k.serve(a.Record)
	k.mu.Unlock()
	if err != nil {
		k.log(slog.LevelError, "cannot hand out the access key", "error", err)
	}
	for _, e := range a.Events {
		k.set.tell(k.name, e)
	}
}

// bar stops every action until a person has looked: the store is not what this
// process takes it for, so the hold cannot be written into it either.
func (k *Key) bar(code rotation.Code, about string) {
	if k.m.Barrier != nil {
		return
	}
	h := &rotation.Hold{Code: code, Phase: k.r.At(), Since: time.Now().UTC(), About: about}
	k.mu.Lock()
	k.m.Barrier = h
	k.mu.Unlock()
	k.set.tell(k.name, rotation.Event{Name: "held", ID: k.r.Current.ID, Text: h.Text()})
}

// reload reads the record from the store and holds it against the one in hand.
func (k *Key) reload(ctx context.Context) rotation.Outcome {
	rec, err := k.set.store.Load(ctx, k.name)
	switch {
	case errors.Is(err, store.ErrEmptied), errors.Is(err, store.ErrAbsent):
		k.bar(rotation.Emptied, "")
		return rotation.Outcome{Result: rotation.Failed, Text: err.Error()}
	case err != nil:
		return rotation.Outcome{Result: rotation.Failed, Text: err.Error()}
	}
	defer clear(rec.Payload)
	mine, err := rotation.Encode(k.r)
	if err != nil {
		return rotation.Outcome{Result: rotation.Failed, Text: err.Error()}
	}
	defer clear(mine)
	if rec.Foreign || rec.Changed || !bytes.Equal(rec.Payload, mine) {
		k.bar(rotation.StoreChanged, "it was written by somebody else")
		return rotation.Outcome{Result: rotation.Failed, Text: "the record in the store has changed"}
	}
	return rotation.Outcome{Result: rotation.OK}
}

// undo deletes, at a stop, an access key that could not be stored: its secret
// is about to be forgotten.
func (k *Key) undo(ctx context.Context) {
	id := k.m.Created.ID
	o := k.aws.Do(ctx, k.r.User.Name(), rotation.Action{Do: rotation.Delete, Signer: k.r.Current, Target: id})
	if o.Result == rotation.OK {
		k.mu.Lock()
		k.m.Created = nil
		k.mu.Unlock()
	}
	k.log(slog.LevelError, "the new access key could not be stored; it was to be deleted again", "access_key_id", id, "result", string(o.Result))
	k.set.tell(k.name, rotation.Event{Name: "undone", ID: id, Text: "the new access key could not be stored before the service stopped; it was deleted again"})
}
