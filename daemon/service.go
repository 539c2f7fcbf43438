package daemon

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store/secret"
)

var _ api.Service = (*Daemon)(nil)

// openLook bounds how long a request waits for a store that is being opened for
// the first time: a helper that started the daemon asks at once.
const openLook = 3 * time.Second

// keySet is the set of keys, or why there is none.
func (d *Daemon) keySet() (*keys.Set, error) {
	if by := d.lockedBy(); by != "" {
		return nil, by.refusal() // at once
	}
	select {
	case <-d.looked: // as always but at the beginning, and then no timer is made
	default:
		limit := time.NewTimer(openLook)
		defer limit.Stop()
		select {
		case <-d.looked:
		case <-limit.C:
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.locked != "":
		return nil, d.locked.refusal()
	case d.set != nil:
		return d.set, nil
	case d.openErr != nil:
		return nil, keys.StoreError("open the store "+d.backend, d.openErr)
	case d.backend != "":
		return nil, api.NewError(helper.ExitLocked, "store-opening", "the store "+d.backend+" is still being opened", "try again in a moment; awskey status says what it waits for")
	default:
		return nil, api.NewError(helper.ExitUsage, "no-store", "no store is chosen yet: awskeyd does not know where to keep keys",
			fmt.Sprintf("write into %s:  [store]  backend = %q  (or another; awskey store list)", d.files.configs.User, config.Backends()[0]))
	}
}

// Credentials answers a helper from memory.
func (d *Daemon) Credentials(profile string) ([]byte, error) {
	d.asked.Store(time.Now().Unix())
	return with(d, func(s *keys.Set) ([]byte, error) { return s.Credentials(profile) })
}

// CredentialsNow is Credentials where that waits for nobody; see [api.Prompt].
func (d *Daemon) CredentialsNow(profile string) []byte {
	if !d.mu.TryLock() {
		return nil
	}
	set, locked := d.set, d.locked != ""
	d.mu.Unlock()
	if set == nil || locked {
		return nil
	}
	now := time.Now().Unix()
	d.asked.Store(now)
	d.used.Store(now)
	d.worked()
	return set.CredentialsNow(profile)
}

// Status tells of everything. It never fails: what is wrong stands in it.
func (d *Daemon) Status(ctx context.Context) (api.Status, error) {
	d.mu.Lock()
	set, opened, backend, openErr, locked, noEars := d.set, d.opened, d.backend, d.openErr, d.locked, d.noEars
	faults := append(d.moveWarnings(), d.faults...)
	if backend == "" {
		backend = d.inForce().Store().Backend // locked since it began
	}
	d.mu.Unlock()
	s := api.Status{
		Daemon:   api.Daemon{Version: d.version, PID: os.Getpid(), StartedAt: d.began.UTC().Round(0).Truncate(1e9), Store: api.Store{Backend: backend, State: "none"}},
		Keys:     []api.Key{},
		Profiles: []api.Profile{},
		Warnings: append([]api.Warning{}, faults...),
	}
	if set != nil {
		s.Keys = set.List()
		openErr = cmp.Or(set.Trouble(), stateOf(ctx, opened))
		s.Warnings = append(s.Warnings, set.Warnings()...)
		names := make([]string, 0, len(s.Keys))
		for _, k := range s.Keys {
			names = append(names, k.Name)
		}
		s.Profiles = append(s.Profiles, d.profiles(names)...)
		s.Daemon.Store.State = "ready"
	}
	if err := secret.Swappable(); err != nil && runtime.GOOS == "linux" {
		s.Warnings = append(s.Warnings, api.Warning{Code: "swappable", Severity: "info", Text: "secrets may be written to swap space: " + err.Error(), Remedy: "raise the limit (ulimit -l), or encrypt the swap space"})
	}
	if noEars != nil {
		s.Warnings = append(s.Warnings, api.Warning{Code: "lock-on-deaf", Severity: "warning", Text: "the store is not locked upon sleep or with the screen: " + noEars.Error(), Remedy: "take it out of [store] lock_on, or start logind (systemd-logind, elogind)"})
	}
	s.Warnings = append(s.Warnings, d.guardWarnings()...)
	if locked != "" {
		e := locked.refusal()
		s.Daemon.Store.State, openErr = "locked", nil
		s.Warnings = append(s.Warnings, api.Warning{Code: e.Code, Severity: "warning", Text: locked.text(), Remedy: "awskey unlock"})
	}
	if openErr != nil {
		e := keys.StoreError("read the store", openErr)
		s.Daemon.Store.State = storeState(e.Code)
		s.Warnings = append(s.Warnings, api.Warning{Code: e.Code, Severity: "error", Text: e.Message, Remedy: e.Remedy})
	}
	return s, nil
}

// stateLook bounds how long status waits for the store to say how it is.
const stateLook = 1500 * time.Millisecond

// stateOf asks a keychain that can tell whether it is open: it may have been
// locked since the last call, which may be hours ago.
func stateOf(ctx context.Context, k Keychain) error {
	s, tells := k.(interface{ State(context.Context) error })
	if !tells {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stateLook)
	defer cancel()
	return s.State(ctx)
}

func storeState(code string) string {
	switch code {
	case "store-locked":
		return "locked"
	case "store-denied":
		return "denied"
	case "store-hung":
		return "hung"
	default:
		return "unavailable"
	}
}

// Identify tells whose an access key is; nothing of it is kept.
func (d *Daemon) Identify(ctx context.Context, r api.IdentifyRequest) (api.Identity, error) {
	d.works()
	defer d.done()
	d.mu.Lock()
	makes := d.awsFor()
	d.mu.Unlock()
	aws, err := makes("") // [aws] alone: the key has no name yet
	if err != nil {
		return api.Identity{}, api.NewError(helper.ExitUsage, "bad-aws-settings", err.Error(), "mend [aws] in the configuration")
	}
	return keys.Identify(ctx, aws, r)
}

// Standing asks AWS how access keys stand that are not ours.
func (d *Daemon) Standing(ctx context.Context, r api.StandingRequest) (api.Standings, error) {
	return with(d, func(s *keys.Set) (api.Standings, error) { return s.Standing(ctx, r) })
}

// Key is one key.
func (d *Daemon) Key(ctx context.Context, name string) (api.Key, error) {
	return with(d, func(s *keys.Set) (api.Key, error) { return s.Key(ctx, name) })
}

// Add takes a key in.
func (d *Daemon) Add(ctx context.Context, name string, r api.AddRequest) (api.AddResult, error) {
	result, err := with(d, func(s *keys.Set) (api.AddResult, error) { return s.Add(ctx, name, r) })
	if err == nil {
		d.takenBack(r.AccessKeyID)
	}
	return result, err
}

// takenBack lets the guard look after an access key again.
func (d *Daemon) takenBack(id string) {
	if err := d.out.drop(id); err != nil {
		d.log.Warn("cannot write down that an access key is not moved out any more", "access_key_id", id, "error", err)
	}
}

// Remove forgets a key.
func (d *Daemon) Remove(ctx context.Context, name string, r api.RemoveRequest) (api.RemoveResult, error) {
	return with(d, func(s *keys.Set) (api.RemoveResult, error) { return s.Remove(ctx, name, r) })
}

// Rename gives a key another name.
func (d *Daemon) Rename(ctx context.Context, name string, r api.RenameRequest) (api.Key, error) {
	return with(d, func(s *keys.Set) (api.Key, error) { return s.Rename(ctx, name, r) })
}

// Rotate begins a rotation now.
func (d *Daemon) Rotate(ctx context.Context, name string, r api.RotateRequest) (api.Key, error) {
	return with(d, func(s *keys.Set) (api.Key, error) { return s.Rotate(ctx, name, r) })
}

// Rollback goes back to the access key that was handed out before.
func (d *Daemon) Rollback(ctx context.Context, name string) (api.Key, error) {
	return with(d, func(s *keys.Set) (api.Key, error) { return s.Rollback(ctx, name) })
}

// Check asks AWS what could keep a key from being rotated.
func (d *Daemon) Check(ctx context.Context, name string) (api.Checked, error) {
	return with(d, func(s *keys.Set) (api.Checked, error) { return s.Check(ctx, name) })
}

// Eject gives the current access key out. From then on it may stand in plaintext.
func (d *Daemon) Eject(ctx context.Context, name string) (api.Ejected, error) {
	out, err := with(d, func(s *keys.Set) (api.Ejected, error) { return s.Eject(ctx, name) })
	if err != nil {
		return api.Ejected{}, err
	}
	if err := d.out.add(out.AccessKeyID); err != nil {
		return api.Ejected{}, api.NewError(helper.ExitFailed, "state", "cannot write down that the key "+name+" is moved out: "+err.Error(), "make room, or mend the folder's permissions")
	}
	return out, nil
}

// Users names the IAM users that a key's user may list.
func (d *Daemon) Users(ctx context.Context, name string) (api.Users, error) {
	return with(d, func(s *keys.Set) (api.Users, error) { return s.Users(ctx, name) })
}

// Pause freezes a rotation.
func (d *Daemon) Pause(ctx context.Context, name string) (api.Key, error) {
	return with(d, func(s *keys.Set) (api.Key, error) { return s.Pause(ctx, name) })
}

// Resume undoes Pause.
func (d *Daemon) Resume(ctx context.Context, name string) (api.Key, error) {
	key, err := with(d, func(s *keys.Set) (api.Key, error) { return s.Resume(ctx, name) })
	if err == nil {
		d.takenBack(key.AccessKeyID)
	}
	return key, err
}

// Resolve settles a hold.
func (d *Daemon) Resolve(ctx context.Context, name string, r api.ResolveRequest) (api.Key, error) {
	return with(d, func(s *keys.Set) (api.Key, error) { return s.Resolve(ctx, name, r) })
}

// with does something with the keys, if there is a store.
func with[T any](d *Daemon, do func(*keys.Set) (T, error)) (T, error) {
	d.used.Store(time.Now().Unix())
	d.works()
	defer d.done()
	set, err := d.keySet()
	if err != nil {
		var none T
		return none, err
	}
	result, err := do(set)
	if by := d.lockedBy(); err != nil && by != "" {
		return result, by.refusal() // it was locked just now, and that is why
	}
	return result, err
}

// History is what happened.
func (d *Daemon) History(_ context.Context, name string, limit int) ([]api.Event, error) {
	events, err := d.history.Query(name, limit)
	if err != nil {
		return nil, api.NewError(helper.ExitFailed, "history", "cannot read the history: "+err.Error(), "")
	}
	return events, nil
}

// Events delivers what happens from now on.
func (d *Daemon) Events(ctx context.Context) (<-chan api.Event, error) {
	d.streams.Add(1)
	context.AfterFunc(ctx, func() { d.streams.Add(-1) })
	return d.history.Subscribe(ctx), nil
}

// Backends says what can hold keys here.
func (d *Daemon) Backends(ctx context.Context) ([]api.Backend, error) {
	list := d.keychains.Probe(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range list {
		list[i].InForce = list[i].Name == d.backend
	}
	return list, nil
}

// Choose writes the person's first choice of a store down and puts it into
// force. A store in force is never swapped.
func (d *Daemon) Choose(ctx context.Context, r api.ChooseRequest) (api.Backend, error) {
	d.mu.Lock()
	backend := d.backend
	d.mu.Unlock()
	if backend != "" {
		return api.Backend{}, api.NewError(helper.ExitRefused, "store-chosen", "the store "+backend+" is in force", "awskey store migrate "+r.Backend+" moves the keys")
	}
	for _, b := range d.keychains.Probe(ctx) {
		if b.Name != r.Backend {
			continue
		}
		if !b.Available {
			return api.Backend{}, api.NewError(helper.ExitLocked, "store-unavailable", "cannot use the store "+b.Name+": "+b.Text, b.Remedy)
		}
		return d.choose(ctx, b)
	}
	return api.Backend{}, api.NewError(helper.ExitUsage, "bad-backend", fmt.Sprintf("there is no store %q", r.Backend), "choose one of "+strings.Join(config.Backends(), ", "))
}

// choose writes first and opens then: a choice that is not on disk is none.
func (d *Daemon) choose(ctx context.Context, b api.Backend) (api.Backend, error) {
	waiting, done, err := d.attended(ctx)
	if err != nil {
		return api.Backend{}, err
	}
	defer done()
	if err := config.SetStoreBackend(d.files.configs.User, b.Name); err != nil {
		return api.Backend{}, api.NewError(helper.ExitFailed, "config", "cannot write the choice down: "+err.Error(), "")
	}
	next, err := config.Load(d.files.configs)
	if err != nil {
		return api.Backend{}, configError(err)
	}
	d.mu.Lock()
	d.config = next
	d.mu.Unlock()
	d.openStore(waiting, true)
	if _, err := d.keySet(); err != nil {
		return api.Backend{}, err
	}
	b.InForce = true
	return b, nil
}
