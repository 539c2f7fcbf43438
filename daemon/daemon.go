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
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/history"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/failpoint"
)

// Keychains are the kinds of keychain that the program was built with.
type Keychains struct {
	// Open opens one, which the caller closes. It must not wait for a person.
	Open func(ctx context.Context, backend string, o KeychainOptions) (Keychain, error)
	// Probe says what is here, without raising a prompt.
	Probe func(ctx context.Context) []api.Backend
	// Stale reports that a keychain has come within reach which this process can
	// use only after it began anew.
	Stale func(ctx context.Context) bool
}

// KeychainOptions are what the configuration says of the store.
type KeychainOptions struct {
	Folder         string // of the file store
	PassphraseFile string
	Log            *slog.Logger
}

// Keychain is an open one.
type Keychain interface {
	store.Items
	io.Closer
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
	opening sync.Mutex    // one opening of the store at a time; taken before mu
	nudge   chan struct{} // lets the one goroutine that minds the store look around at once

	mu      sync.Mutex // guards what follows
	config  *config.Config
	fixed   *config.Config // in force when the store was opened: [store] and [aws] stay as they were
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
func Run(ctx context.Context, env helper.Env, keychains Keychains, stderr *os.File, debug bool) (err error) {
	f, err := findFiles(env)
	if err != nil {
		return err
	}
	release, err := api.Lock(f.state)
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
	l, err := api.ListenFirst(helper.SocketCandidates(env))
	if err != nil {
		return err
	}
	failpoint.At("daemon.listening")
	d := &Daemon{
		env: env, version: api.Version(), log: log, history: history.Open(f.state), files: f, keychains: keychains,
		began: began, identity: identity, config: cfg, looked: make(chan struct{}), nudge: make(chan struct{}, 1),
	}
	log.Info("awskeyd begins", "version", d.version, "pid", os.Getpid(), "socket", l.Addr().String())
	defer log.Info("awskeyd has stopped")

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var owned sync.WaitGroup
	defer d.closeStore()
	owned.Go(func() { config.Watch(ctx, f.configs, cfg, d.reconfigure) })
	restart := false
	owned.Go(func() {
		if restart = d.mindStore(ctx); restart {
			cancel()
		}
	})
	err = api.Serve(ctx, l, d, log)
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

// mindStore opens the store, and goes on trying while it cannot be opened. True:
// the program must begin anew to reach it.
func (d *Daemon) mindStore(ctx context.Context) (restart bool) {
	d.openStore(ctx)
	close(d.looked)
	for {
		d.mu.Lock()
		waiting, set, halfway := d.openErr != nil, d.set, d.moving != nil && d.moving.halfway()
		d.mu.Unlock()
		d.clearLeft(ctx)
		wait := 30 * time.Second
		if waiting || halfway || set != nil && set.Trouble() != nil {
			wait = 3 * time.Second
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-d.nudge:
			t.Stop()
			d.migrate(ctx)
			continue
		case <-t.C:
		}
		if d.keychains.Stale != nil && d.keychains.Stale(ctx) {
			d.log.Info("the session bus is there again: awskeyd begins anew")
			return true
		}
		switch {
		case halfway:
			d.migrate(ctx)
		case set != nil && errors.Is(set.Trouble(), store.ErrMoved): // read only now, as a keychain was unlocked
			d.closeStore()
			d.mu.Lock()
			d.set = nil
			d.mu.Unlock()
			d.openStore(ctx)
		case waiting:
			d.openStore(ctx)
		}
	}
}

// openStore opens the keychain that the configuration names, if any. With a
// keychain that cannot be opened the daemon runs all the same and says so.
func (d *Daemon) openStore(ctx context.Context) {
	d.opening.Lock()
	defer d.opening.Unlock()
	d.mu.Lock()
	s, set := d.config.Store(), d.set
	if s.Backend != "" {
		d.backend = s.Backend
	}
	d.mu.Unlock()
	if s.Backend == "" || set != nil {
		return
	}
	// Without d.mu: a keychain that hangs must not make status wait.
	o, err := d.open(ctx, s.Backend)
	if err == nil {
		o, err = d.follow(ctx, o)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.openErr = err; err != nil {
		d.log.Error("cannot open the store", "backend", s.Backend, "error", err)
		return
	}
	failpoint.At("daemon.opened")
	d.backend, d.opened, d.store = o.backend, o.items, o.store
	d.fixed = d.config.Moved(o.backend)
	ctx, d.stopSet = context.WithCancel(context.WithoutCancel(ctx))
	d.set = keys.Open(ctx, keys.Options{
		Store: o.store, StateDir: d.files.state,
		Settings: d.settings, Profiles: d.profiles, AWS: d.awsFor(), Endpoint: d.endpointFor(), With: d.rotateWith,
		History: d.tell, Log: d.log, LockTaken: d.began, Wall: time.Now,
	})
}

// closeStore ends every key: a created access key is stored first.
func (d *Daemon) closeStore() {
	d.mu.Lock()
	set, stop, items, moving := d.set, d.stopSet, d.opened, d.moving
	d.mu.Unlock()
	if set == nil {
		return
	}
	if moving != nil && moving.halfway() {
		defer d.close(moving.to)
	}
	failpoint.At("daemon.closing")
	stop()
	set.Close()
	failpoint.At("daemon.closed")
	if err := items.Close(); err != nil {
		d.log.Warn("closing the store", "error", err)
	}
}

// reconfigure takes a changed configuration into force, or says what is wrong
// with it and keeps the last good one.
func (d *Daemon) reconfigure(next *config.Config, err error) {
	if set := d.takeConfig(next, err); set != nil {
		set.Reconfigure()
	}
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
	if d.set != nil && (!next.SameStore(d.fixed) || !next.SameAWS(d.fixed)) {
		d.faults = []api.Warning{{Code: "restart-needed", Severity: "warning", Text: "[store] or [aws] has changed; the daemon still runs with what was there when it began", Remedy: "restart awskeyd"}}
		d.log.Warn("[store] or [aws] has changed: restart awskeyd to take it into force")
	}
	d.config = next
	d.log.Info("the configuration was read again")
	return d.set
}

// tell puts an event into log and history. Neither may stop a rotation.
func (d *Daemon) tell(e api.Event) {
	d.log.Info(e.Text, "key", e.Key, "event", e.Event, "access_key_id", e.AccessKeyID)
	failpoint.At("daemon.telling")
	if err := d.history.Append(e); err != nil {
		d.log.Warn("cannot write the history", "error", err)
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
