package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// load reads the record and begins to hand out its current version.
func (k *Key) load(ctx context.Context) error {
	rec, r, err := k.read(ctx)
	if err == nil {
		return k.adopt(rec, r)
	}
	k.mu.Lock()
	if !k.loaded { // else the record in hand stays as it is
		k.loadErr = err
	}
	k.mu.Unlock()
	k.set.log.Warn("cannot read the record of a key", "key", k.name, "error", err)
	return err
}

// read reads the record and leaves everything as it is.
func (k *Key) read(ctx context.Context) (store.Record, rotation.Record, error) {
	rec, err := k.set.records().Load(ctx, k.name)
	if err != nil {
		return rec, rotation.Record{}, err
	}
	r, err := rotation.Decode(rec.Payload)
	clear(rec.Payload)
	switch {
	case errors.Is(err, rotation.ErrNewer):
		err = newer{err}
	case err != nil:
		err = fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	return rec, r, err
}

// newer is a record whose envelope this program reads, and whose inside it does
// not: for a person the same as one whose envelope it does not read either.
type newer struct{ error }

func (n newer) Is(kind error) bool { return kind == store.ErrNewer }

// untouchable refuses what would end a record that a newer awskeyd wrote, as the
// store holds it now. Whatever else keeps it from being read is for its caller.
func (k *Key) untouchable(ctx context.Context) error {
	if _, _, err := k.read(ctx); errors.Is(err, store.ErrNewer) {
		return err
	}
	return nil
}

// afresh begins anew, like a process that starts, after the store was found to
// hold something else: what an earlier process never had confirmed may land at
// any time, and then the slots do not agree. If they do, somebody has put them
// there; another machine's record is nobody's to take without being asked.
func (k *Key) afresh(ctx context.Context) bool {
	rec, r, err := k.read(ctx)
	return err == nil && !rec.Certain && !rec.Foreign && k.adopt(rec, r) == nil
}

func (k *Key) adopt(rec store.Record, r rotation.Record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := rotation.Memory{Doubt: !rec.Certain, AwakeMark: time.Since(k.set.began)}
	if k.r.Current.ID == r.Current.ID {
		m.Stopped = k.m.Stopped // since when this process hands it out
	}
	k.r, k.m = r, m
	k.loaded, k.loadErr = true, nil
	if rec.Foreign {
		k.m.Barrier = &rotation.Hold{Code: rotation.OtherMachine, Phase: r.At(), Since: k.set.Wall().UTC()}
	}
	return k.serve(r)
}
