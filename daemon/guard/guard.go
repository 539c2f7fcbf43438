// Package guard watches a person's AWS files for what undoes moving in: a key that
// is pasted in plaintext, one that shadows a profile of ours, a line of ours that
// runs nothing. It warns at once, and where it is told to it takes the key in.
//
// It must never stand in the way of serving or rotating, never tell a secret, and
// never be steered by the files but in what it warns of and takes in.
package guard

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/daemon/filewatch"
)

// Daemon is what the guard asks of the daemon: what a person could ask as well.
type Daemon interface {
	// Held are the keys and profiles there are, from memory: the guard looks often,
	// and must not ask the keychain each time. They are not known while the store is
	// not open.
	Held() (held Held, known bool)
	Add(ctx context.Context, name string, r api.AddRequest) (api.AddResult, error)
	Credentials(profile string) ([]byte, error)
}

// Held are the keys and profiles that the daemon has.
type Held struct {
	Keys     []api.Key
	Profiles []api.Profile
}

// Options are what a Guard lives on.
type Options struct {
	Files     awsfiles.Files
	Downloads string // the folder of downloads
	Helper    string // the path of the helper beside this daemon
	Daemon    Daemon
	GivenOut  func(id string) bool // it stands in plaintext because a person wanted that
	Settings  func() Settings      // in force at that moment
	Tell      func(api.Event)
	Notify    func(ctx context.Context, title, text string) // shows it on the desktop; it may take a while
}

// Settings are the table [guard] of the configuration.
type Settings struct{ Adopt, Downloads bool }

// Guard watches until Run ends. Methods are safe for concurrent use.
type Guard struct {
	Options
	told     map[string]bool // what is there and was told, by what and where
	shown    map[string]bool // access key ids that are there and were shown on the desktop
	tries    map[string]try  // of taking a key in, by its id
	notified sync.WaitGroup
	nudge    chan struct{}

	mu       sync.Mutex // guards warnings
	warnings []api.Warning
}

// New returns a Guard that does not watch yet.
func New(o Options) *Guard {
	return &Guard{Options: o, told: map[string]bool{}, shown: map[string]bool{}, tries: map[string]try{}, nudge: make(chan struct{}, 1)}
}

// Look makes Run look again soon: the settings have changed.
func (g *Guard) Look() {
	select {
	case g.nudge <- struct{}{}:
	default: // it is about to
	}
}

// Run watches until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	filewatch.Watch(ctx, g.nudge, g.folders, func() bool { return g.look(ctx) })
	g.notified.Wait()
}

// Warnings are those of the last look.
func (g *Guard) Warnings() []api.Warning {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.warnings)
}

func (g *Guard) folders() []string {
	list := append(filewatch.Folders(g.Files.Config), filewatch.Folders(g.Files.Credentials)...)
	if g.Settings().Downloads {
		// As if it were a file of that folder, which need not be there yet.
		list = append(list, filewatch.Folders(filepath.Join(g.Downloads, "x"))...)
	}
	return list
}

// look finds what is wrong now. What is seen for the first time is told as an event,
// and a key on the desktop; it may be told again once it was gone. While anything is
// wrong, all is not well: taking a key in is tried again.
func (g *Guard) look(ctx context.Context) (well bool) {
	seen, whole := g.find()
	g.warn(seen) // at once: AWS may take its time
	// Never taken in out of half of what is there: the other half may say something
	// else.
	switch adopt := g.Settings().Adopt; {
	case !adopt:
		clear(g.tries)
		g.warn(seen)
	case whole:
		if g.adopt(ctx, seen) {
			seen, whole = g.find()
		}
		g.warn(seen) // with what came of it
	}
	told, shown := map[string]bool{}, map[string]bool{}
	if !whole { // nothing is known to be gone
		told, shown = g.told, g.shown
	}
	for _, s := range seen {
		if !g.told[s.key()] {
			g.Tell(api.Event{Time: time.Now().UTC(), Event: s.warning.Code, AccessKeyID: s.found.AccessKeyID, Text: s.warning.Text})
		}
		told[s.key()] = true
		if id := s.found.AccessKeyID; id != "" { // the rest is not worth an interruption
			if !g.shown[id] && !shown[id] {
				g.show(ctx, s.warning)
			}
			shown[id] = true
		}
	}
	g.told, g.shown = told, shown
	return whole && len(seen) == 0
}

func (g *Guard) warn(seen []sight) {
	var list []api.Warning
	for _, s := range seen {
		w := s.warning
		if t, failed := g.tries[s.found.AccessKeyID]; failed {
			w.Text += "; taking it in failed: " + t.err.Error()
		}
		list = append(list, w)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.warnings = list
}

// notifyWithin bounds a notification, whatever the desktop does.
const notifyWithin = 2 * time.Second

func (g *Guard) show(ctx context.Context, w api.Warning) {
	g.notified.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, notifyWithin)
		defer cancel()
		g.Notify(ctx, "An AWS access key lies in plaintext", w.Text+"\n"+w.Remedy)
	})
}
