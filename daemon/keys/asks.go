package keys

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store/failpoint"
)

// Rotate begins a rotation now, without grace if the access key is leaked.
func (s *Set) Rotate(ctx context.Context, name string, q api.RotateRequest) (api.Key, error) {
	return s.ask(ctx, name, "rotate", func(k *Key) (rotation.Record, []rotation.Event, error) {
		r, err := rotation.Rotate(k.r, k.set.settings(k.name, k.r), q.Leaked)
		e := rotation.Event{Name: "asked", ID: r.Current.ID, Text: "a rotation was asked for"}
		if q.Leaked {
			e.Text = "a rotation was asked for, since access key " + rotation.Short(r.Current.ID) + " has leaked"
		}
		return r, []rotation.Event{e}, err
	})
}

// Rollback goes back to the version that was handed out before.
func (s *Set) Rollback(ctx context.Context, name string) (api.Key, error) {
	return s.ask(ctx, name, "roll back", func(k *Key) (rotation.Record, []rotation.Event, error) {
		r, err := rotation.Rollback(k.r, k.set.settings(k.name, k.r), k.clock())
		e := rotation.Event{Name: "rolling-back", ID: k.r.Current.ID, Text: "a rollback was asked for"}
		switch {
		case err != nil:
		case r.Back != nil:
			e.ID, e.Text = r.Next.ID, rotation.Short(r.Next.ID)+" is made active again and proved; meanwhile "+rotation.Short(r.Current.ID)+" stays in use"
		case r.Hold != nil:
			e = rotation.Event{Name: "held", ID: r.Hold.ID, Text: r.Hold.Text()}
		}
		return r, []rotation.Event{e}, err
	})
}

// Pause freezes every step that changes IAM.
func (s *Set) Pause(ctx context.Context, name string) (api.Key, error) {
	return s.ask(ctx, name, "pause", func(k *Key) (rotation.Record, []rotation.Event, error) {
		if k.r.Paused {
			return k.r, nil, errSettled
		}
		return rotation.Pause(k.r), []rotation.Event{{Name: "paused", Text: "the rotation was paused; the access key is handed out as before"}}, nil
	})
}

// Resume undoes Pause.
func (s *Set) Resume(ctx context.Context, name string) (api.Key, error) {
	return s.ask(ctx, name, "resume", func(k *Key) (rotation.Record, []rotation.Event, error) {
		if !k.r.Paused {
			return k.r, nil, errSettled
		}
		return rotation.Resume(k.r), []rotation.Event{{Name: "resumed", Text: "the rotation goes on"}}, nil
	})
}

// Resolve settles a hold by one of its choices.
func (s *Set) Resolve(ctx context.Context, name string, q api.ResolveRequest) (api.Key, error) {
	return s.ask(ctx, name, "resolve", func(k *Key) (rotation.Record, []rotation.Event, error) {
		if k.m.Barrier != nil {
			return k.r, nil, k.lift(ctx, q.Choice)
		}
		r, err := rotation.Resolve(k.r, q.Choice, k.set.settings(k.name, k.r), k.clock())
		return r, []rotation.Event{{Name: "resolved", Text: "resolved: " + q.Choice}}, err
	})
}

// lift settles a hold that only this process knows: the store decides what is
// true, or a person does.
func (k *Key) lift(ctx context.Context, choice string) error {
	h := k.m.Barrier
	if choices := k.r.Choices(*h); !slices.Contains(choices, choice) {
		return rotation.BadChoice(choices, choice)
	}
	if h.Code == rotation.OtherMachine {
		payload, err := rotation.Encode(k.r)
		if err != nil {
			return err
		}
		defer clear(payload)
		if err := k.untouchable(ctx); err != nil {
			return err // that machine has been upgraded since this one read it
		}
		failpoint.At("key.taking")
		if err := k.set.records().TakeOver(ctx, k.name, payload); err != nil {
			return err
		}
		failpoint.At("key.taken")
		k.mu.Lock()
		k.m = rotation.Memory{AwakeMark: time.Since(k.set.began), Stopped: k.m.Stopped}
		k.mu.Unlock()
	} else if err := k.load(ctx); err != nil {
		return err // and if it is another machine's, that is the next thing to ask a person about
	}
	k.mu.Lock()
	k.m.Doubt = true // ask IAM before anything is changed
	k.mu.Unlock()
	k.set.tell(k.name, rotation.Event{Name: "resolved", Text: "resolved: " + choice})
	return errSettled
}

// ask carries one request out and answers with the key as it then stands.
func (s *Set) ask(ctx context.Context, name, verb string, change func(*Key) (rotation.Record, []rotation.Event, error)) (api.Key, error) {
	k, err := s.key(name)
	if err != nil {
		return api.Key{}, err
	}
	err = k.do(ctx, func(k *Key) (rotation.Record, []rotation.Event, error) {
		if s.frozen.Load() {
			return rotation.Record{}, nil, ErrMoving
		}
		return change(k)
	})
	var refused *rotation.Refusal
	switch {
	case err == nil || errors.Is(err, errSettled):
		return k.View(), nil
	case errors.As(err, &refused) && refused.Choice:
		return api.Key{}, api.NewError(helper.ExitUsage, "bad-choice", "cannot "+verb+" the key "+k.name+": "+err.Error(), "awskey resolve "+k.name+" lists the choices")
	case errors.As(err, &refused):
		remedy := "awskey status " + k.name + " shows how far it is"
		code := "under-way"
		if !refused.Possible.IsZero() {
			remedy = "the next one becomes possible about " + refused.Possible.Local().Format("2 Jan 15:04")
		}
		if refused.Held {
			code, remedy = "held", "awskey resolve "+k.name+" lists the choices"
			if k.View().Hold == nil {
				remedy = "awskey resume " + k.name
			}
		}
		return api.Key{}, api.NewError(helper.ExitHeld, code, "cannot "+verb+" the key "+k.name+": "+refused.Text, remedy)
	default:
		return api.Key{}, StoreError(verb+" the key "+k.name, err)
	}
}
