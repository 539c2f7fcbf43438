package keys

import (
	"bytes"
	"context"
	"errors"
	"log/slog"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/failpoint"
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
		before := k.set.instant()
		failpoint.Each("aws.asking", string(a.Do))
		o = k.call(call, a)
		failpoint.Each("aws.answered", string(a.Do))
		if ctx.Err() != nil && a.Do != rotation.Create {
			return // cut off by the stop: says nothing
		}
		k.mu.Lock()
		k.awsClock.Measure(o.Date, before, k.set.instant())
		k.mu.Unlock()
		k.log(slog.LevelDebug, "asked AWS", "action", string(a.Do), "signed_by", a.Signer.ID, "about", a.Target, "result", string(o.Result), "said", o.Text)
	}
	k.observe(a, o, s)
}

// call asks AWS, if there is anybody to sign.
func (k *Key) call(ctx context.Context, a rotation.Action) rotation.Outcome {
	if a.Signer.ID == "" {
		by, err := k.set.signerFor(k.name, k.r)
		if err != nil {
			return rotation.Outcome{Result: rotation.NotSent, Text: err.Error()}
		}
		a.Signer = by // it was read a moment after the decision
	}
	if k.aws == nil {
		aws, err := k.set.AWS(k.name)
		if err != nil {
			aws = unreachable{err}
		}
		k.mu.Lock()
		k.aws = aws
		k.mu.Unlock()
	}
	return k.aws.Do(ctx, k.r.User.Name(), a)
}

func (k *Key) observe(a rotation.Action, o rotation.Outcome, s rotation.Settings) {
	k.mu.Lock()
	defer k.mu.Unlock()
	barrier := k.m.Barrier
	k.m = rotation.Observe(k.r, k.m, a, o, s, k.clock())
	if k.m.Barrier == nil {
		k.m.Barrier = barrier
	}
	k.waiting = ""
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
	failpoint.Each("key.saving", string(a.Record.Phase))
	// A stop waits for a write under way: its outcome would be unknown.
	save := func() error { return k.set.records().Save(context.WithoutCancel(ctx), k.name, payload) }
	err = save()
	if errors.Is(err, store.ErrChanged) && k.fallenBack(ctx) {
		err = save() // over what was just seen, and nothing that comes in between
	}
	if err != nil {
		switch {
		case !errors.Is(err, store.ErrChanged):
		case k.m.Created == nil && k.surprises < 3 && k.afresh(ctx):
			k.surprises++
		default:
			k.bar(rotation.StoreChanged, err.Error())
		}
		return rotation.Outcome{Result: rotation.Failed, Text: err.Error()}, err
	}
	failpoint.Each("key.saved", string(a.Record.Phase))
	k.became(a)
	failpoint.Each("key.told", string(a.Record.Phase))
	return rotation.Outcome{Result: rotation.OK}, nil
}

// fallenBack reports whether the store holds what is older than the record in hand,
// which this process had from it: then that is the last that is known of the secrets.
func (k *Key) fallenBack(ctx context.Context) bool {
	rec, err := k.set.records().Load(ctx, k.name)
	clear(rec.Payload)
	return err == nil && rec.Older && k.m.Barrier == nil
}

// became makes a durable record the key's own.
func (k *Key) became(a rotation.Action) {
	k.mu.Lock()
	k.m = rotation.Observe(k.r, k.m, a, rotation.Outcome{Result: rotation.OK}, k.set.settings(k.name, k.r), k.clock())
	k.r = a.Record
	k.waiting = ""
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
	h := &rotation.Hold{Code: code, Phase: k.r.At(), Since: k.set.Wall().UTC(), About: about}
	k.mu.Lock()
	k.m.Barrier = h
	k.mu.Unlock()
	k.set.tell(k.name, rotation.Event{Name: "held", ID: k.r.Current.ID, Text: h.Text()})
}

// reload reads the record from the store and holds it against the one in hand.
func (k *Key) reload(ctx context.Context) rotation.Outcome {
	failpoint.At("key.reloading")
	rec, err := k.set.records().Load(ctx, k.name)
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
	if rec.Older && k.m.Barrier == nil {
		if err := k.set.records().Save(context.WithoutCancel(ctx), k.name, mine); err != nil {
			return rotation.Outcome{Result: rotation.Failed, Text: err.Error()}
		}
		return rotation.Outcome{Result: rotation.OK}
	}
	if rec.Foreign || rec.Changed || !bytes.Equal(rec.Payload, mine) {
		k.bar(rotation.StoreChanged, "it was written by somebody else")
		return rotation.Outcome{Result: rotation.Failed, Text: "the record in the store has changed"}
	}
	failpoint.At("key.reloaded")
	return rotation.Outcome{Result: rotation.OK}
}

// undo deletes, at a stop, an access key that could not be stored: its secret
// is about to be forgotten.
func (k *Key) undo(ctx context.Context) {
	id := k.m.Created.ID
	by := k.r.Current
	if admin := k.set.settings(k.name, k.r).Admin; admin != nil {
		by = *admin
	}
	failpoint.At("key.undoing")
	o := k.call(ctx, rotation.Action{Do: rotation.Delete, Signer: by, Target: id})
	failpoint.At("key.undone")
	end := "it could not be deleted again either and will be ended later"
	if o.Result == rotation.OK {
		end = "it was deleted again"
		k.mu.Lock()
		k.m.Created = nil
		k.mu.Unlock()
	}
	k.log(slog.LevelError, "the new access key could not be stored; "+end, "access_key_id", id, "result", string(o.Result))
	k.set.tell(k.name, rotation.Event{Name: "undone", ID: id, Text: "the new access key could not be stored before the service stopped; " + end})
}
