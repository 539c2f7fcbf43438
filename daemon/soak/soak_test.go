//go:build unix

package soak

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // for a zone with summer time, on whatever system

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/store/storetest"
)

var seed = flag.Uint64("soak.seed", 1, "of the plan of a life; 0 draws one")

func TestMain(m *testing.M) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	time.Local = zone // schedules are in local time
	if err := openMe(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// subject is one key with its settings, and how many days its rotations lie
// apart at the most, on a laptop that is awake for a third of them.
type subject struct {
	name, settings string
	policy         awstest.Policy
	apart          float64
	with           string // the key that makes its first version; empty: it is taken in
}

const day = 24 * time.Hour

// TestAQuarter is the short form: the keys that rotate the most.
func TestAQuarter(t *testing.T) {
	run(t, 91, 2, []subject{
		{"daily", `every = "1d"`, awstest.Rotator(), 12, ""},
		{"hasty", "every = \"1d\"\ngrace = \"80m\"\nmonitor = \"1h\"", awstest.Rotator(), 12, ""},
		{"sunday", `schedule = "30 2 * * 0"`, awstest.Rotator(), 20, ""},
		{"monthly", `every = "30d"`, awstest.Rotator(), 60, ""},
	})
}

// run lets the subjects, each with so many clients, live for so many days.
func run(t *testing.T, days, clients int, subjects []subject) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test -tags long -run '%s' ./daemon/soak -soak.seed %d", s, t.Name(), s)
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		y := begin(t, s, subjects)
		y.live(days, clients)
		y.end()
	})
	t.Logf("%d days took %s", days, time.Since(began).Round(time.Second))
}

// year is the life of one laptop.
type year struct {
	t        *testing.T
	w        *world
	l        *laptop
	aws      *amazon
	person   *person
	subjects []subject
	clients  []*client
	faults   atomic.Int32 // of the keychain, per mill

	goroutines []int   // at the end of each quarter
	own        []int64 // bytes that the daemon's end set free, likewise, and after a month of one process
}

func begin(t *testing.T, seed uint64, subjects []subject) *year {
	w := &world{t: t, seed: seed}
	signingTime = w.wall
	y := &year{t: t, w: w, aws: newAmazon(w), subjects: subjects}
	y.l = &laptop{
		w: w, aws: y.aws, items: storetest.NewFaulty(), config: configuration(t, subjects), state: t.TempDir(),
		died: make(chan *process, 8), told: map[string]map[string]int{}, without: map[string]int{}, switched: map[string]time.Time{},
	}
	y.l.items.Plan = clumsy(w.actor(5), &y.faults)
	y.person = &person{l: y.l, r: w.actor(6)}
	y.l.boot()
	for _, s := range subjects {
		y.aws.CreateUser(s.name, "", s.policy)
		q := api.AddRequest{Create: &api.CreateRequest{User: s.name, With: s.with}}
		if s.with == "" {
			id, secret := y.aws.IssueKey(s.name)
			q = api.AddRequest{AccessKeyID: id, SecretAccessKey: secret}
		}
		if err := y.l.ask(t.Context(), func(ctx context.Context, c *api.Client) error { _, err := c.Add(ctx, s.name, q); return err }); err != nil {
			t.Fatal(err)
		}
	}
	y.awake(time.Hour) // until the made ones are there
	return y
}

// configuration is read from a file, as the daemon does.
func configuration(t *testing.T, subjects []subject) *config.Config {
	home := t.TempDir()
	path := filepath.Join(home, "config.toml")
	var text strings.Builder
	text.WriteString("[aws]\nregion = \"eu-west-1\"\n[monitor]\nregions = [\"eu-west-1\"]\nlog_group = \"trail\"\n")
	for _, s := range subjects {
		fmt.Fprintf(&text, "[keys.%s]\n%s\n", s.name, s.settings)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Paths{User: path, Home: home})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// live goes through the days, and then through a month in which nothing goes
// wrong any more.
func (y *year) live(days, clients int) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i, s := range y.subjects {
		for j := range clients {
			n := i*clients + j
			c := &client{l: y.l, profile: s.name, sdk: n % len(sdks), r: y.w.actor(100 + uint64(n))}
			y.clients = append(y.clients, c)
			all.Go(func() { c.live(ctx) })
		}
	}
	bad, calm := context.WithCancel(ctx)
	var moods sync.WaitGroup
	for _, mood := range []func(context.Context){y.aws.weather, y.l.moods, y.l.clock} {
		moods.Go(func() { mood(bad) })
	}
	y.aws.bad.Store(3)
	y.faults.Store(4)
	start := y.w.aws()
	for quarter := 1; quarter*91 <= days; quarter++ {
		y.days(start.Add(time.Duration(quarter) * 91 * day))
		y.count()
		y.weigh()
	}
	calm()
	moods.Wait()
	y.aws.bad.Store(0)
	y.faults.Store(0)
	y.l.items.Land()
	y.l.now.Load().disarm()
	y.quiet(30 * day)
	y.weigh()
	cancel()
	all.Wait()
}

// days are those of a laptop that is used for eight hours of each, more or less.
func (y *year) days(end time.Time) {
	r := y.w.actor(uint64(7 + len(y.goroutines)))
	for y.w.aws().Before(end) {
		for left := 8 * time.Hour; left > 0; {
			some := between(r, 5*time.Minute, 2*time.Hour)
			y.awake(some)
			left -= some
			switch n := r.IntN(100); {
			case n < 15:
				y.w.sleep(between(r, time.Minute, 4*time.Hour))
			case n < 17:
				y.l.crash(y.l.now.Load())
				if r.IntN(2) == 0 {
					y.l.powerLoss(r)
				}
				y.again(between(r, 0, 10*time.Minute))
			case n < 19:
				y.l.stop()
				y.again(between(r, 0, time.Minute))
			case n < 25:
				y.l.now.Load().ambush(r)
			}
		}
		y.person.look(context.Background())
		y.w.sleep(y.night(r.IntN(40) == 0))
	}
}

// night is the time to nine o'clock, or after a journey.
func (y *year) night(journey bool) time.Duration {
	now := y.w.aws().In(time.Local)
	days := 1
	if journey {
		days = 8
	}
	return time.Date(now.Year(), now.Month(), now.Day()+days, 9, 0, 0, 0, time.Local).Sub(now)
}

// awake lets the programs run, and begins the daemon anew when it has died.
func (y *year) awake(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case p := <-y.l.died:
			if p == y.l.now.Load() { // else it was stopped at that very moment
				y.l.crash(p)
				y.again(time.Minute)
			}
		case <-t.C:
			return
		}
	}
}

func (y *year) again(after time.Duration) {
	time.Sleep(after)
	y.l.boot()
}

// count counts goroutines when every key is read and little is under way.
func (y *year) count() {
	y.l.now.Load().disarm()
	y.awake(time.Minute)
	y.l.ending.Wait()
	for len(y.status()) < len(y.subjects) { // the keychain may be locked for hours
		y.awake(time.Minute)
	}
	least := 1 << 30
	for range 50 {
		synctest.Wait()
		least = min(least, runtime.NumGoroutine())
		time.Sleep(10 * time.Second)
	}
	y.goroutines = append(y.goroutines, least)
}

// weigh ends the daemon and looks at how much memory that sets free: what is
// left is the emulator's.
func (y *year) weigh() {
	y.awake(time.Hour)
	with := heap()
	y.l.stop()
	y.l.now.Store(nil)
	y.l.aws.executed.Store(nil)
	y.own = append(y.own, with-heap())
	y.l.boot()
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// quiet is a time without faults, in which a person settles what is held.
func (y *year) quiet(d time.Duration) {
	for end := y.w.aws().Add(d); y.w.aws().Before(end); {
		y.awake(8 * time.Hour)
		for _, k := range y.status() {
			if k.Hold != nil {
				y.person.settle(context.Background(), k)
			} else if k.Paused {
				y.l.ask(context.Background(), func(ctx context.Context, c *api.Client) error { _, err := c.Resume(ctx, k.Name); return err })
			}
		}
		y.w.sleep(y.night(false))
	}
}

func (y *year) status() []api.Key {
	var status api.Status
	err := y.l.ask(context.Background(), func(ctx context.Context, c *api.Client) (err error) { status, err = c.Status(ctx); return err })
	if err != nil {
		y.t.Error(err)
	}
	return status.Keys
}

// settled are the phases in which a year may end.
var settled = []string{"steady", "draining", "monitoring"}

// end looks at what is left of the year.
func (y *year) end() {
	t := y.t
	for range 48 { // of those that rotate daily one is always in the middle
		if !slices.ContainsFunc(y.status(), func(k api.Key) bool { return !slices.Contains(settled, k.Phase) }) {
			break
		}
		time.Sleep(30 * time.Minute)
	}
	if n := len(y.status()); n != len(y.subjects) {
		t.Errorf("%d keys are left", n)
	}
	noted, _ := os.ReadFile(filepath.Join(y.l.state, "created"))
	for _, k := range y.status() {
		if !slices.Contains(settled, k.Phase) {
			t.Errorf("%s ends %s: %+v", k.Name, k.Phase, k.Hold)
		}
		known := []string{k.AccessKeyID}
		if k.Previous != nil {
			known = append(known, k.Previous.AccessKeyID)
		}
		for _, in := range y.aws.Keys(k.Name) {
			if !slices.Contains(known, in.ID) {
				t.Errorf("%s of %s is in IAM and not in the store (%s); noted: %v", in.ID, k.Name, in.Status, strings.Contains(string(noted), in.ID))
			}
		}
	}
	y.l.stop()
	y.l.ending.Wait()
	y.aws.close()
	y.tell()
}

func (y *year) tell() {
	t, days := y.t, y.w.aws().Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Hours()/24
	t.Logf("%.0f days: %d sleeps, %d starts of the daemon, %d of them after a crash, %d outages of AWS, %d of the keychain, %d wishes of a person (%d not granted)",
		days, y.w.naps, y.l.began, y.l.crashes, y.aws.outages, y.l.locks, y.person.asked, y.person.failed)
	for _, s := range y.subjects {
		n := y.l.count(s.name, "switched")
		t.Logf("%-12s %3d rotations, %2d orphans, %2d given up, %2d times back", s.name, n, y.l.count(s.name, "orphan"), y.l.count(s.name, "gave-up"), y.l.count(s.name, "rolled-back"))
		if float64(n) < days/s.apart {
			t.Errorf("%s was rotated %d times in %.0f days", s.name, n, days)
		}
	}
	var signed, last, slow int64
	for _, c := range y.clients {
		signed, last, slow = signed+c.signed.Load(), last+c.last.Load(), slow+c.slow.Load()
		if c.signed.Load() == 0 || c.versions.Load() < 2 {
			t.Errorf("a client of %s signed %d requests with %d access keys", c.profile, c.signed.Load(), c.versions.Load())
		}
	}
	daemon, clients := y.aws.Counts()
	t.Logf("clients signed %d requests, %d in the last 10 ms that their SDK allows, %d of those were under way for 14 minutes; %d were refused %s", signed, last, slow, clients.Refused, y.aws.first)
	t.Logf("the daemon made %d calls to AWS; clients without credentials, by what they were told: %v", daemon.Signed+daemon.Refused, y.l.without)
	for why, n := range y.l.without {
		if strings.Contains(why, "HTTP/") && !strings.Contains(why, " 423 ") { // a daemon that began with a locked keychain
			t.Errorf("%d times the daemon answered %q", n, why)
		}
	}
	if clients.Refused > 0 || last == 0 || slow == 0 {
		t.Error("clients noticed the rotations, or nobody went to the last")
	}
	for _, text := range y.l.unfounded() {
		t.Error("held for nothing that happened here:", text)
	}
	t.Logf("goroutines %v, the daemon's own memory %v", y.goroutines, y.own)
	for _, n := range y.goroutines {
		if n > y.goroutines[0]+2 {
			t.Errorf("goroutines have become more: %v", y.goroutines)
		}
	}
	for _, n := range y.own {
		if n > 2*y.own[0]+64<<10 {
			t.Errorf("the daemon has grown: %v", y.own)
		}
	}
}
