package keys_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

const (
	arn   = "arn:aws:iam::123456789012:user/bob"
	first = "AKIAFIRST00000000000"
)

// fakeAWS is IAM as a key meets it, under a fake clock: every call is one
// instant. What the wire does to calls is the emulator's business.
type fakeAWS struct {
	ahead atomic.Int64 // of the time that the machine was awake

	mu        sync.Mutex
	keys      map[string]*row
	users     map[string]string // ARNs by name
	owner     map[string]string // of a key that is not bob's, by id
	manages   string            // the one user that may change others
	made      int
	settle    time.Duration // a new key is refused for so long
	refused   int
	forbidden string                                    // an action that no policy allows
	fail      func(a rotation.Action) *rotation.Outcome // nil: as it is
	after     func(a rotation.Action, o *rotation.Outcome)
	saw       func(user string, a rotation.Action)
	way       func(ctx context.Context) *rotation.Outcome // of Owner's call; nil: it gets there
	block     chan struct{}                               // Create waits for it, when set
}

type row struct {
	secret  string
	active  bool
	created time.Time
}

func newAWS() *fakeAWS {
	return &fakeAWS{
		keys:  map[string]*row{first: {"the first secret of bob", true, time.Now().Add(-24 * time.Hour)}},
		users: map[string]string{"bob": arn}, owner: map[string]string{}, settle: 10 * time.Second,
	}
}

// user makes an IAM user, with a key of its own if id is not empty.
func (f *fakeAWS) user(name, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users[name] = "arn:aws:iam::123456789012:user/" + name
	if id != "" {
		f.keys[id] = &row{"the secret of " + id, true, time.Now().Add(-24 * time.Hour)}
		f.owner[id] = name
	}
}

// rename gives bob another name, as an administrator does.
func (f *fakeAWS) rename(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.users, "bob")
	f.users[name] = "arn:aws:iam::123456789012:user/" + name
	for id := range f.keys {
		f.owner[id] = name
	}
}

// set makes a key active or not, as an administrator does.
func (f *fakeAWS) set(id string, active bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys[id].active = active
}

// drop deletes a key, as an administrator does.
func (f *fakeAWS) drop(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, id)
}

// active tells which keys there are, and which of them work.
func (f *fakeAWS) active() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]bool{}
	for id, k := range f.keys {
		all[id] = k.active
	}
	return all
}

// meddle changes what is to go wrong, between two calls.
func (f *fakeAWS) meddle(fail func(a rotation.Action) *rotation.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *fakeAWS) ownerOf(id string) string {
	if name, ok := f.owner[id]; ok {
		return name
	}
	return "bob"
}

// of are the ids of one user's keys.
func (f *fakeAWS) of(user string) []string {
	var ids []string
	for id := range f.keys {
		if f.ownerOf(id) == user {
			ids = append(ids, id)
		}
	}
	return ids
}

// sign is a client's request.
func (f *fakeAWS) sign(id, text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.keys[id]
	ok := k != nil && k.active && k.secret == text && (id == first || time.Since(k.created) > f.settle)
	if !ok {
		f.refused++
	}
	return ok
}

func (f *fakeAWS) Do(_ context.Context, user string, a rotation.Action) rotation.Outcome {
	// As IAM does it: signed before it is sent, and not sent without a secret.
	a.Signer.Secret = secret.New(a.Signer.Secret.Reveal())
	if a.Signer.Secret.IsZero() {
		return rotation.Outcome{Result: rotation.NotSent, Text: "there is nobody to sign it"}
	}
	if a.Do == rotation.Create && f.block != nil {
		<-f.block
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.saw != nil {
		f.saw(user, a)
	}
	if f.fail != nil {
		if o := f.fail(a); o != nil {
			return *o
		}
	}
	o := f.do(user, a)
	if f.after != nil {
		f.after(a, &o)
	}
	return o
}

// known refuses who cannot sign. With f.mu held.
func (f *fakeAWS) known(v rotation.Version) rotation.Outcome {
	o := rotation.Outcome{Result: rotation.OK, Date: time.Now().Add(time.Duration(f.ahead.Load())).Truncate(time.Second)}
	k := f.keys[v.ID]
	if k == nil || !k.active || k.secret != v.Secret.Reveal() || v.ID != first && time.Since(k.created) < f.settle {
		o.Result, o.Text = rotation.Refused, "InvalidClientTokenId"
	}
	return o
}

// may refuses who may not do it to that user. With f.mu held.
func (f *fakeAWS) may(v rotation.Version, user string) rotation.Outcome {
	o := f.known(v)
	switch by := f.ownerOf(v.ID); {
	case o.Result != rotation.OK:
	case user != by && by != f.manages:
		o.Result, o.Text = rotation.Denied, by+" is not authorized on "+user
	case f.users[user] == "":
		o.Result, o.Text = rotation.Missing, "the user "+user+" cannot be found"
	}
	return o
}

func (f *fakeAWS) do(user string, a rotation.Action) rotation.Outcome {
	if a.Do == rotation.Prove || a.Do == rotation.Check {
		o := f.known(a.Signer)
		if o.Result == rotation.OK {
			o.ARN = f.users[f.ownerOf(a.Signer.ID)]
		}
		return o
	}
	o := f.may(a.Signer, user)
	if o.Result != rotation.OK {
		return o
	}
	target := f.keys[a.Target]
	if target != nil && f.ownerOf(a.Target) != user {
		target = nil
	}
	switch a.Do {
	case rotation.List, rotation.Witness:
		for _, id := range f.of(user) {
			o.Keys = append(o.Keys, rotation.KeyInfo{ID: id, Active: f.keys[id].active, Created: f.keys[id].created})
		}
		return o
	case rotation.Create:
		if len(f.of(user)) >= 2 {
			o.Result = rotation.Full
			return o
		}
		f.made++
		id := fmt.Sprintf("AKIAMADE%012d", f.made)
		f.keys[id], f.owner[id] = &row{"the secret of " + id, true, time.Now().Truncate(time.Second)}, user
		o.Version = rotation.Version{ID: id, Secret: secret.New(f.keys[id].secret), Created: f.keys[id].created}
		return o
	}
	if target == nil {
		o.Result, o.Text = rotation.Missing, "the Access Key with id "+a.Target+" cannot be found"
		return o
	}
	switch a.Do {
	case rotation.Deactivate:
		target.active = false
	case rotation.Activate:
		target.active = true
	case rotation.Delete:
		delete(f.keys, a.Target)
	}
	return o
}

func (f *fakeAWS) User(_ context.Context, signer rotation.Version, name string) rotation.Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name == "" {
		name = f.ownerOf(signer.ID)
	}
	o := f.may(signer, name)
	o.ARN = f.users[name]
	return o
}

func (f *fakeAWS) Users(_ context.Context, signer rotation.Version) ([]string, rotation.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.known(signer)
	if o.Result == rotation.OK && f.ownerOf(signer.ID) != f.manages {
		o.Result, o.Text = rotation.Denied, "not authorized to perform iam:ListUsers"
	}
	return slices.Sorted(maps.Keys(f.users)), o
}

func (f *fakeAWS) Owner(ctx context.Context, signer rotation.Version, id string) (string, string, rotation.Outcome) {
	if f.way != nil {
		if o := f.way(ctx); o != nil {
			return "", "", *o
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.known(signer)
	if o.Result != rotation.OK {
		return "", "", o
	}
	account, _, foreign := strings.Cut(id, "FOREIGN")
	if foreign {
		return account, "", o
	}
	if f.keys[id] == nil || f.ownerOf(signer.ID) != f.manages {
		return "123456789012", "", o
	}
	return "123456789012", f.ownerOf(id), o
}

func (f *fakeAWS) ids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id := range f.keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Allowed tells of everything as of the whole: whoever manages may do all.
func (f *fakeAWS) Allowed(_ context.Context, signer rotation.Version, user rotation.User, actions []string) (map[string]bool, rotation.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	allowed := map[string]bool{}
	for _, a := range actions {
		allowed[a] = a != f.forbidden
	}
	return allowed, f.known(signer)
}
