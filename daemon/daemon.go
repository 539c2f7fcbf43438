// Package daemon is the service: it puts the store, the keys, the configuration
// and the socket together, in an order in which a crash at any point is safe,
// and takes them apart again.
//
// It holds no logic of its own, and it must never let a second daemon of the
// same user touch the store.
package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/guard"
	"github.com/awskeyd/awskeyd/daemon/history"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/failpoint"
	"github.com/awskeyd/awskeyd/store/secret"
)

// Keychains are the kinds of keychain that the program was built with.
type Keychains struct {
	// Open opens one, which the caller closes. It must not wait for a person
	// unless the options say that one is there.
	Open func(ctx context.Context, backend string, o KeychainOptions) (Keychain, error)
	// Probe says what is here, without raising a prompt.
	Probe func(ctx context.Context) []api.Backend
	// Stale reports that a keychain has come within reach which this process can
	// use only after it began anew.
	Stale func(ctx context.Context) bool
	// Away reports that a keychain is out of this process's reach, so that Stale is
	// worth asking; Lost says when one has come to be.
	Away func() bool
	Lost <-chan struct{}
}

// KeychainOptions are what the configuration says of the store.
type KeychainOptions struct {
	Folder         string // of the file store
	PassphraseFile string
	Volatile       bool // a keychain that forgets everything at a restart of the machine is meant
	Ask            bool // a person is there: the keychain may ask for its passphrase
	Log            *slog.Logger
}

// Keychain is an open one.
type Keychain interface {
	store.Items
	io.Closer
	// Unlock opens a locked keychain and may raise the system's own prompt once.
	// It is called only because a person asked, and returns when ctx ends.
	Unlock(ctx context.Context) error
}

// Daemon is one running service.
type Daemon struct {
	env       helper.Env
	version   string
	log       *slog.Logger
	history   *history.History
	files     files
	keychains Keychains
	began     time.Time // also when the lock was taken
	identity  store.Identity

	looked  chan struct{} // closed after the first try to open the store
	opening sync.Mutex    // one opening, closing or moving of the store at a time; taken before mu
	nudge   chan struct{} // lets the one goroutine that minds the store look around at once
	forgets chan struct{} // asks for more forgetting after a lock
	guard   *guard.Guard  // nil where there is no home
	out     *givenOut     // access keys that a person has moved out
	asked   atomic.Int64  // when credentials were asked for last, Unix seconds
	used    atomic.Int64  // when anything of a key was asked for last, the same
	streams atomic.Int64  // of events, that are open
	busy    atomic.Int64  // when anything was asked for or done last, the same
	working atomic.Int64  // requests that something is done for
	resting atomic.Bool   // see mindMemory
	stirred chan struct{} // ends a rest
	leaves  chan struct{} // [service] has changed

	mu      sync.Mutex // guards what follows
	locked  locker     // "" while nobody has locked the store
	giveUp  func()     // ends the unlocking that waits for a person, if one does
	callOff func()     // ends what takes long with the store, such as a move; see takeStore
	noEars  error      // why nobody tells of what lock_on names
	since   time.Time  // since when no other process, nor an earlier set, hands anything out
	config  *config.Config
	fixed   *config.Config // in force when the store was first opened: [store] and [aws] stay as they were
	faults  []api.Warning  // of the configuration: what a reload found
	set     *keys.Set      // nil while no store is chosen
	backend string
	opened  Keychain
	store   *store.Store // over opened
	openErr error
	stopSet context.CancelFunc
	moving  *migration // the last one, under way or over; nil for none
	left    leftover
}

// Run serves until ctx ends. It returns an *api.Error for everything that a
// person can mend. What it began is over when it returns.
func Run(ctx context.Context, env helper.Env, keychains Keychains, starter Starter, stderr *os.File, debug bool) (err error) {
	f, err := findFiles(env)
	if err != nil {
		return err
	}
	release, err := takeLock(ctx, f.state, starter)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	failpoint.At("daemon.locked")
	began := time.Now()

	cfg, err := config.Load(f.configs)
	if err != nil {
		return configError(err)
	}
	log, closer, err := openLog(env, f.state, stderr, isTerminal(stderr), debug)
	if err != nil {
		return api.NewError(helper.ExitFailed, "log", "cannot open the log: "+err.Error(), "make room, or mend the folder's permissions")
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	identity, err := identify(f.state)
	if err != nil {
		return api.NewError(helper.ExitFailed, "identity", "cannot tell this machine from others: "+err.Error(), "")
	}
	l, err := listenAt(env, starter)
	if err != nil {
		return err
	}
	failpoint.At("daemon.listening")
	d := &Daemon{
		env: env, version: api.Version(), log: log, history: history.Open(f.state), files: f, keychains: keychains,
		began: began, since: began, identity: identity, config: cfg, looked: make(chan struct{}), nudge: make(chan struct{}, 1), forgets: make(chan struct{}, 1), locked: readMark(f.state),
		stirred: make(chan struct{}, 1), leaves: make(chan struct{}, 1),
	}
	if d.out, err = openGivenOut(f.state); err != nil {
		log.Warn("cannot read which access keys were moved out", "error", err)
	}
	d.guard = d.newGuard()
	log.Info("awskeyd begins", "version", d.version, "pid", os.Getpid(), "socket", l.Addr().String())
	defer log.Info("awskeyd has stopped")
	if err := secret.Swappable(); err != nil {
		log.Warn("secrets may be written to swap space: awskeyd goes on without locked memory", "error", err)
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var owned sync.WaitGroup
	defer d.closeStore()
	owned.Go(func() { config.Watch(ctx, f.configs, cfg, d.reconfigure) })
	owned.Go(func() { d.forgetLater(ctx) })
	owned.Go(func() { d.mindFiles(ctx) })
	on := cfg.Store().LockOn
	owned.Go(func() { d.mindOccasions(ctx, on) })
	owned.Go(func() { d.mindIdle(ctx, on.Idle) })
	owned.Go(func() { d.feed(ctx, starter) })
	if starter.Alone {
		owned.Go(func() { d.mindMemory(ctx) })
	}
	if starter.Socket != nil {
		owned.Go(func() {
			if d.mindLeaving(ctx) {
				cancel()
			}
		})
	}
	restart := false
	owned.Go(func() {
		if restart = d.mindStore(ctx); restart {
			cancel()
		}
	})
	starter.tell("READY=1")
	err = api.Serve(ctx, l, d, log)
	starter.tell("STOPPING=1")
	cancel()
	owned.Wait()
	if err == nil && restart {
		return errRestart
	}
	return err
}

// errRestart asks Main to execute the program again: the keyring library
// decides once, before main, whether there is a session bus.
var errRestart = errors.New("the keychain has come back; awskeyd begins anew")

// reconfigure takes a changed configuration into force, or says what is wrong
// with it and keeps the last good one.
func (d *Daemon) reconfigure(next *config.Config, err error) {
	if set := d.takeConfig(next, err); set != nil {
		set.Reconfigure()
	}
	d.lookAround()
}

func (d *Daemon) takeConfig(next *config.Config, err error) *keys.Set {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.log.Warn("the configuration is not taken", "error", err)
		d.faults = []api.Warning{{Code: "bad-config", Severity: "error", Text: err.Error(), Remedy: "mend it; the last good configuration stays in force"}}
		return nil
	}
	d.faults = nil
	if d.fixed != nil && (!next.SameStore(d.fixed) || !next.SameAWS(d.fixed)) {
		d.faults = []api.Warning{{Code: "restart-needed", Severity: "warning", Text: "[store] or [aws] has changed; the daemon still runs with what was there when it began", Remedy: "restart awskeyd"}}
		d.log.Warn("[store] or [aws] has changed: restart awskeyd to take it into force")
	}
	d.config = next
	select {
	case d.leaves <- struct{}{}:
	default:
	}
	d.log.Info("the configuration was read again")
	return d.set
}

// tell puts an event into log and history. Neither may stop a rotation.
func (d *Daemon) tell(e api.Event) {
	d.worked()
	d.log.Info(e.Text, "key", e.Key, "event", e.Event, "access_key_id", e.AccessKeyID)
	failpoint.At("daemon.telling")
	if err := d.history.Append(e); err != nil {
		d.log.Warn("cannot write the history", "error", err)
	}
	if e.Key != "" { // a key may have come or gone
		d.lookAround()
	}
}

// identify makes the two words that a record says of its writer.
func identify(stateDir string) (store.Identity, error) {
	machine, err := machineID(stateDir)
	if err != nil {
		return store.Identity{}, err
	}
	var instance [8]byte
	rand.Read(instance[:])
	return store.Identity{Machine: machine, Instance: hex.EncodeToString(instance[:])}, nil
}

func configError(err error) error {
	if e, ok := errors.AsType[*config.UnsafeError](err); ok {
		return api.NewError(helper.ExitRefused, "unsafe-config", "the configuration is not safe: "+e.Path+" "+e.Problem, "type: "+e.Remedy)
	}
	return api.NewError(helper.ExitUsage, "bad-config", err.Error(), "")
}
