package explore

import (
	"errors"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
)

// asked carries out a person's request, as the runner does, and reports whether
// it is done.
func (w *World) asked(change func(rotation.Record) (rotation.Record, error)) bool {
	return w.carryOut(change) == nil
}

var errNotNow = errors.New("a person's request cannot be taken now")

// carryOut does, and fails with what kept the request from being carried out.
func (w *World) carryOut(change func(rotation.Record) (rotation.Record, error)) error {
	p := w.p
	if !p.loaded || p.m.Created != nil || !p.stop.IsZero() || p.m.Barrier != nil {
		return errNotNow
	}
	r, err := change(p.r)
	if err != nil {
		w.judgeRefusal(err)
		w.say("refused: %v", err)
		return err
	}
	a := rotation.Action{Do: rotation.Save, Record: r}
	if err := w.save(a, true); err != nil {
		w.observe(a, rotation.Outcome{Result: rotation.Failed, Text: "not saved"})
		return err
	}
	return nil
}

func (w *World) judgeRefusal(err error) {
	var refused *rotation.Refusal
	if !errors.As(err, &refused) || refused.Text == "" {
		w.broken("a person is refused without a word: %v", err)
	}
	w.judgeText(refused.Text)
}

func (w *World) askRotate(leaked bool) bool {
	var known []string // to others, by this person's word
	if r := w.p.r; leaked && w.p.loaded {
		known = append(known, r.Current.ID)
		if r.Previous != nil {
			known = append(known, r.Previous.ID)
		}
		if r.Victim != nil && slices.Contains(w.p.noted, r.Victim.ID) {
			known = append(known, r.Victim.ID)
		}
	}
	was := w.cloud.clone().keys
	// The word counts from when it may be durable, which is before it is told.
	for i := range w.cloud.keys {
		k := &w.cloud.keys[i]
		k.leaked = k.leaked || slices.Contains(known, k.id)
	}
	err := w.carryOut(func(r rotation.Record) (rotation.Record, error) { return rotation.Rotate(r, w.settings, leaked) })
	for i := range was {
		switch k := &w.cloud.keys[i]; {
		case err == nil:
			k.told = k.told || slices.Contains(known, k.id)
		case !errors.Is(err, store.ErrUnknown): // an earlier write's outcome may be unknown; this one was not sent
			k.leaked = was[i].leaked
		}
	}
	return err == nil
}

// eject is a person who leaves: asked while a new key is proved, that one is given
// up, and otherwise the key is given out and stands still.
func (w *World) eject() bool {
	if !w.p.loaded || w.p.r.Current.ID == "" {
		return false
	}
	if next, ok := rotation.Withdraw(w.p.r, w.clockNow()); ok {
		w.cloud.key(next.Victim.ID).named = "eject"
		w.judge.wantsOld = true
		return w.asked(func(rotation.Record) (rotation.Record, error) { return next, nil })
	}
	next, ok := rotation.GiveOut(w.p.r)
	return ok && w.asked(func(rotation.Record) (rotation.Record, error) { return next, nil })
}

// resolve is a person's choice at a hold, or at a barrier that only the process
// knows.
func (w *World) resolve(word string) bool {
	p := w.p
	if !p.loaded || p.m.Created != nil || !p.stop.IsZero() {
		return false
	}
	if h := p.m.Barrier; h != nil {
		return slices.Contains(p.r.Choices(*h), word) && w.lift(*h)
	}
	if p.r.Phase != rotation.Held {
		return false
	}
	h := *p.r.Hold
	if k := w.cloud.key(h.ID); k != nil && (word == "deactivate" || word == "delete" || word == "delete-it" || word == "replace") {
		k.named = word
	}
	if next := p.r.Next; next != nil && word == "keep" {
		w.cloud.key(next.ID).named = word
	}
	w.judge.wantsOld = w.judge.wantsOld || word == "keep" || word == "rollback"
	return w.asked(func(r rotation.Record) (rotation.Record, error) {
		return rotation.Resolve(r, word, w.settings, w.clockNow())
	})
}

// lift ends a barrier: the store decides what is true, or a person does.
func (w *World) lift(h rotation.Hold) bool {
	p := w.p
	if h.Code == rotation.OtherMachine {
		w.judge.taken = false // the word is given, whatever becomes of the write
		payload, err := rotation.Encode(p.r)
		if err != nil || p.store.TakeOver(ctx, keyName, payload) != nil {
			return false
		}
		p.m = rotation.Memory{AwakeMark: w.awake - p.began, Stopped: p.m.Stopped}
	} else if err := w.load(); err != nil {
		w.say("still barred: %v", err)
		return false
	}
	p.m.Doubt = true
	w.judge.doubt = true
	return true
}

// choosable are the events that answer what a person is asked.
func choosable(choices []string) []string {
	var all []string
	for _, c := range choices {
		if c == "resume" {
			all = append(all, c)
		} else {
			all = append(all, resolving+strings.TrimPrefix(c, resolving))
		}
	}
	return all
}
