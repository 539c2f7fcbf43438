package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/failpoint"
	"github.com/awskeyd/awskeyd/store/secret"
)

// Add takes a key in after AWS has told whose it is. The same id again under
// the same name is fine; a user or an id that another key holds is refused.
func (s *Set) Add(ctx context.Context, name string, q api.AddRequest) (api.AddResult, error) {
	var none api.AddResult
	asking, done, err := s.alone(ctx, "add the key "+name)
	if err != nil {
		return none, err
	}
	defer done()
	if q.Create != nil {
		return s.create(ctx, asking, name, *q.Create)
	}
	v := rotation.Version{ID: q.AccessKeyID, Secret: secret.New(q.SecretAccessKey), Imported: true}
	defer v.Secret.Wipe() // what is taken in is read back from the store
	if err := s.checkAdd(name, v); err != nil {
		return none, err
	}
	if k, err := s.already(name, v.ID); k != nil || err != nil {
		if err != nil {
			return none, err
		}
		return api.AddResult{Key: k.View(), Already: true}, nil
	}
	aws, err := s.AWS(name)
	if err != nil {
		return none, api.NewError(helper.ExitUsage, "bad-aws-settings", err.Error(), "mend [aws] in the configuration")
	}
	user, err := whose(asking, aws, v)
	if err != nil {
		return none, err
	}
	if err := s.heldBy(user); err != nil {
		return none, err
	}
	r := rotation.New(user, v, s.Options.Endpoint(name), s.Options.Settings(name).TTL, s.Wall())
	list := aws.Do(asking, user.Name(), rotation.Action{Do: rotation.List, Signer: v})
	switch list.Result {
	case rotation.OK:
		for _, row := range list.Keys {
			if row.ID == v.ID {
				r.Current.Created, r.CountFrom = row.Created, row.Created
			}
		}
	case rotation.Denied:
		// It can be served but not rotated: taken in, and the person is told.
		r.Hold = &rotation.Hold{Code: rotation.AccessDenied, Phase: rotation.Steady, Since: s.Wall().UTC(), ID: v.ID, About: rotation.Clip(list.Text)}
		r.Phase = rotation.Held
	default:
		return none, refusal(v.ID, list)
	}
	return s.take(ctx, name, r)
}

// take writes a new record and begins its life.
func (s *Set) take(ctx context.Context, name string, r rotation.Record) (api.AddResult, error) {
	payload, err := rotation.Encode(r)
	if err != nil {
		return api.AddResult{}, api.NewError(helper.ExitFailed, "internal", err.Error(), "")
	}
	defer clear(payload)
	ctx = context.WithoutCancel(ctx) // whoever asked may have left by now; cut off, the outcome would be unknown
	failpoint.At("set.adding")
	if err := s.records().Add(ctx, name, payload); err != nil {
		if k := s.landed(ctx, name, err); k != nil && k.holds(r.Current.ID) {
			return api.AddResult{Key: k.View(), Already: true}, nil
		}
		return api.AddResult{}, StoreError("put the key "+name+" into the store", err)
	}
	failpoint.At("set.added")
	k := s.newKey(name)
	// Read it back as any start would: what is served is what the store holds.
	loadErr := k.load(ctx)
	s.mu.Lock()
	s.begin(k)
	s.index()
	s.mu.Unlock()
	if loadErr != nil {
		return api.AddResult{}, StoreError("read the key "+name+" back", loadErr)
	}
	if r.With != "" {
		s.tell(name, rotation.Event{Name: "added", Text: "the first access key of " + r.User.Name() + " is to be made with the key " + r.With})
		return api.AddResult{Key: k.View()}, nil
	}
	s.tell(name, rotation.Event{Name: "added", ID: r.Current.ID, Text: "access key " + rotation.Short(r.Current.ID) + " of " + r.User.Name() + " was taken in"})
	return api.AddResult{Key: k.View()}, nil
}

// landed is a key that the store holds although adding it failed: nobody confirmed
// the write, now or when it was tried before.
func (s *Set) landed(ctx context.Context, name string, err error) *Key {
	if !errors.Is(err, store.ErrUnknown) && !errors.Is(err, store.ErrExists) {
		return nil
	}
	names, err := s.records().Names(ctx)
	i := slices.IndexFunc(names, func(n string) bool { return fold(n) == fold(name) })
	if err != nil || i < 0 {
		return nil
	}
	s.mu.Lock()
	k := s.keys[fold(name)]
	if k == nil {
		k = s.newKey(names[i])
		s.begin(k)
		s.index()
	}
	s.mu.Unlock()
	k.await()
	return k
}

// checkAdd refuses what needs no call to AWS to be refused. AWS documents no
// shape of a secret; its length is all that is looked at, and it is never quoted.
func (s *Set) checkAdd(name string, v rotation.Version) error {
	if err := s.checkName(name); err != nil {
		return err
	}
	return checkVersion(v)
}

func checkVersion(v rotation.Version) error {
	if strings.HasPrefix(v.ID, "ASIA") {
		return api.NewError(helper.ExitRefused, "temporary-key", "access key "+rotation.Short(v.ID)+" is temporary: it ends by itself and cannot be rotated", "add the IAM user's own access key (AKIA…)")
	}
	if err := rotation.CheckID(v.ID); err != nil {
		return api.NewError(helper.ExitUsage, "bad-access-key-id", err.Error(), "copy it again")
	}
	if n := v.Secret.Len(); n < 16 || n > 64 {
		return api.NewError(helper.ExitUsage, "bad-secret", "the secret access key has the wrong length; AWS's have 40 characters", "copy it again")
	}
	return nil
}

func (s *Set) checkName(name string) error {
	if store.ValidName(name) {
		return nil
	}
	return api.NewError(helper.ExitUsage, "bad-name", fmt.Sprintf("%q cannot be the name of a key", name), "use letters, digits, dots, dashes and underscores, at most 64, beginning with a letter or digit")
}

// already finds the key that holds an id, or that has the name.
func (s *Set) already(name, id string) (*Key, error) {
	await(s.looked)
	for _, k := range s.all() {
		same := fold(k.name) == fold(name)
		switch held := k.holds(id); {
		case held && same:
			return k, nil
		case held:
			return nil, api.NewError(helper.ExitRefused, "id-held", "access key "+rotation.Short(id)+" is already held by the key "+k.name, "use that key, or awskey rename "+k.name+" "+name)
		case same && k.unreadable() != nil:
			return nil, StoreError("tell what the key "+k.name+" holds", k.unreadable())
		case same:
			return nil, api.NewError(helper.ExitRefused, "name-taken", "there is already a key "+k.name+" with another access key", "choose another name, or awskey remove "+k.name+" first")
		}
	}
	for _, k := range s.all() {
		if err := k.unreadable(); err != nil { // it may hold this very user
			return nil, StoreError("tell whether the key "+k.name+" holds it already", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened {
		return nil, StoreError("read the store", s.openErr)
	}
	return nil, nil
}

// refusal says why AWS's answer does not let a key in.
func refusal(id string, o rotation.Outcome) error {
	switch o.Result {
	case rotation.OK:
		return nil
	case rotation.Refused:
		return api.NewError(helper.ExitAWS, "key-refused", "AWS refuses access key "+rotation.Short(id)+": "+o.Text, "copy id and secret again, and see in the console whether the key is active")
	case rotation.Throttled:
		return api.NewError(helper.ExitFailed, "aws-throttled", "AWS asks for patience: "+o.Text, "nothing was stored; try again in a minute")
	case rotation.NotSent, rotation.Ambiguous:
		return api.NewError(helper.ExitFailed, "aws-unreachable", "cannot ask AWS whose access key this is: "+o.Text, "nothing was stored; try again once AWS can be reached")
	default:
		return api.NewError(helper.ExitAWS, "aws-refused", "AWS refuses: "+o.Text, "nothing was stored")
	}
}

// Rename gives a key another name. Its rotation rests meanwhile.
func (s *Set) Rename(ctx context.Context, old string, q api.RenameRequest) (api.Key, error) {
	_, done, err := s.alone(ctx, "rename the key "+old)
	if err != nil {
		return api.Key{}, err
	}
	defer done()
	if err := s.checkName(q.NewName); err != nil {
		return api.Key{}, err
	}
	k, err := s.key(old)
	if err != nil {
		return api.Key{}, err
	}
	if other, err := s.key(q.NewName); err == nil && other != k {
		return api.Key{}, api.NewError(helper.ExitRefused, "name-taken", "there is already a key "+other.name, "choose another name")
	}
	if err := k.quiet(ctx); err != nil {
		return api.Key{}, err
	}
	if err := k.untouchable(ctx); err != nil {
		return api.Key{}, StoreError("rename the key "+old, err)
	}
	ctx = context.WithoutCancel(ctx) // see take
	k.stop()                         // one record, one goroutine: the next begins when it has its new name
	failpoint.At("set.renaming")
	err = s.records().Rename(ctx, k.name, q.NewName)
	failpoint.At("set.renamed")
	name := q.NewName
	if err != nil && !s.renamed(ctx, err, name) {
		name = k.name
	} else {
		err = nil
	}
	next := s.newKey(name)
	next.previous = k.previous
	// What was handed out of the present version stays remembered.
	next.current.Store(k.current.Load())
	loadErr := next.load(ctx)
	s.mu.Lock()
	delete(s.keys, fold(k.name))
	s.begin(next)
	s.index()
	s.mu.Unlock()
	if err != nil {
		return api.Key{}, StoreError("rename the key "+old, err)
	}
	if loadErr != nil {
		return api.Key{}, StoreError("read the key "+name+" back", loadErr)
	}
	s.tell(name, rotation.Event{Name: "renamed", Text: "renamed from " + old})
	return next.View(), nil
}

// renamed finds out whether a rename of unknown outcome has come through.
func (s *Set) renamed(ctx context.Context, err error, name string) bool {
	if !errors.Is(err, store.ErrUnknown) {
		return false
	}
	names, namesErr := s.records().Names(ctx)
	return namesErr == nil && slices.ContainsFunc(names, func(n string) bool { return fold(n) == fold(name) })
}

// Remove forgets a key. IAM is left as it is; the answer names what stays there.
func (s *Set) Remove(ctx context.Context, name string, q api.RemoveRequest) (api.RemoveResult, error) {
	_, done, err := s.alone(ctx, "remove the key "+name)
	if err != nil {
		return api.RemoveResult{}, err
	}
	defer done()
	k, err := s.key(name)
	if err != nil {
		return api.RemoveResult{}, err
	}
	view := k.View()
	if p := view.Phase; !q.Force && p != string(rotation.Steady) && p != string(rotation.Held) {
		return api.RemoveResult{}, api.NewError(helper.ExitHeld, "under-way", "the key "+k.name+" is being rotated ("+p+")", "wait until it is over, or awskey remove "+k.name+" --force")
	}
	if err := k.quiet(ctx); err != nil && !q.Force {
		return api.RemoveResult{}, err
	}
	if err := k.untouchable(ctx); err != nil {
		return api.RemoveResult{}, StoreError("remove the key "+name, err)
	}
	ctx = context.WithoutCancel(ctx) // see take
	k.stop()
	left := k.ids() // after the stop, which may have ended a half-made one
	failpoint.At("set.removing")
	if err := s.records().Remove(ctx, k.name); err != nil && !errors.Is(err, store.ErrAbsent) {
		next := s.newKey(k.name)
		next.previous = k.previous
		next.current.Store(k.current.Load())
		s.mu.Lock()
		s.begin(next)
		s.index()
		s.mu.Unlock()
		return api.RemoveResult{}, StoreError("remove the key "+name, err)
	}
	failpoint.At("set.removed")
	s.mu.Lock()
	delete(s.keys, fold(k.name))
	s.index()
	s.mu.Unlock()
	k.forget()
	s.tell(k.name, rotation.Event{Name: "removed", Text: "removed from the store"})
	return api.RemoveResult{LeftInIAM: left}, nil
}
