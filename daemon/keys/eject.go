package keys

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
)

// settleLimit is how long a person who leaves waits for AWS: for a new access key
// to be stored, and to be deleted again.
const settleLimit = 25 * time.Second

// Eject gives the current version out, to stand in plaintext from then on. The
// rotation is frozen first, and the record says that the version is in other
// hands before anybody has it. A new access key that nobody was given is deleted
// where AWS can be reached; else it is one of those that are left. The key itself
// stays, and is handed out as before, until it is removed.
func (s *Set) Eject(ctx context.Context, name string) (api.Ejected, error) {
	late := time.Now().Add(settleLimit)
	for {
		var out api.Ejected
		given := false
		key, err := s.ask(ctx, name, "eject", func(k *Key) (rotation.Record, []rotation.Event, error) {
			if k.m.Barrier == nil && time.Now().Before(late) {
				if next, ok := rotation.Withdraw(k.r, k.clock()); ok {
					return next, []rotation.Event{{Name: "withdrawn", ID: next.Victim.ID, Text: "the new access key " + rotation.Short(next.Victim.ID) + " is given up before it was handed out: the key leaves awskeyd"}}, nil
				}
				if rotation.Settling(k.r) {
					return k.r, nil, errSettled
				}
			}
			next, ok := rotation.GiveOut(k.r)
			if k.r.Current.ID == "" {
				return k.r, nil, &rotation.Refusal{Text: "its first access key is still being made"}
			}
			given = true
			out.AccessKeyID, out.SecretAccessKey = k.r.Current.ID, k.r.Current.Secret.Reveal()
			out.LeftInIAM = slices.DeleteFunc(k.r.Ids(), func(id string) bool { return id == k.r.Current.ID })
			if !ok && k.m.Barrier == nil {
				return k.r, nil, errSettled
			}
			return next, []rotation.Event{{Name: "ejected", ID: next.Current.ID, Text: "access key " + rotation.Short(next.Current.ID) + " was given out to stand in plaintext; its rotation is paused"}}, nil
		})
		switch {
		case err == nil && given:
			out.Key = key
			return out, nil
		case err != nil && (!busy(err) || time.Now().After(late)):
			return api.Ejected{}, err
		}
		pause := time.NewTimer(50 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return api.Ejected{}, StoreError("eject the key "+name, ErrBusy)
		}
	}
}

// busy tells a request that was not carried out, and may be in a moment.
func busy(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Exit == helper.ExitHeld && e.Code == "busy"
}
