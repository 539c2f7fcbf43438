package keys

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
)

// View is the key as a person sees it.
func (k *Key) View() api.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := api.Key{Name: k.name}
	if !k.loaded {
		v.Phase = string(rotation.Held)
		v.Hold = k.unread()
		return v
	}
	r, n, s := k.r, k.clock(), k.set.settings(k.name, k.r)
	v.UserARN, v.AccessKeyID, v.Phase, v.Paused = r.User.ARN, r.Current.ID, string(r.Phase), r.Paused
	v.CreatedAt, v.DueAt = moment(r.Current.Created), moment(rotation.Due(r, s))
	if c := k.current.Load(); c != nil && c.id == r.Current.ID {
		v.ServedUntil = moment(c.until())
	}
	if r.Next != nil {
		v.Next = &api.Next{AccessKeyID: r.Next.ID}
	}
	v.Imported = r.Current.Imported
	v.Back, v.Leaked = r.Back != nil, r.Leaked
	v.Previous = previous(r, n)
	hold := r.Hold
	if k.m.Barrier != nil {
		hold, v.Phase = k.m.Barrier, string(rotation.Held)
	}
	if hold != nil {
		v.Hold = &api.Hold{Code: string(hold.Code), Text: hold.Text(), Choices: r.Choices(*hold), Phase: string(hold.Phase), Since: moment(hold.Since)}
	}
	return v
}

// previous is whoever is on the way out, an orphan included: a person must find
// every id that IAM lists. A next version that is given up is shown as next.
func previous(r rotation.Record, n rotation.Now) *api.Previous {
	if r.Victim == nil || r.Next != nil {
		return nil
	}
	p := &api.Previous{AccessKeyID: r.Victim.ID, Status: "Active"}
	switch r.At() {
	case rotation.Draining:
		p.ServedUntil = moment(r.ServedUntil(n.HandedOut, n.LockTaken))
		p.DeactivateAt = moment(r.DeactivateAt)
		if r.Hold != nil && r.Hold.Code == rotation.CurrentDead {
			p.Status = "Inactive"
		}
	case rotation.Monitoring, rotation.Deleting:
		if r.Hold == nil || r.Hold.Code != rotation.Reactivated {
			p.Status = "Inactive"
		}
		p.DeleteAt = moment(r.DeleteAt)
	}
	return p
}

// unread is the hold of a key whose record cannot be read. With k.mu held.
func (k *Key) unread() *api.Hold {
	err := k.loadErr
	if err == nil {
		err = errNotRead
	}
	code := rotation.StoreChanged
	if errors.Is(err, store.ErrEmptied) {
		code = rotation.Emptied
	}
	return &api.Hold{Code: string(code), Text: err.Error(), Choices: []string{}, Phase: string(rotation.Steady)}
}

// moment is a time for a document: UTC, whole seconds, absent when zero.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

func (k *Key) user() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.r.User.ARN
}

func (k *Key) ids() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.loaded {
		return []string{}
	}
	ids := k.r.Ids()
	if v := k.m.Created; v != nil {
		ids = append(ids, v.ID)
	}
	return ids
}

// unreadable is why the record is not in hand; nil while it is.
func (k *Key) unreadable() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.loaded && k.loadErr == nil {
		return errNotRead
	}
	return k.loadErr
}

func (k *Key) holds(id string) bool { return slices.Contains(k.ids(), id) }

// Warnings tell what works and should not stay so.
func (k *Key) Warnings() []api.Warning {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.loaded {
		if k.loadErr == nil {
			return nil
		}
		e := StoreError("read the key "+k.name, k.loadErr) // its hold has no choice that could mend it
		return []api.Warning{{Code: e.Code, Severity: "error", Text: e.Message, Remedy: e.Remedy}}
	}
	var list []api.Warning
	warn := func(code, severity, text, remedy string) {
		list = append(list, api.Warning{Code: code, Severity: severity, Text: k.name + ": " + text, Remedy: remedy})
	}
	if k.m.DeadText != "" {
		warn("current-refused", "error", "AWS refuses the access key "+rotation.Short(k.r.Current.ID)+" that is handed out: "+k.m.DeadText,
			"see in the console whether "+k.r.Current.ID+" is active; awskey rollback "+k.name+" where there is an earlier one")
	}
	if k.m.RetryText != "" {
		warn("retrying", "warning", k.m.RetryText, "awskeyd tries again by itself")
	}
	if e := k.m.Evidence; e != nil && len(e.Blind) > 0 {
		warn("no-evidence", "info", "AWS does not tell everything about access key "+rotation.Short(k.r.Victim.ID)+": "+strings.Join(e.Blind, "; "), "allow it (awskey policy "+k.name+")")
	}
	switch k.waiting {
	case rotation.ForClock:
		warn("clock", "error", "this machine's clock and AWS's differ by "+k.clock().Offset.Abs().Round(time.Second).String()+"; the rotation waits", "set the clock right")
	case rotation.ForEvidence:
		if e := k.m.Evidence; e != nil && len(e.Blind) == 0 {
			warn("no-evidence", "info", "AWS does not tell when the old access key was last used; it stays active longer", "allow iam:GetAccessKeyLastUsed (awskey policy "+k.name+")")
		}
	}
	return list
}

// List is every key, in order of name.
func (s *Set) List() []api.Key {
	await(s.looked)
	list := []api.Key{}
	for _, k := range s.all() {
		list = append(list, k.View())
	}
	return list
}

// Warnings are those of all keys.
func (s *Set) Warnings() []api.Warning {
	list := []api.Warning{}
	var lifted []string
	for _, k := range s.all() {
		list = append(list, k.Warnings()...)
		if k.emulated() {
			lifted = append(lifted, k.name)
		}
	}
	if len(lifted) > 0 {
		list = append(list, api.Warning{Code: "limits-lifted", Severity: "info", Text: "added through an emulator on this machine, so that no limit of settings holds: " + strings.Join(lifted, ", ")})
	}
	return list
}

func (k *Key) emulated() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Loopback(k.r.Endpoint)
}

// Trouble is what keeps the store from being read, nil while all is well.
func (s *Set) Trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.openErr
}

// LookAgain reads at once what could not be read so far, and returns what keeps
// it from being read; nil as soon as all is. It waits for at most the context, and
// not for what a newer awskeyd wrote, which no waiting makes readable.
func (s *Set) LookAgain(ctx context.Context) error {
	for {
		select {
		case s.again <- struct{}{}:
		default:
		}
		errs := []error{s.Trouble()}
		for _, k := range s.all() {
			k.Wake()
			errs = append(errs, k.unreadable())
		}
		err := cmp.Or(slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, store.ErrNewer) })...)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Key is one key by name.
func (s *Set) Key(_ context.Context, name string) (api.Key, error) {
	k, err := s.key(name)
	if err != nil {
		return api.Key{}, err
	}
	return k.View(), nil
}

// errSettled ends a request that needed no write of its own.
var errSettled = errors.New("settled")

// quiet waits until no action is under way, and refuses while a created access
// key is not stored.
func (k *Key) quiet(ctx context.Context) error {
	err := k.do(ctx, func(k *Key) (rotation.Record, []rotation.Event, error) {
		if k.m.Created != nil {
			return k.r, nil, ErrBusy
		}
		return k.r, nil, errSettled
	})
	if errors.Is(err, ErrBusy) {
		return api.NewError(helper.ExitHeld, "busy", "the key "+k.name+" is in the middle of a step", "try again in a moment")
	}
	return nil // a key that could not be read is quiet
}
