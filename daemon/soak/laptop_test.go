//go:build unix

package soak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// laptop is the machine that the daemon runs on: what outlives the daemon's
// process, and the process of this moment.
type laptop struct {
	w      *world
	aws    *amazon
	items  *storetest.Faulty
	config *config.Config
	state  string
	died   chan *process // by a trap
	ending sync.WaitGroup

	now     atomic.Pointer[process]
	began   int // processes
	crashes int
	locks   int

	mu       sync.Mutex
	told     map[string]map[string]int // how often each event, by key
	holds    []hold
	switched map[string]time.Time // AWS's clock
	wrong    []span               // when the clock was
	without  map[string]int       // how often a client got no credentials, by what it was told
}

// process is one run of the daemon.
type process struct {
	on     *laptop
	set    *keys.Set
	door   *pipes
	cancel context.CancelFunc
	served chan struct{} // closed when the socket's server has ended

	dead  atomic.Bool
	trap  atomic.Int64 // changes of the keychain left until it dies; 0: none is set
	mu    sync.Mutex
	conns map[net.Conn]bool // to AWS
}

// boot begins the daemon.
func (l *laptop) boot() {
	l.began++
	l.aws.executed.Store(nil)
	p := &process{on: l, door: newPipes(), served: make(chan struct{}), conns: map[net.Conn]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	log := slog.New(slog.DiscardHandler)
	items := keychain{l.items, p, l.w.actor(1000 + uint64(l.began))}
	client := toAWS(p.dialAWS)
	p.set = keys.Open(ctx, keys.Options{
		Store:    store.New(&items, store.Identity{Machine: "laptop", Instance: fmt.Sprint(l.began)}),
		StateDir: l.state, Settings: l.settings, Profiles: profiles, With: l.config.RotateWith,
		AWS:      func(string) (keys.AWS, error) { return keys.IAM{Client: client, Monitor: l.monitor}, nil },
		Endpoint: func(string) string { return "" }, // AWS itself: no limit falls away
		History:  p.tell, Log: log, LockTaken: l.w.wall(), Wall: l.w.wall,
	})
	go func() {
		defer close(p.served)
		if err := api.Serve(ctx, p.door, service{set: p.set}, log); err != nil && !p.dead.Load() {
			l.w.t.Error(err)
		}
	}()
	l.now.Store(p)
}

// stop ends the daemon in good order.
func (l *laptop) stop() {
	p := l.now.Load()
	p.cancel()
	<-p.served
	p.set.Close()
}

// crash ends it as kill -9 does: from this moment on nothing of it reaches the
// keychain, AWS or a client. Its goroutines find out by and by.
func (l *laptop) crash(p *process) {
	p.die()
	l.crashes++
	l.ending.Go(func() {
		<-p.served
		p.set.Close()
	})
}

// powerLoss also undoes what the keychain had not forced to disk, more or less.
func (l *laptop) powerLoss(r *rand.Rand) {
	l.items.PowerLoss(func(string) bool { return r.IntN(2) == 0 })
}

func (p *process) die() {
	p.dead.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	p.door.Close()
	p.cancel()
}

// ambush lets the process die at one of its next changes of keychain or IAM.
func (p *process) ambush(r *rand.Rand) {
	if r.IntN(2) == 0 {
		p.trap.Store(1 + r.Int64N(8))
		return
	}
	f := func(c awstest.Call) {
		if c.Action != "ListAccessKeys" && c.Action != "GetCallerIdentity" && c.Action != "GetAccessKeyLastUsed" {
			p.fall()
		}
	}
	p.on.aws.executed.Store(&f)
}

func (p *process) disarm() {
	p.trap.Store(0)
	p.on.aws.executed.Store(nil)
}

func (p *process) fall() {
	if !p.dead.Swap(true) {
		p.disarm()
		p.die()
		p.on.died <- p
	}
}

func (p *process) dialAWS(ctx context.Context) (net.Conn, error) {
	c, err := p.on.aws.door.dial(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead.Load() {
		c.Close()
		return nil, storetest.ErrCrashed
	}
	t := &tracked{Conn: c, of: p}
	p.conns[t] = true
	return t, nil
}

// tracked is a connection to AWS that breaks when its process dies.
type tracked struct {
	net.Conn
	of   *process
	once sync.Once
}

func (t *tracked) Close() error {
	t.once.Do(func() {
		go func() { // die holds the lock over all of them
			t.of.mu.Lock()
			delete(t.of.conns, t)
			t.of.mu.Unlock()
		}()
	})
	return t.Conn.Close()
}

func (p *process) tell(e api.Event) {
	if p.dead.Load() {
		return
	}
	l := p.on
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[e.Key] == nil {
		l.told[e.Key] = map[string]int{}
	}
	l.told[e.Key][e.Event]++
	switch e.Event {
	case "switched":
		l.switched[e.Key] = l.w.aws()
	case "held":
		l.holds = append(l.holds, hold{e, l.switched[e.Key]})
	}
}

type hold struct {
	api.Event
	switched time.Time // the switch before it
}

type span struct{ from, to time.Time }

// settings are the configuration's, as the daemon reads them.
func (l *laptop) settings(key string) rotation.Settings {
	s := l.config.Rotation(key)
	return rotation.Settings{
		Every: s.Every, Schedule: s.Schedule, TTL: s.TTL, Prove: s.Prove, Settle: s.Settle,
		Grace: s.Grace, ImportedGrace: s.ImportedGrace, Monitor: s.Monitor,
	}
}

func (l *laptop) monitor() keys.Monitor {
	m := l.config.Monitor()
	return keys.Monitor{Regions: m.Regions, LogGroup: m.LogGroup, Alarms: m.Alarms}
}

func profiles(names []string) (list []api.Profile) {
	for _, n := range names {
		list = append(list, api.Profile{Name: n, Key: n, Serve: "key"})
	}
	return list
}

// keychain is the laptop's, as one process reaches it: each call takes its time.
type keychain struct {
	*storetest.Faulty
	of *process
	r  *rand.Rand
}

func (k *keychain) pass(changing bool) error {
	time.Sleep(between(k.r, time.Millisecond, 30*time.Millisecond)) // the store makes one call at a time
	if changing && k.of.trap.Load() > 0 && k.of.trap.Add(-1) == 0 {
		k.of.fall()
	}
	if k.of.dead.Load() {
		return storetest.ErrCrashed
	}
	return nil
}

func (k *keychain) Get(ctx context.Context, name string) ([]byte, error) {
	if err := k.pass(false); err != nil {
		return nil, err
	}
	return k.Faulty.Get(ctx, name)
}

func (k *keychain) Set(ctx context.Context, name string, data []byte) error {
	if err := k.pass(true); err != nil {
		return err
	}
	return k.Faulty.Set(ctx, name, data)
}

func (k *keychain) Remove(ctx context.Context, name string) error {
	if err := k.pass(true); err != nil {
		return err
	}
	return k.Faulty.Remove(ctx, name)
}

func (k *keychain) Sync(ctx context.Context) error {
	if err := k.pass(true); err != nil {
		return err
	}
	return k.Faulty.Sync(ctx)
}

// moods locks the keychain for hours now and then, and loses, tears and delays
// writes in between.
func (l *laptop) moods(ctx context.Context) {
	r := l.w.actor(3)
	for rest(ctx, between(r, 2*time.Hour, 60*time.Hour)) {
		l.locks++
		l.items.Down([]error{store.ErrLocked, store.ErrUnavailable, store.ErrDenied}[r.IntN(3)])
		rest(ctx, between(r, time.Minute, 5*time.Hour))
		l.items.Down(nil)
		l.items.Land()
	}
}

// clumsy is the plan of the keychain's faults: of a thousand changes, per mill.
func clumsy(r *rand.Rand, per *atomic.Int32) func(storetest.Op, string) storetest.Fault {
	var mu sync.Mutex
	return func(storetest.Op, string) storetest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.Int32N(1000) >= per.Load() {
			return storetest.OK
		}
		return []storetest.Fault{storetest.Refused, storetest.Lost, storetest.Landed, storetest.Torn, storetest.Late}[r.IntN(5)]
	}
}

// clock is set wrong by an hour now and then, and right again.
func (l *laptop) clock(ctx context.Context) {
	r := l.w.actor(4)
	for rest(ctx, between(r, 20*time.Hour, 200*time.Hour)) {
		d := time.Hour
		if r.IntN(2) == 0 {
			d = -d
		}
		from := l.w.aws()
		l.w.wrong.Store(int64(d))
		rest(ctx, between(r, time.Minute, 10*time.Hour))
		l.w.wrong.Store(0)
		l.mu.Lock()
		l.wrong = append(l.wrong, span{from, l.w.aws()})
		l.mu.Unlock()
	}
}

// service is the daemon behind its socket, as far as anybody here asks it.
type service struct {
	api.Service
	set *keys.Set
}

func (s service) Credentials(profile string) ([]byte, error) { return s.set.Credentials(profile) }

func (s service) Status(context.Context) (api.Status, error) {
	return api.Status{Keys: s.set.List(), Warnings: s.set.Warnings()}, nil
}

func (s service) Add(ctx context.Context, name string, q api.AddRequest) (api.AddResult, error) {
	return s.set.Add(ctx, name, q)
}

func (s service) Rotate(ctx context.Context, name string, q api.RotateRequest) (api.Key, error) {
	return s.set.Rotate(ctx, name, q)
}

func (s service) Rollback(ctx context.Context, name string) (api.Key, error) {
	return s.set.Rollback(ctx, name)
}

func (s service) Pause(ctx context.Context, name string) (api.Key, error) {
	return s.set.Pause(ctx, name)
}

func (s service) Resume(ctx context.Context, name string) (api.Key, error) {
	return s.set.Resume(ctx, name)
}

func (s service) Resolve(ctx context.Context, name string, q api.ResolveRequest) (api.Key, error) {
	return s.set.Resolve(ctx, name, q)
}

var errNoDaemon = errors.New("there is no daemon")

// unserved counts a client that got no credentials.
func (l *laptop) unserved(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.without[err.Error()]++
}

// count is how often the history tells something of a key.
func (l *laptop) count(key, event string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told[key][event]
}

// unfounded are the holds that nobody brought about. A person rolls back; a wrong
// clock is told; and a lease that was given, or used, while the clock was wrong
// is used longer than the daemon can know, so that it looks like a stranger's.
func (l *laptop) unfounded() (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.holds {
		has := func(text string) bool { return strings.Contains(h.Text, text) }
		leases := span{h.switched.Add(-time.Hour), h.switched.Add(l.config.Rotation(h.Key).TTL + time.Hour)}
		switch {
		case has("in place of"), has("was stopped before"), has("clock has jumped"):
		case has("had stopped handing it out") && slices.ContainsFunc(l.wrong, func(w span) bool { return w.from.Before(leases.to) && w.to.After(leases.from) }):
		default:
			list = append(list, fmt.Sprintf("%s at %s, switched at %s: %s", h.Key, h.Time, h.switched, h.Text))
		}
	}
	return list
}
