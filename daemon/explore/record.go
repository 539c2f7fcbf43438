package explore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// open reads the record, and tries again later if it cannot.
func (w *World) open() {
	p := w.p
	err := func() error {
		names, err := p.store.Names(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(names, keyName) {
			return store.ErrAbsent
		}
		return w.load()
	}()
	if err == nil {
		return
	}
	w.say("cannot read the record: %v", err)
	w.pass(min(time.Second<<min(p.fails, 6), time.Minute))
	p.fails++
	if p.fails > 3 {
		w.pass(10 * time.Minute) // for the speed of the search
	}
}

func (w *World) load() error {
	rec, r, err := w.read()
	if err == nil {
		w.adopt(rec, r)
	}
	return err
}

func (w *World) read() (store.Record, rotation.Record, error) {
	rec, err := w.p.store.Load(ctx, keyName)
	if err != nil {
		return rec, rotation.Record{}, err
	}
	r, err := rotation.Decode(rec.Payload)
	if err != nil {
		err = fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	return rec, r, err
}

// afresh begins anew after the store was found to hold something else, unless
// the slots agree, or are another machine's.
func (w *World) afresh() bool {
	rec, r, err := w.read()
	if err != nil || rec.Certain || rec.Foreign {
		return false
	}
	w.adopt(rec, r)
	return true
}

func (w *World) adopt(rec store.Record, r rotation.Record) {
	p := w.p
	m := rotation.Memory{Doubt: !rec.Certain, AwakeMark: w.awake - p.began}
	if p.r.Current.ID == r.Current.ID {
		m.Stopped = p.m.Stopped
	}
	p.r, p.m, p.loaded = r, m, true
	if rec.Foreign {
		p.m.Barrier = &rotation.Hold{Code: rotation.OtherMachine, Phase: r.At(), Since: w.local()}
	}
	w.say("it reads the record: %s, current %s, certain %v", describe(r), rotation.Short(r.Current.ID), rec.Certain)
	w.judgeLoad(r, rec.Certain)
	w.confirmed(r)
}

// save writes a record. Only when it is durable it becomes the key's record and
// its current version is handed out.
func (w *World) save(a rotation.Action, person bool) error {
	p := w.p
	payload, err := rotation.Encode(a.Record)
	if err != nil {
		w.broken("it decides on a record that cannot be written: %v", err)
	}
	w.judgeSave(p.r, a, person)
	if err := p.store.Save(ctx, keyName, payload); err != nil {
		w.say("not saved: %v", err)
		switch {
		case !errors.Is(err, store.ErrChanged):
		case p.m.Created == nil && p.surprises < 3 && w.afresh():
			p.surprises++
		default:
			w.bar(rotation.StoreChanged)
		}
		return err
	}
	w.touched = true
	p.m = rotation.Observe(p.r, p.m, a, rotation.Outcome{Result: rotation.OK}, w.settings, w.clockNow())
	was := p.r
	p.r = a.Record
	w.judgeSaved(was, a.Record, payload)
	w.judge.sure = true
	w.confirmed(p.r)
	return nil
}

// bar stops every action until a person has looked.
func (w *World) bar(code rotation.Code) {
	if w.p.m.Barrier == nil {
		w.p.m.Barrier = &rotation.Hold{Code: code, Phase: w.p.r.At(), Since: w.local()}
		w.say("barred: %s", code)
	}
}

// reload reads the record from the store and holds it against the one in hand.
func (w *World) reload() rotation.Outcome {
	p := w.p
	failed := rotation.Outcome{Result: rotation.Failed, Text: "not read"}
	rec, err := p.store.Load(ctx, keyName)
	switch {
	case errors.Is(err, store.ErrEmptied), errors.Is(err, store.ErrAbsent):
		w.bar(rotation.Emptied)
		return failed
	case err != nil:
		return failed
	}
	mine, err := rotation.Encode(p.r)
	if err != nil {
		w.broken("its own record cannot be written: %v", err)
	}
	if rec.Foreign || rec.Changed || !bytes.Equal(rec.Payload, mine) {
		w.bar(rotation.StoreChanged)
		return failed
	}
	w.judge.reloaded = w.steps
	return rotation.Outcome{Result: rotation.OK}
}
