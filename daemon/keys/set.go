package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
)

// Store is the whole store as the set of keys needs it.
type Store interface {
	Records
	Names(ctx context.Context) ([]string, error)
	Add(ctx context.Context, name string, payload []byte) error
	Rename(ctx context.Context, old, now string) error
	Remove(ctx context.Context, name string) error
}

// Options are what a Set lives on.
type Options struct {
	Store     Store
	StateDir  string // for the ids of access keys just created
	Settings  func(key string) rotation.Settings
	Profiles  func(keys []string) []api.Profile
	AWS       func(key string) (AWS, error)
	Endpoint  func(key string) string // the endpoint in force
	With      func(key string) string // the key whose user rotates this one; "" for its own
	History   func(api.Event)
	Log       *slog.Logger
	LockTaken time.Time        // when this process became the only daemon
	Wall      func() time.Time // the wall clock, which somebody may set; time.Now
	// ClockSet, if there is one, says so when that has been done, or the machine has
	// slept, until the context ends. One that ends before cannot.
	ClockSet func(ctx context.Context, told chan<- struct{}) error
}

// Set is all keys of the daemon. Methods are safe for concurrent use.
type Set struct {
	Options
	store  atomic.Pointer[Store] // in force; see records
	log    *slog.Logger
	noted  *noted
	up     atomic.Int64 // keys that have a goroutine
	began  time.Time    // monotonic
	agenda agenda

	change   chan struct{} // held by the one add, rename, remove or freeze
	frozen   atomic.Bool   // see Freeze
	mu       sync.Mutex    // guards keys, openErr
	keys     map[string]*Key
	openErr  error
	opened   bool
	profiles atomic.Pointer[map[string]*Key] // by lower-case name: what helpers ask
	running  context.Context
	looked   chan struct{} // closed after the first look at the store
	again    chan struct{} // ends a wait before the next look
	owned    sync.WaitGroup
}

// Open begins to read the store, and goes on trying while it is locked or
// away. Close ends everything that was begun.
func Open(ctx context.Context, o Options) *Set {
	s := &Set{
		Options: o, log: o.Log, noted: openNoted(o.StateDir, o.Log), began: time.Now(), change: make(chan struct{}, 1),
		keys: map[string]*Key{}, running: ctx, looked: make(chan struct{}), again: make(chan struct{}, 1),
		agenda: agenda{sooner: make(chan struct{}, 1)}, openErr: errNotRead,
	}
	s.store.Store(&o.Store)
	s.profiles.Store(&map[string]*Key{})
	s.owned.Go(func() { s.keepTime(ctx) })
	s.owned.Go(func() {
		s.readNames()
		close(s.looked)
		s.keepReading(ctx)
	})
	return s
}

// Close waits for every goroutine; the context given to Open must be over. A
// created access key that is not stored yet is stored or deleted first. Then
// every secret is wiped, and nothing is handed out any more. Not beside Freeze or
// Thaw.
func (s *Set) Close() {
	s.owned.Wait()
	if !s.frozen.Load() { // else whoever froze the keys has the turn, and nothing is under way
		s.change <- struct{}{} // what is under way is seen through, or given up
		defer func() { <-s.change }()
	}
	all := s.all()
	for _, k := range all {
		k.cease() // all at once: each may have something to store
	}
	for _, k := range all {
		<-k.done
	}
	s.profiles.Store(&map[string]*Key{})
	for _, k := range all {
		k.forget()
	}
}

// alone is held by whoever adds, renames, removes or asks AWS on a person's
// behalf: one at a time, and none while the keys stand still or once the set is
// being closed. The context ends with the set, for calls to AWS; what changes the
// store must not be cut off by it.
func (s *Set) alone(ctx context.Context, tried string) (asking context.Context, done func(), err error) {
	if err := s.turn(ctx); err != nil {
		return nil, nil, StoreError(tried, err)
	}
	asking, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.running, cancel)
	return asking, func() { stop(); cancel(); <-s.change }, nil
}

func (s *Set) turn(ctx context.Context) error {
	if s.frozen.Load() {
		return ErrMoving // and whoever froze it holds the turn
	}
	select {
	case s.change <- struct{}{}:
	case <-ctx.Done():
		return ErrBusy
	}
	switch {
	case s.frozen.Load():
		<-s.change
		return ErrMoving
	case s.running.Err() != nil:
		<-s.change
		return fmt.Errorf("%w: it was closed just now", store.ErrUnavailable)
	}
	return nil
}

func (s *Set) keepReading(ctx context.Context) {
	for fails := 0; ; fails++ {
		s.readRecords(ctx)
		s.mu.Lock()
		opened := s.opened
		s.mu.Unlock()
		if opened {
			return
		}
		t := time.NewTimer(min(time.Second<<min(fails, 5), 30*time.Second))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-s.again:
			t.Stop()
		case <-t.C:
		}
		s.readNames()
	}
}

// readRecords has one record read after the other, so that who asks for a key
// meanwhile waits for that one, and not for a thousand others.
func (s *Set) readRecords(ctx context.Context) {
	for _, k := range s.all() {
		k.Wake()
		limit := time.NewTimer(firstLook) // one that hangs must not hold up the names
		select {
		case <-k.looked:
		case <-k.done: // renamed or removed before
		case <-limit.C:
		case <-ctx.Done():
		}
		limit.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// AtWork reports whether any key does something at this moment.
func (s *Set) AtWork() bool { return s.up.Load() > 0 }

// readNames begins the keys that the index names. Names that can be read are
// served even where the rest cannot.
func (s *Set) readNames() {
	names, err := s.records().Names(s.running)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		if s.keys[fold(name)] == nil {
			k := s.newKey(name)
			s.keys[fold(name)] = k
			k.start(s.running)
		}
	}
	if s.opened, s.openErr = err == nil, err; err != nil {
		s.log.Warn("cannot read the store", "error", err)
	}
	s.index()
}

// begin lets a key live. With s.mu held.
func (s *Set) begin(k *Key) {
	s.keys[fold(k.name)] = k
	k.start(s.running)
	k.Wake()
}

func fold(name string) string { return strings.ToLower(name) }

// index makes the table that helpers ask. With s.mu held.
func (s *Set) index() {
	names := make([]string, 0, len(s.keys))
	for _, k := range s.keys {
		names = append(names, k.name)
	}
	table := map[string]*Key{}
	for _, p := range s.Options.Profiles(names) {
		if k := s.keys[fold(p.Key)]; k != nil {
			table[fold(p.Name)] = k
		}
	}
	s.profiles.Store(&table)
}

// Reconfigure makes every key look at new settings.
func (s *Set) Reconfigure() {
	s.mu.Lock()
	s.index()
	s.mu.Unlock()
	for _, k := range s.all() {
		k.Wake()
	}
}

func (s *Set) all() []*Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.keys), func(a, b *Key) int { return strings.Compare(fold(a.name), fold(b.name)) })
}

func (s *Set) key(name string) (*Key, error) {
	await(s.looked)
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[fold(name)]; k != nil {
		return k, nil
	}
	if !s.opened {
		return nil, StoreError("read the store", s.openErr)
	}
	return nil, api.NewError(helper.ExitUnknown, "no-such-key", "there is no key "+name, "awskey list shows what there is, awskey add "+name+" takes one in")
}

// settings are the key's own, as the endpoint it was added through allows.
func (s *Set) settings(name string, r rotation.Record) rotation.Settings {
	settings := s.Options.Settings(name)
	settings.Endpoint = s.Options.Endpoint(name)
	settings.Loopback = Loopback(r.Endpoint)
	if s.administrator(name, r) != "" {
		settings.Admin = &rotation.Version{} // nobody, unless there is one
		if v, err := s.signerFor(name, r); err == nil {
			settings.Admin = &v
		}
	}
	return settings
}

func (s *Set) tell(key string, e rotation.Event) {
	s.Options.History(api.Event{Time: s.Wall().UTC(), Key: key, Event: e.Name, AccessKeyID: e.ID, Text: e.Text})
}

// firstLook bounds how long an answer waits, twice, for a daemon that has just
// begun to read its store: helpers give up after 4 s.
const firstLook = 1500 * time.Millisecond

// Credentials is the answer for a helper: memory only, except that the first
// ones after a start wait, within bounds, until the store was looked at.
func (s *Set) Credentials(profile string) ([]byte, error) {
	if out := s.CredentialsNow(profile); out != nil {
		return out, nil
	}
	await(s.looked)
	k := (*s.profiles.Load())[fold(profile)]
	if k == nil {
		return nil, s.noProfile(profile)
	}
	k.await()
	if out := k.answerNow(); out != nil {
		return out, nil
	}
	if k.unborn() {
		return nil, api.NewError(helper.ExitHeld, "no-access-key-yet", "the key "+k.name+" has no access key yet: its first one is still being made", "awskey status "+k.name+" shows how far it is")
	}
	return nil, StoreError("read the key "+k.name, cmp.Or(k.unreadable(), errNotRead))
}

// await has the key's record read now, before those of others, if it was not yet.
func (k *Key) await() {
	select {
	case <-k.looked:
		return
	default:
	}
	k.Wake()
	await(k.looked)
}

// await waits for a first look, at most firstLook.
func await(looked <-chan struct{}) {
	limit := time.NewTimer(firstLook)
	defer limit.Stop()
	select {
	case <-looked:
	case <-limit.C:
	}
}

// CredentialsNow is the answer that memory has, nil where there is none yet.
func (s *Set) CredentialsNow(profile string) []byte {
	if k := (*s.profiles.Load())[fold(profile)]; k != nil {
		return k.answerNow()
	}
	return nil
}

func (s *Set) noProfile(profile string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened {
		return StoreError("read the store", s.openErr)
	}
	return api.NewError(helper.ExitUnknown, "no-such-profile", "there is no profile "+profile, "awskey status lists the profiles, awskey add "+profile+" takes a key in")
}

// StoreError tells a person of keychain trouble: each kind has its own remedy.
func StoreError(tried string, err error) *api.Error {
	kinds := []struct {
		kind         error
		exit         int
		code, remedy string
	}{
		{store.ErrLocked, helper.ExitLocked, "store-locked", "unlock your keyring (type: awskey unlock, or log in to the desktop); awskeyd goes on by itself"},
		{store.ErrHung, helper.ExitLocked, "store-hung", "look for a dialog of your keyring that waits for an answer, or restart the keyring"},
		{store.ErrDenied, helper.ExitLocked, "store-denied", "allow awskeyd to use your keyring"},
		{store.ErrUnavailable, helper.ExitLocked, "store-unavailable", "start the keyring; awskeyd goes on by itself"},
		{store.ErrEmptied, helper.ExitLocked, "store-emptied", "restore the keyring from a backup, or awskey remove the key and add it again"},
		{store.ErrDamaged, helper.ExitFailed, "record-damaged", "restore the keyring from a backup, or awskey remove the key and add it again"},
		{store.ErrNewer, helper.ExitFailed, "record-newer", "install that awskeyd again; until then the record is left as it is"},
		{store.ErrChanged, helper.ExitHeld, "store-changed", "see awskey status"},
		{ErrMoving, helper.ExitHeld, "busy", "try again in a moment; awskey status shows when they are there"},
		{ErrBusy, helper.ExitHeld, "busy", "see awskey status before you try again"},
	}
	if away, moved := errors.AsType[*store.Elsewhere](err); moved {
		return api.NewError(helper.ExitRefused, "store-moved", "cannot "+tried+": "+err.Error(),
			fmt.Sprintf("write backend = %q below [store] in the configuration, then restart awskeyd", away.Store))
	}
	// The keychain's errors end in a remedy of their own, which knows more.
	text, own := err.Error(), ""
	if i := strings.LastIndex(text, "; "); i > 0 {
		text, own = text[:i], text[i+2:]
	}
	for _, k := range kinds {
		if errors.Is(err, k.kind) {
			return api.NewError(k.exit, k.code, "cannot "+tried+": "+text, cmp.Or(own, k.remedy))
		}
	}
	return api.NewError(helper.ExitFailed, "store-failed", "cannot "+tried+": "+text, cmp.Or(own, "see awskey logs"))
}
