package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// The one IAM user that the fake proves, beside those it is seeded with.
const (
	goodID     = "AKIAIOSFODNN7EXAMPLE"
	goodSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	goodARN    = "arn:aws:iam::123456789012:user/alice"
	userSecret = "uSeR+0123456789/abcdefghijklmnopqrstuvwx" // of any other id: its user is named after its last three characters
	rootSecret = "rOoT+0123456789/abcdefghijklmnopqrstuvwx"
)

// testNow is the time in every test, one hour east of Greenwich.
var testNow = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

func testClock() time.Time { return testNow }

// fake is a daemon in memory. It keeps the promises of api.Service that awskey
// builds on: names without regard to case, one key per id, holds that refuse.
type fake struct {
	mu       sync.Mutex
	status   api.Status
	backends []api.Backend
	past     []api.Event
	readers  map[chan api.Event]struct{}
	script   []step          // what a rotation does next, one step per look at the key
	moves    []api.Migration // what a move does next, one step per look
	offline  bool            // AWS cannot be asked
}

// ready is a daemon with a store and no key.
func ready() *fake {
	return &fake{status: api.Status{Daemon: api.Daemon{Store: api.Store{Backend: "file", State: "ready"}}}}
}

func (f *fake) find(name string) (*api.Key, error) {
	for i := range f.status.Keys {
		if strings.EqualFold(f.status.Keys[i].Name, name) {
			return &f.status.Keys[i], nil
		}
	}
	return nil, api.NewError(helper.ExitUnknown, "no-such-key", "there is no key "+name, "awskey list shows what there is")
}

func (f *fake) Credentials(profile string) ([]byte, error) {
	return nil, api.NewError(helper.ExitUnknown, "no-such-profile", "there is no profile "+profile, "")
}

func (f *fake) Status(context.Context) (api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status
	s.Keys = slices.Clone(s.Keys)
	return s, nil
}

func (f *fake) Key(_ context.Context, name string) (api.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, err := f.find(name)
	if err != nil {
		return api.Key{}, err
	}
	mine := func() bool { return len(f.script) > 0 && f.script[0].event.Key == k.Name }
	if mine() && f.script[0].told {
		f.script[0].do(k)
		f.script = f.script[1:]
	}
	if mine() {
		f.script[0].told = true
		f.tell(f.script[0].event)
	}
	return *k, nil
}

func (f *fake) tell(e api.Event) {
	f.past = append(f.past, e)
	for c := range f.readers {
		c <- e
	}
}

func (f *fake) Add(_ context.Context, name string, r api.AddRequest) (api.AddResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status.Daemon.Store.Backend == "" {
		return api.AddResult{}, api.NewError(helper.ExitUsage, "no-store", "no [store] backend is set", "")
	}
	if r.Create != nil {
		return f.create(name, *r.Create)
	}
	for _, k := range f.status.Keys {
		switch same := strings.EqualFold(k.Name, name); {
		case same && k.AccessKeyID == r.AccessKeyID:
			return api.AddResult{Key: k, Already: true}, nil
		case same:
			return api.AddResult{}, api.NewError(helper.ExitRefused, "name-taken", "the name "+name+" belongs to another access key", "take another name, or awskey remove "+name)
		case k.AccessKeyID == r.AccessKeyID:
			return api.AddResult{}, api.NewError(helper.ExitRefused, "user-held", "this IAM user is already held by key "+k.Name, "awskey status "+k.Name)
		}
	}
	arn, err := f.proves(r.AccessKeyID, r.SecretAccessKey)
	if err != nil {
		return api.AddResult{}, err
	}
	created, due := testNow.Add(-12*24*time.Hour), testNow.Add(63*24*time.Hour)
	k := api.Key{Name: name, UserARN: arn, AccessKeyID: r.AccessKeyID, Phase: "steady", CreatedAt: &created, DueAt: &due, Imported: r.AccessKeyID != goodID}
	f.status.Keys = append(f.status.Keys, k)
	f.status.Profiles = append(f.status.Profiles, api.Profile{Name: name, Key: name, Serve: "key"})
	return api.AddResult{Key: k}, nil
}

// proves is whose an access key is. With f.mu held.
func (f *fake) proves(id, secret string) (arn string, err error) {
	switch {
	case f.offline:
		return "", api.NewError(helper.ExitFailed, "aws-unreachable", "cannot ask AWS whose access key this is: no route to host", "nothing was stored; try again once AWS can be reached")
	case id == goodID && secret == goodSecret:
		return goodARN, nil
	case strings.HasPrefix(secret, userSecret[:4]): // two users have not the same
		return "arn:aws:iam::123456789012:user/" + strings.ToLower(id[len(id)-3:]), nil
	case secret == rootSecret:
		return "", api.NewError(helper.ExitRefused, "root-key", "access key "+short(id)+" is the account's root key, which awskeyd never holds", "delete it in the console and make an IAM user with the rights you need")
	}
	return "", api.NewError(helper.ExitAWS, "aws-refused", "AWS refused this access key: SignatureDoesNotMatch", "type id and secret again")
}

// create begins to make a key. With f.mu held.
func (f *fake) create(name string, r api.CreateRequest) (api.AddResult, error) {
	if _, err := f.find(r.With); err != nil {
		return api.AddResult{}, err
	}
	arn := "arn:aws:iam::123456789012:user/" + r.User
	if k, err := f.find(name); err == nil {
		return api.AddResult{}, api.NewError(helper.ExitRefused, "name-taken", "there is already a key "+k.Name+" with another access key", "choose another name, or awskey remove "+k.Name+" first")
	}
	k := api.Key{Name: name, UserARN: arn, Phase: "creating"}
	f.status.Keys = append(f.status.Keys, k)
	f.script = firstOf(k)
	return api.AddResult{Key: k}, nil
}

// Identify knows the users that the fake proves.
func (f *fake) Identify(_ context.Context, r api.IdentifyRequest) (api.Identity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	arn, err := f.proves(r.AccessKeyID, r.SecretAccessKey)
	return api.Identity{UserARN: arn}, err
}

func (f *fake) Check(_ context.Context, name string) (api.Checked, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.find(name); err != nil {
		return api.Checked{}, err
	}
	if f.offline {
		return api.Checked{Checks: []api.Check{{Code: "aws", State: "error", Text: name + ": AWS could not be asked: no route to host", Remedy: "see the network"}}}, nil
	}
	return api.Checked{Checks: []api.Check{{Code: "aws", State: "ok", Text: name + ": AWS takes access key"}, {Code: "clock", State: "ok", Text: "this machine's clock agrees with AWS's"}}}, nil
}

func (f *fake) Users(ctx context.Context, name string) (api.Users, error) {
	if name == "hangs" {
		<-ctx.Done()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.find(name); err != nil {
		return api.Users{}, err
	}
	return api.Users{Names: []string{"alice", "al\x1b[31m", "bob", "ci-robot"}}, nil
}

func (f *fake) Remove(_ context.Context, name string, r api.RemoveRequest) (api.RemoveResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, err := f.find(name)
	if err != nil {
		return api.RemoveResult{}, err
	}
	if k.Phase != "steady" && k.Phase != "held" && !r.Force {
		return api.RemoveResult{}, api.NewError(helper.ExitHeld, "under-way", "a rotation of "+name+" is under way", "wait for its end, or awskey remove "+name+" --force")
	}
	left := []string{k.AccessKeyID}
	if k.Next != nil {
		left = append(left, k.Next.AccessKeyID)
	}
	if k.Previous != nil {
		left = append(left, k.Previous.AccessKeyID)
	}
	f.status.Keys = slices.DeleteFunc(f.status.Keys, func(o api.Key) bool { return strings.EqualFold(o.Name, name) })
	return api.RemoveResult{LeftInIAM: left}, nil
}

// change is every verb that turns one key into another state.
func (f *fake) change(name string, do func(*api.Key) error) (api.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, err := f.find(name)
	if err == nil {
		err = do(k)
	}
	if err != nil {
		return api.Key{}, err
	}
	return *k, nil
}

func (f *fake) Rename(_ context.Context, name string, r api.RenameRequest) (api.Key, error) {
	return f.change(name, func(k *api.Key) error {
		if other, err := f.find(r.NewName); err == nil && other != k {
			return api.NewError(helper.ExitRefused, "name-taken", "there is a key "+r.NewName+" already", "take another name")
		}
		k.Name = r.NewName
		return nil
	})
}

func (f *fake) Rotate(_ context.Context, name string, r api.RotateRequest) (api.Key, error) {
	return f.change(name, func(k *api.Key) error {
		switch {
		case r.Leaked:
			k.Leaked = true
			f.script = leakedOf(*k)
		case k.Phase != "steady":
			return api.NewError(helper.ExitHeld, "under-way", "cannot rotate the key "+k.Name+": a rotation is already under way", "the next one becomes possible about 30 Nov 09:30")
		default:
			f.script = rotationOf(*k)
		}
		return nil
	})
}

func (f *fake) Rollback(_ context.Context, name string) (api.Key, error) {
	return f.change(name, func(k *api.Key) error {
		switch {
		case k.Phase == "proving" && !k.Back:
			k.Phase, k.Hold = "held", &api.Hold{Code: "rolled-back", Text: "the rotation was stopped before the new access key " + short(k.Next.AccessKeyID) + " was handed out; both keys are active", Choices: []string{"keep", "forward"}, Phase: "proving", Since: &testNow}
		case k.Previous == nil || k.Phase == "deleting":
			return api.NewError(helper.ExitHeld, "under-way", "cannot roll back the key "+k.Name+": there is no earlier access key to go back to", "awskey status "+k.Name+" shows how far it is")
		default:
			f.script = rollbackOf(*k)
			k.Phase, k.Back, k.Hold = "proving", true, nil
			k.Next, k.Previous = &api.Next{AccessKeyID: k.Previous.AccessKeyID}, nil
		}
		return nil
	})
}

func (f *fake) Pause(_ context.Context, name string) (api.Key, error) {
	return f.change(name, func(k *api.Key) error { k.Paused = true; return nil })
}

func (f *fake) Resume(_ context.Context, name string) (api.Key, error) {
	return f.change(name, func(k *api.Key) error { k.Paused = false; return nil })
}

func (f *fake) Resolve(_ context.Context, name string, r api.ResolveRequest) (api.Key, error) {
	return f.change(name, func(k *api.Key) error {
		if k.Hold == nil {
			return api.NewError(helper.ExitUsage, "not-held", k.Name+" is not held", "awskey status "+k.Name)
		}
		if !slices.Contains(k.Hold.Choices, r.Choice) {
			return api.NewError(helper.ExitUsage, "bad-choice", fmt.Sprintf("cannot resolve the key %s: %q is not a choice here; choose one of: %s", k.Name, r.Choice, strings.Join(k.Hold.Choices, ", ")), "awskey resolve "+k.Name+" lists the choices")
		}
		if k.Hold.Code == "rolled-back" && r.Choice == "forward" {
			k.Back, k.Next, k.Previous = true, &api.Next{AccessKeyID: k.Previous.AccessKeyID}, nil
			k.Hold.Phase = "proving"
		}
		k.Phase, k.Hold = k.Hold.Phase, nil
		return nil
	})
}

// Eject gives out a secret made of the id. A key named hangs is never through
// with its step.
func (f *fake) Eject(_ context.Context, name string) (api.Ejected, error) {
	if name == "hangs" {
		return api.Ejected{}, api.NewError(helper.ExitHeld, "busy", "cannot eject the key hangs: the key is in the middle of a step", "see awskey status before you try again")
	}
	var out api.Ejected
	k, err := f.change(name, func(k *api.Key) error {
		if k.Phase == "proving" && !k.Back && !k.Paused {
			k.Phase, k.Next = "steady", nil
		}
		k.Paused = true
		return nil
	})
	if err != nil {
		return out, err
	}
	if k.Next != nil {
		out.LeftInIAM = append(out.LeftInIAM, k.Next.AccessKeyID)
	}
	if k.Previous != nil {
		out.LeftInIAM = append(out.LeftInIAM, k.Previous.AccessKeyID)
	}
	out.Key, out.AccessKeyID, out.SecretAccessKey = k, k.AccessKeyID, secretOf(k.AccessKeyID)
	return out, nil
}

// secretOf is the fake's secret of an access key, 40 characters long.
func secretOf(id string) string { return (id + "/canary+secret+of+an+access+key")[:40] }

func (f *fake) Policy(ctx context.Context, name string) (api.Policy, error) {
	if name == "hangs" {
		<-ctx.Done()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.find(name)
	return api.Policy{Document: `{"Version": "2012-10-17", "Statement": []}` + "\n"}, err
}

func (f *fake) History(_ context.Context, name string, limit int) ([]api.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := []api.Event{}
	for _, e := range f.past {
		if name == "" || strings.EqualFold(e.Key, name) {
			events = append(events, e)
		}
	}
	if limit > 0 && len(events) > limit {
		events = events[len(events)-limit:]
	}
	return events, nil
}

func (f *fake) Events(ctx context.Context) (<-chan api.Event, error) {
	c := make(chan api.Event, 16)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readers == nil {
		f.readers = map[chan api.Event]struct{}{}
	}
	f.readers[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.readers, c)
		close(c)
	})
	return c, nil
}

func (f *fake) Lock(context.Context) (api.Store, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status.Daemon.Store.State = "locked"
	return f.status.Daemon.Store, nil
}

// Unlock waits for a person who never comes where the store's state is asks.
func (f *fake) Unlock(ctx context.Context) (api.Store, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.status.Daemon.Store.State {
	case "asks":
		<-ctx.Done()
		return api.Store{}, ctx.Err()
	case "denied":
		return api.Store{}, api.NewError(helper.ExitLocked, "store-denied", "cannot unlock the store file: the store denied access: the prompt was dismissed", "allow awskeyd to use your keyring")
	}
	f.status.Daemon.Store.State = "ready"
	return f.status.Daemon.Store, nil
}

func (f *fake) Backends(context.Context) ([]api.Backend, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.backends), nil
}

func (f *fake) Choose(_ context.Context, r api.ChooseRequest) (api.Backend, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, b := range f.backends {
		if b.Name == r.Backend && b.Available {
			f.backends[i].InForce = true
			f.status.Daemon.Store = api.Store{Backend: b.Name, State: "ready"}
			return f.backends[i], nil
		}
	}
	return api.Backend{}, api.NewError(helper.ExitUsage, "no-such-backend", "the store "+r.Backend+" cannot be used here", "awskey add lists what can")
}
