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
	script   []step // what a rotation does next, one step per look at the key
}

// step is one step of a rotation: its event is told first, its effect seen at the next look.
type step struct {
	event api.Event
	do    func(*api.Key)
	told  bool
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
	if r.AccessKeyID != goodID || r.SecretAccessKey != goodSecret {
		return api.AddResult{}, api.NewError(helper.ExitAWS, "aws-refused", "AWS refused this access key: SignatureDoesNotMatch", "type id and secret again")
	}
	created, due := testNow.Add(-12*24*time.Hour), testNow.Add(63*24*time.Hour)
	k := api.Key{Name: name, UserARN: goodARN, AccessKeyID: goodID, Phase: "steady", CreatedAt: &created, DueAt: &due}
	f.status.Keys = append(f.status.Keys, k)
	f.status.Profiles = append(f.status.Profiles, api.Profile{Name: name, Key: name, Serve: "key"})
	return api.AddResult{Key: k}, nil
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

func (f *fake) Rotate(_ context.Context, name string) (api.Key, error) {
	return f.change(name, func(k *api.Key) error {
		if k.Phase != "steady" {
			return api.NewError(helper.ExitHeld, "under-way", "a rotation of "+k.Name+" is under way", "the next one becomes possible about 30 Nov")
		}
		f.script = rotationOf(*k)
		return nil
	})
}

// rotationOf is what a rotation of k does: of a key named fails it ends in a
// hold, of one named gives-up the new key never works.
func rotationOf(k api.Key) []step {
	const newID = "AKIAI44QH8DHBEXAMPLE"
	at := func(s int) time.Time { return testNow.Add(time.Duration(s) * time.Second) }
	event := func(s int, word, text string) api.Event {
		return api.Event{Time: at(s), Key: k.Name, Event: word, AccessKeyID: newID, Text: text}
	}
	off := testNow.Add(80 * time.Minute)
	steps := []step{
		{event: event(1, "created", "access key AKIA…MPLE is made"), do: func(k *api.Key) { k.Phase = "creating" }},
		{event: event(2, "proving", "access key AKIA…MPLE is tried at STS and IAM"), do: func(k *api.Key) {
			k.Phase, k.Next = "proving", &api.Next{AccessKeyID: newID}
		}},
	}
	switch k.Name {
	case "fails":
		return append(steps[:1], step{event: event(2, "held", "held: AWS said no"), do: func(k *api.Key) {
			k.Phase, k.Hold = "held", &api.Hold{Code: "access-denied", Text: "AWS does not allow this user to rotate its own access key", Choices: []string{"retry"}, Phase: "steady"}
		}})
	case "gives-up":
		return append(steps, step{event: event(9, "gave-up", "access key AKIA…MPLE never worked"), do: func(k *api.Key) { k.Phase = "deleting" }})
	case "forever":
		return steps
	}
	return append(steps, step{event: event(62, "switched", "access key AKIA…MPLE is in use"), do: func(k *api.Key) {
		k.Phase, k.Next = "draining", nil
		k.Previous = &api.Previous{AccessKeyID: k.AccessKeyID, Status: "Active", DeactivateAt: &off}
		k.AccessKeyID = newID
	}})
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
			return api.NewError(helper.ExitUsage, "no-such-choice", fmt.Sprintf("%q is no choice of %s", r.Choice, k.Hold.Code), "choose one of: "+strings.Join(k.Hold.Choices, ", "))
		}
		k.Phase, k.Hold = k.Hold.Phase, nil
		return nil
	})
}

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
